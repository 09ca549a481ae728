import Accounts
import Instants
import JOSE
import OAuthVocabulary
import Storage
import Synchronization

/// A fixed moment: 2026-01-01T00:00:00Z.
let start = Instant(secondsSinceEpoch: 1_767_225_600)

/// Bytes that look random and are the same in every run.
func seededRandomness(_ seed: UInt64 = 1) -> @Sendable (Int) -> [UInt8] {
    let state = SeededState(seed)
    return { count in (0..<count).map { _ in state.next() } }
}

private final class SeededState: Sendable {
    private let value: Mutex<UInt64>

    init(_ seed: UInt64) { value = Mutex(seed) }

    /// SplitMix64, the top byte.
    func next() -> UInt8 {
        value.withLock { value in
            value &+= 0x9E37_79B9_7F4A_7C15
            var z = value
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return UInt8(truncatingIfNeeded: (z ^ (z >> 31)) >> 56)
        }
    }
}

/// A memory store that remembers what was applied, and in which others can get in between.
final class WatchedStore: ForwardingStore {
    let destination: any Store = MemoryStore()
    private let applied = Mutex<[[Change]]>([])
    private let failure = Mutex<StoreError?>(nil)
    private let gathering = Mutex((reading: 0, expected: 0))
    private let intruder = Mutex<(@Sendable () async -> Void)?>(nil)

    /// Every list of changes that was applied, in order.
    var applies: [[Change]] { applied.withLock { $0 } }

    func failFromNowOn(_ error: StoreError?) { failure.withLock { $0 = error } }

    /// The first `count` readers are kept until all of them have read: as parallel as requests can be.
    func gatherReaders(_ count: Int) { gathering.withLock { $0 = (reading: 0, expected: count) } }

    /// Runs once, between the next reading and the writing that rests on it.
    func beforeNextApply(_ body: @escaping @Sendable () async -> Void) { intruder.withLock { $0 = body } }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try check()
        let found = try await destination.find(lookups, now: now)
        gathering.withLock { $0.reading += 1 }
        while gathering.withLock({ $0.reading < $0.expected }) { await Task.yield() }
        return found
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let body = intruder.withLock { body in
            defer { body = nil }
            return body
        }
        await body?()
        try check()
        let outcome = try await destination.apply(changes, now: now)
        if outcome == .applied { applied.withLock { $0.append(changes) } }
        return outcome
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try check()
        return try await destination.page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    private func check() throws(StoreError) {
        if let error = failure.withLock({ $0 }) { throw error }
    }
}

extension PasswordHasher.Parameters {
    /// As cheap as argon2 gets, for tests that do not measure it.
    static let cheap = PasswordHasher.Parameters(memoryKiB: 8, iterations: 1, lanes: 1)
}

/// A record that says what ended: `ended` records named by the text.
func ended(_ what: String, now: Instant) -> Change {
    .insert(
        Record(
            key: RecordKey(
                kind: RecordKind("ended"),
                identifier: IdentifierHash(bytes: Array("\(what) at \(now.millisecondsSinceEpoch)".utf8))
            ),
            payload: []
        )
    )
}

let endingsInWriting = Endings(
    subject: { (subject, _, now) async throws(StoreError) in [ended("subject \(subject)", now: now)] },
    session: { (id, subject, now) async throws(StoreError) in [ended("session \(id) of \(subject)", now: now)] }
)

/// One store with people and sessions on it.
struct House: Sendable {
    let store = WatchedStore()
    let hasher: PasswordHasher
    let people: People
    let sessions: Sessions

    init(parameters: PasswordHasher.Parameters = .cheap, lifetimes: Sessions.Lifetimes = .standard) {
        hasher = PasswordHasher(parameters: parameters, randomness: seededRandomness(2))
        people = People(
            store: store,
            passwords: hasher,
            randomness: seededRandomness(3),
            endings: endingsInWriting
        )
        sessions = Sessions(
            store: store,
            lifetimes: lifetimes,
            randomness: seededRandomness(4),
            endings: endingsInWriting
        )
    }

    /// The same store seen by a process that hashes with other parameters.
    func people(hashingWith hasher: PasswordHasher) -> People {
        People(store: store, passwords: hasher, randomness: seededRandomness(5), endings: endingsInWriting)
    }
}

let rightPassword = Secret("correct horse battery")
let wrongPassword = Secret("incorrect horse battery")
