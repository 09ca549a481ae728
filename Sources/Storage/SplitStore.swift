package import Instants
import Synchronization

/// The kinds that may lie in a second store, where they may be lost: a closed list.
///
/// A kind is here only if no `apply` and no `find` of Signet touches it together with another one, if it belongs to no
/// family, and if its loss costs little. Interactions, codes, device codes and the sessions that codes and tokens rest on
/// are not: they are written in one apply with records that must not be lost (decision 0026 says with which).
package enum VolatileKind: String, CaseIterable, Sendable {
    case visit
    case upstreamLogin = "upstream-login"
    case throttle
    case clientAssertion = "client-assertion"
    case applicationSession = "application-session"

    package var kind: RecordKind { RecordKind(rawValue) }

    /// Those whose loss or return lets nobody in: what a second store keeps unless the operator names others.
    ///
    /// Without the spent `client-assertion`s a copy of one is accepted again, and without the `application-session`s people
    /// are signed out, so that it takes an operator who names them.
    package static let standard: [VolatileKind] = [.visit, .upstreamLogin, .throttle]

    /// What it means that records of this kind are lost.
    package var loss: String {
        switch self {
        case .visit: "whoever was on the way to a page signs in once more"
        case .upstreamLogin: "whoever was on the way to another provider begins anew"
        case .throttle: "failed attempts are counted from zero, so a guesser gets his first guesses again"
        case .clientAssertion: "a client's assertion that somebody has copied counts once more, until it expires"
        case .applicationSession: "whoever is signed in to an application in session mode signs in once more"
        }
    }
}

/// One store of two: the kinds of `volatile` go to a second backend, all others stay in the first.
///
/// What would touch both is refused before anything is read or written, for there is no transaction over two engines.
package final class SplitStore: StoreBackend {
    private let durable: any StoreBackend
    private let volatile: any StoreBackend
    private let kinds: Set<RecordKind>
    /// Which store the next sweep begins with.
    private let turn = Mutex(false)

    /// Routes `kinds` to `volatile`.
    package init(durable: any StoreBackend, volatile: any StoreBackend, kinds: Set<VolatileKind>) {
        self.durable = durable
        self.volatile = volatile
        self.kinds = Set(kinds.map(\.kind))
    }

    /// Both places.
    package var location: String { "\(durable.location) and \(volatile.location)" }

    private func backend(of touched: some Sequence<RecordKind>) throws(StoreError) -> any StoreBackend {
        var isVolatile: Bool?
        for kind in touched {
            let belongs = kinds.contains(kind)
            guard belongs == isVolatile ?? belongs else {
                throw .corrupt(
                    reason: "a request touches \(kind) and a kind of the other store, which no store can do at once"
                )
            }
            isVolatile = belongs
        }
        return isVolatile == true ? volatile : durable
    }

    package nonisolated(nonsending) func find(
        _ lookups: [Lookup],
        now: Instant
    ) async throws(StoreError) -> [Record?] {
        try await backend(of: lookups.map(\.kind)).find(lookups, now: now)
    }

    /// Of one of the two; what touches both is left to ``find(_:now:)``, which refuses it.
    package func recall(_ lookups: [Lookup], now: Instant) -> [Record?]? {
        try? backend(of: lookups.map(\.kind)).recall(lookups, now: now)
    }

    package nonisolated(nonsending) func apply(
        _ changes: [Change],
        now: Instant
    ) async throws(StoreError) -> ApplyOutcome {
        var touched: [RecordKind] = []
        var revoked: String?
        for change in changes {
            switch change {
            case .insert(let record), .replace(let record, _):
                // Then revoking a family is the first store's alone.
                guard record.family == nil || !kinds.contains(record.key.kind) else {
                    throw .corrupt(
                        reason: "a \(record.key.kind) belongs to a family, which the second store cannot revoke"
                    )
                }
                touched.append(record.key.kind)
            case .consume(let key), .delete(let key), .require(let key, _), .requireAbsent(let key):
                touched.append(key.kind)
            case .revokeFamily(let family): revoked = family
            }
        }
        let backend = try backend(of: touched)
        guard revoked == nil || !touched.contains(where: kinds.contains) else {
            throw .corrupt(reason: "a family is revoked together with a kind of the other store")
        }
        return try await backend.apply(changes, now: now)
    }

    package nonisolated(nonsending) func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await backend(of: [kind]).page(kind, filter: filter, after: after, limit: limit, now: now)
    }

    /// Both are swept in every call, each with at least its half: neither waits until the other has nothing left.
    ///
    /// What one of them has against it is told by a call that finds nothing in the other.
    package nonisolated(nonsending) func sweep(now: Instant, limit: Int) async throws(StoreError) -> Int {
        let limit = StoreLimits.sweepSize(asked: limit)
        guard limit > 0 else { return 0 }
        // By turns, so that the odd record of a limit is not the same store's for ever.
        let isTurned = turn.withLock { turn in
            turn.toggle()
            return turn
        }
        let (first, second) = isTurned ? (volatile, durable) : (durable, volatile)
        let half = (limit + 1) / 2
        var parts: [Int] = []
        var failure: StoreError?
        for (store, share) in [(first, half), (second, limit), (first, limit)] {
            // The first once more only where its half was not enough: so less than the limit means that no more is left.
            let rest = limit - parts.reduce(0, +)
            guard rest > 0, parts.count < 2 || parts[0] == half else { break }
            do throws(StoreError) {
                parts.append(try await store.sweep(now: now, limit: min(share, rest)))
            } catch {
                failure = error
                parts.append(0)
            }
        }
        let swept = parts.reduce(0, +)
        if swept == 0, let failure { throw failure }
        return swept
    }

    /// Both must answer.
    package nonisolated(nonsending) func checkHealth() async throws(StoreError) {
        try await durable.checkHealth()
        try await volatile.checkHealth()
    }

    /// Those of the first: nobody waits for what the second keeps.
    package func announcements() -> AsyncStream<Void>? { durable.announcements() }

    package nonisolated(nonsending) func close() async throws(StoreError) {
        try await durable.close()
        try await volatile.close()
    }
}
