// Room: throttling. Slows down guessing by account and address, and locks nobody out (RFC 6749 §2.3.1, FIELD L35-L36).
// Stores `throttle` records: counters that survive a restart and expire by themselves.

package import Instants
package import Storage

/// Counts failed attempts and says how long the next one has to wait.
///
/// Where checking is slow (passwords): `reserve` before, so that the attempt is counted before its answer is known and
/// a hundred parallel guesses cannot all be the first (CVE-2024-4629); then `recordSuccess` if it succeeded, `release`
/// if it was never judged, nothing if it failed. Where checking is fast and nearly always succeeds (client
/// authentication at the token endpoint): `wait` before, which only reads, and `recordFailure` on failure.
package struct Throttle: Sendable {
    /// How far ahead of an attempt's own moment another one may have been counted: requests overtake each other.
    static let overtaking: Duration = .seconds(60)

    /// How many failures are free and what the others cost.
    package struct Policy: Hashable, Sendable {
        /// Failures at one account from one address before waiting begins.
        package var freeFailures: Int
        /// The same while the account is under attack from many addresses.
        package var freeFailuresUnderAttack: Int
        /// The first wait; each further failure doubles it.
        package var firstWait: Duration
        package var longestWait: Duration
        /// How long after the last failure an account and address together are forgotten.
        package var pairMemory: Duration
        /// Failures from one address, at whatever accounts, in one window.
        package var addressFailures: Int
        package var addressWindow: Duration
        /// More failures than this at one account in one window are an attack.
        package var attackFailures: Int
        package var attackWindow: Duration

        package init(
            freeFailures: Int = 5,
            freeFailuresUnderAttack: Int = 1,
            firstWait: Duration = .seconds(2),
            longestWait: Duration = .seconds(15 * 60),
            pairMemory: Duration = .seconds(24 * 3600),
            addressFailures: Int = 50,
            addressWindow: Duration = .seconds(15 * 60),
            attackFailures: Int = 100,
            attackWindow: Duration = .seconds(3600)
        ) {
            self.freeFailures = freeFailures
            self.freeFailuresUnderAttack = freeFailuresUnderAttack
            self.firstWait = firstWait
            self.longestWait = longestWait
            self.pairMemory = pairMemory
            self.addressFailures = addressFailures
            self.addressWindow = addressWindow
            self.attackFailures = attackFailures
            self.attackWindow = attackWindow
        }

        /// For people, whose passwords can be guessed.
        package static let people = Policy()
        /// For clients, whose secrets cannot: milder, since one instance with an old secret shares its address with
        /// those that have the new one.
        package static let clients = Policy(
            freeFailures: 20,
            freeFailuresUnderAttack: 5,
            longestWait: .seconds(30),
            pairMemory: .seconds(3600),
            addressFailures: 100,
            addressWindow: .seconds(5 * 60)
        )
        /// For codes that devices show, of which there are 20^8: at five free guesses an hour it takes a person longer than
        /// any code lives.
        package static let userCodes = Policy(freeFailures: 5, pairMemory: .seconds(3600))
    }

    private let store: any Store
    private let people: Policy
    private let clients: Policy
    private let userCodes: Policy

    /// How often a count is tried again.
    ///
    /// Whoever loses that often is one of a crowd from one address, whose window is full by then.
    private static let maximumTries = 128
    /// How often it is tried with the account's own counter.
    ///
    /// It only tells whether there is an attack, so a few missed counts are cheaper than making its owner wait for the
    /// attackers.
    private static let maximumTriesWithAccount = 8
    private static let waitWhenContended = Duration.seconds(1)

    package init(
        store: any Store,
        people: Policy = .people,
        clients: Policy = .clients,
        userCodes: Policy = .userCodes
    ) {
        self.store = store
        self.people = people
        self.clients = clients
        self.userCodes = userCodes
    }

    /// `nil` to go ahead, and the attempt is counted as failed until `recordSuccess` or `release` says otherwise;
    /// otherwise how long to wait, and nothing is counted.
    package func reserve(_ attempt: Attempt, now: Instant) async throws(StoreError) -> Duration? {
        try await count(attempt, now: now) { state in state.wait(now: now) }
    }

    /// The attempt that was reserved succeeded: account and address together are forgotten, the other two counters lose
    /// what the reservation added.
    package func recordSuccess(_ attempt: Attempt, now: Instant) async throws(StoreError) {
        try await giveBack(attempt, now: now) { _ in nil }
    }

    /// The attempt that was reserved was never judged.
    package func release(_ attempt: Attempt, now: Instant) async throws(StoreError) {
        try await giveBack(attempt, now: now) { $0.givingBack() }
    }

    /// How long to wait; `nil` to go ahead.
    ///
    /// Counts nothing.
    package func wait(for attempt: Attempt, now: Instant) async throws(StoreError) -> Duration? {
        let found = try await store.find(attempt.lookups, now: now)
        // As a rule nobody has failed, and nothing has to be judged.
        guard found.contains(where: { $0 != nil }) else { return nil }
        return try State(attempt, policy(attempt), found).wait(now: now)
    }

    /// Counts an attempt that failed and was not reserved.
    package func recordFailure(_ attempt: Attempt, now: Instant) async throws(StoreError) {
        _ = try await count(attempt, now: now) { _ in nil }
    }

    private func policy(_ attempt: Attempt) -> Policy {
        switch attempt.scope {
        case .login: people
        case .clientAuthentication: clients
        case .userCode: userCodes
        }
    }

    /// Counts the attempt unless `refusal` has a wait for it; tried again until nobody else counted in between.
    private func count(
        _ attempt: Attempt,
        now: Instant,
        unless refusal: (State) -> Duration?
    ) async throws(StoreError) -> Duration? {
        for attemptNumber in 0..<Self.maximumTries {
            let state = try State(attempt, policy(attempt), await store.find(attempt.lookups, now: now))
            if let wait = refusal(state) { return wait }
            let counters = attemptNumber < Self.maximumTriesWithAccount ? state.counters : state.countersOfAddress
            let changes = counters.map { $0.change(to: $0.counting(at: now)) }
            if try await store.apply(changes, now: now) == .applied { return nil }
        }
        return Self.waitWhenContended
    }

    private func giveBack(
        _ attempt: Attempt,
        now: Instant,
        pair: (Tally) -> Tally?
    ) async throws(StoreError) {
        for attemptNumber in 0..<Self.maximumTries {
            let state = try State(attempt, policy(attempt), await store.find(attempt.lookups, now: now))
            var changes: [Change] = []
            for counter in attemptNumber < Self.maximumTriesWithAccount ? state.counters : state.countersOfAddress {
                guard let tally = counter.tally else { continue }
                let isPair = counter.key == attempt.pair
                let after = isPair ? pair(tally) : tally.givingBack()
                changes.append(after.map(counter.change(to:)) ?? .delete(counter.key))
            }
            if try await store.apply(changes, now: now) == .applied { return }
        }
        // Contended to the end: what is not given back counts as one failure that was none, and expires.
    }
}

/// One counter as it was read.
private struct Counter {
    var key: RecordKey
    var version: Int64?
    var tally: Tally?
    var expiry: @Sendable (Tally) -> Instant

    mutating func read(_ tally: Tally, version: Int64) {
        self.tally = tally
        self.version = version
    }

    func counting(at now: Instant) -> Tally {
        // A counter that began far in the future was written before the clock stepped back, and begins again.
        guard let tally, tally.since <= now + Throttle.overtaking else {
            return Tally(failures: 1, since: now, last: now)
        }
        return tally.counting(at: now)
    }

    func change(to tally: Tally) -> Change {
        let record = Record(key: key, version: version ?? 1, expiresAt: expiry(tally), payload: tally.payload)
        guard let version else { return .insert(record) }
        return .replace(record, ifVersion: version)
    }
}

/// The counters of one attempt, read at one moment.
private struct State {
    private let policy: Throttle.Policy
    private var pair: Counter?
    private var address: Counter
    private var account: Counter?

    /// In the order in which they are written.
    var counters: [Counter] { countersOfAddress + (account.map { [$0] } ?? []) }
    var countersOfAddress: [Counter] { (pair.map { [$0] } ?? []) + [address] }

    /// - Parameter found: what the attempt's lookups led to.
    init(_ attempt: Attempt, _ policy: Throttle.Policy, _ found: [Record?]) throws(StoreError) {
        self.policy = policy
        address = Counter(key: attempt.address, expiry: { policy.addressExpiry($0) })
        pair = attempt.pair.map { Counter(key: $0, expiry: { policy.pairExpiry($0) }) }
        account = attempt.account.map { Counter(key: $0, expiry: { policy.accountExpiry($0) }) }
        for record in found.compactMap({ $0 }) {
            let tally = try Tally(record)
            switch record.key {
            case attempt.address: address.read(tally, version: record.version)
            case attempt.pair: pair?.read(tally, version: record.version)
            default: account?.read(tally, version: record.version)
            }
        }
    }

    func wait(now: Instant) -> Duration? {
        let isUnderAttack = policy.isUnderAttack(account?.tally)
        let waits = [
            policy.pairWait(pair?.tally, isUnderAttack: isUnderAttack, now: now),
            policy.addressWait(address.tally, now: now),
        ]
        return waits.compactMap { $0 }.max()
    }
}
