import Instants
import OAuthVocabulary

/// What is ended now, over all audiences: what the log amounts to once the expired and the subsumed are left out.
///
/// A pure value: every node that takes in the same batches in the same order holds the same. It decides when the set of
/// an audience has grown beyond its bound and which cut-off takes the place of many entries; that decision is written into
/// the log, so that every node and every reader follows it.
struct LiveEndings: Sendable {
    /// The effect of one ending, or of several that ended the same.
    struct Effect: Hashable, Sendable {
        var notBefore: Instant
        var expiresAt: Instant
        /// Whose tokens alone are affected, where that is one client's.
        var client: ClientID?

        /// Whether whatever `other` voids is void by this as well, and for as long.
        func covers(_ other: Effect) -> Bool { notBefore >= other.notBefore && expiresAt >= other.expiresAt }
    }

    typealias Table = [RevocationTarget: Effect]

    /// What concerns every audience stands under this name.
    private static let every = ""

    let bound: Int
    private var tables: [String: Table] = [:]
    /// The sum of all tables: while it is within the bound, every audience is.
    private(set) var count = 0

    init(bound: Int) { self.bound = bound }

    /// What concerns an audience.
    func tables(for audience: String) -> [Table] { [Self.every, audience].compactMap { tables[$0] } }

    /// How many entries the set of an audience has at most.
    func count(for audience: String) -> Int { tables(for: audience).reduce(0) { $0 + $1.count } }

    // MARK: - Taking in

    mutating func insert(_ ending: EndingRecord) {
        var effect = Effect(notBefore: ending.at, expiresAt: ending.expiresAt)
        switch ending.target {
        case .token, .grant: effect.client = ending.client
        default: break
        }
        for scope in ending.audiences.map({ Set($0) }) ?? [Self.every] {
            insert(ending.target, effect, in: scope, isWidening: ending.cause == .widened)
        }
    }

    private mutating func insert(_ target: RevocationTarget, _ effect: Effect, in scope: String, isWidening: Bool) {
        guard !isCovered(target, effect, in: scope) else { return }
        // With what is there already: together two cut-offs cover what neither does alone, and what is covered must go,
        // or widening would try for ever to put a cut-off that is covered in its place.
        var whole = effect
        if let present = tables[scope]?[target] { whole.merge(present) }
        switch target {
        case .everything:
            for name in scope == Self.every ? Array(tables.keys) : [scope] {
                // Whoever stole a key chooses the moment inside a token: no cut-off by time replaces a retired key.
                drop(from: name) { !$0.isSigningKey && whole.covers($1) }
            }
        case .client(let id) where isWidening:
            drop(from: scope) { $1.client == id && whole.covers($1) }
        default:
            break
        }
        let before = tables[scope]?.count ?? 0
        tables[scope, default: [:]][target] = whole
        count += (tables[scope]?.count ?? 0) - before
    }

    private func isCovered(_ target: RevocationTarget, _ effect: Effect, in scope: String) -> Bool {
        guard !target.isSigningKey else { return false }
        let scopes = Set([scope, Self.every])
        if target != .everything, scopes.contains(where: { tables[$0]?[.everything]?.covers(effect) ?? false }) {
            return true
        }
        guard let client = effect.client else { return false }
        return scopes.contains { tables[$0]?[.client(client)]?.covers(effect) ?? false }
    }

    private mutating func drop(from scope: String, where isDropped: (RevocationTarget, Effect) -> Bool) {
        guard let table = tables[scope] else { return }
        let rest = table.filter { !isDropped($0.key, $0.value) }
        count -= table.count - rest.count
        tables[scope] = rest
    }

    /// Forgets what no token can be affected by any more.
    mutating func forget(expiredAt now: Instant) {
        for scope in Array(tables.keys) { drop(from: scope) { $1.expiresAt <= now } }
    }

    // MARK: - Widening

    /// The next cut-off by which the set of an audience comes within its bound; `nil` if all are.
    ///
    /// By client if one has more than half of what is there, so that nobody else is touched; by time otherwise. Nothing
    /// ever drops out without a cut-off that covers it.
    func widening() -> EndingRecord? {
        guard count > bound else { return nil }
        let common = tables[Self.every]?.count ?? 0
        let largest = tables.filter { $0.key != Self.every }.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
        guard common + (largest?.value.count ?? 0) > bound else { return nil }
        if let largest, largest.value.count >= common { return widening(of: largest.value, audiences: [largest.key]) }
        return widening(of: tables[Self.every] ?? [:], audiences: nil)
    }

    private func widening(of table: Table, audiences: [String]?) -> EndingRecord? {
        var byClient: [ClientID: Int] = [:]
        for effect in table.values { if let client = effect.client { byClient[client, default: 0] += 1 } }
        let top = byClient.max { ($0.value, $0.key.value) < ($1.value, $1.key.value) }
        var target = RevocationTarget.everything
        var subsumed = table.filter { !$0.key.isSigningKey }
        if let top, top.value * 2 > table.count {
            target = .client(top.key)
            subsumed = subsumed.filter { $0.value.client == top.key }
        }
        guard subsumed.count > 1, let first = subsumed.values.first else { return nil }
        let whole = subsumed.values.reduce(into: first) { $0.merge($1) }
        return EndingRecord(
            Ending(target, because: .widened, audiences: audiences),
            at: whole.notBefore,
            expiresAt: whole.expiresAt,
            version: 0
        )
    }
}

extension LiveEndings.Effect {
    fileprivate mutating func merge(_ other: Self) {
        notBefore = max(notBefore, other.notBefore)
        expiresAt = max(expiresAt, other.expiresAt)
        if client != other.client { client = nil }
    }
}

extension RevocationTarget {
    var isSigningKey: Bool {
        if case .signingKey = self { true } else { false }
    }
}
