import Instants
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import Accounts

/// A backend in memory that can fail, lose everything, and go back to an older state.
final class FadingStore: StoreBackend {
    private struct State {
        var memory = MemoryStore()
        /// Every apply, with which an older state is made again.
        var log: [(changes: [Change], now: Instant)] = []
        var isDown = false
        var failsToApply = false
        var intruder: (@Sendable () async -> Void)?
    }

    private let state = Mutex(State())

    var location: String { "memory" }
    /// How many lists of changes were applied: an age to go back to.
    var age: Int { state.withLock { $0.log.count } }
    /// Every list of changes that was applied, in order.
    var applies: [[Change]] { state.withLock { $0.log.map(\.changes) } }

    func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }
    func setFailing(toApply fails: Bool) { state.withLock { $0.failsToApply = fails } }
    /// Runs once, before the next apply.
    func beforeNextApply(_ body: @escaping @Sendable () async -> Void) { state.withLock { $0.intruder = body } }

    func goBack(to age: Int) async throws {
        let log = state.withLock { Array($0.log.prefix(age)) }
        let memory = MemoryStore()
        for entry in log { #expect(try await memory.apply(entry.changes, now: entry.now) == .applied) }
        state.withLock { state in
            state.memory = memory
            state.log = log
        }
    }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try await memory().find(lookups, now: now)
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let intruder = state.withLock { state in
            defer { state.intruder = nil }
            return state.intruder
        }
        await intruder?()
        if state.withLock({ $0.failsToApply }) { throw .unavailable(reason: "planted") }
        let outcome = try await memory().apply(changes, now: now)
        if outcome == .applied { state.withLock { $0.log.append((changes, now)) } }
        return outcome
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await memory().page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        try await memory().sweep(now: now, limit: limit)
    }

    func checkHealth() async throws(StoreError) { _ = try memory() }
    func announcements() -> AsyncStream<Void>? { nil }
    func close() async throws(StoreError) {}

    private func memory() throws(StoreError) -> MemoryStore {
        let (memory, isDown) = state.withLock { ($0.memory, $0.isDown) }
        if isDown { throw .unavailable(reason: "planted") }
        return memory
    }
}

/// People and sessions over a store that loses nothing and one that may.
struct SplitHouse: Sendable {
    static let web = ClientID("web")

    let durable = FadingStore()
    let volatile = FadingStore()
    let store: SplitStore
    let people: People
    let sessions: Sessions

    init() {
        let store = SplitStore(durable: durable, volatile: volatile, kinds: [.applicationSession])
        self.store = store
        people = People(
            store: store,
            passwords: PasswordHasher(parameters: .cheap, randomness: seededRandomness(2)),
            randomness: seededRandomness(3),
            endings: endingsInWriting
        )
        sessions = Self.sessions(on: store)
    }

    static func sessions(on store: any Store, seed: UInt64 = 4, apart: SessionsApart? = sealing()) -> Sessions {
        Sessions(store: store, randomness: seededRandomness(seed), endings: endingsInWriting, apart: apart)
    }

    static func sealing(by key: UInt8 = 1) -> SessionsApart {
        // Keyed by a prefix: nobody here extends anything.
        SessionsApart { message in IdentifierHash.sha256(of: [key] + message).bytes }
    }

    func person(_ username: String = "alice") async throws -> Person {
        try await people.create(NewPerson(username: username), password: nil, now: start)
    }

    func open(
        _ person: Person,
        at client: ClientID? = web,
        now: Instant = start,
        bearsTokens: Bool = false
    ) async throws -> (cookie: Secret, session: Session) {
        try await sessions.open(
            for: person,
            at: try #require(client),
            idle: nil,
            absolute: nil,
            amr: ["pwd"],
            acr: "1",
            now: now,
            bearsTokens: bearsTokens
        )
    }

    func find(_ cookie: Secret, now: Instant = start) async throws -> Session? {
        try await sessions.find(cookie: cookie, at: try #require(Self.web), now: now)
    }

    /// How often the end of this session was written, with whatever goes with it.
    func endings(of id: SessionID) -> Int {
        durable.applies.joined().count { change in
            guard case .insert(let record) = change, record.key.kind == RecordKind("ended") else { return false }
            return String(decoding: record.key.identifier.bytes, as: UTF8.self).hasPrefix("session \(id) ")
        }
    }
}
