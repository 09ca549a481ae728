public import Instants
public import JOSE
public import OAuthClient
internal import Synchronization

/// What is kept of a person who signed in; the browser holds nothing but a random name for it.
public struct WebSession: Sendable {
    /// `sub`: who signed in, as the issuer names them.
    public var subject: String
    /// The claims of the ID token, which was verified.
    public var claims: JSONObject
    /// The tokens; secrets.
    public var tokens: TokenSet
    /// When the person signed in here.
    public var createdAt: Instant
    /// When the session was last used, to the minute.
    public var usedAt: Instant
    /// When it ends whatever happens.
    public var expiresAt: Instant
    /// What a form of this session carries, so that no other site can send it.
    public var formToken: String
}

/// Keeps sessions: in memory, or in something that several servers share.
///
/// A key is the digest of what the browser holds, so that whoever reads the store can sign in as nobody. What changes in
/// a session is written by itself, so that two requests at once undo nothing of each other's.
public protocol SessionStore: Sendable {
    /// The session of this key; nil if there is none.
    func find(_ key: String) async throws -> WebSession?
    /// Keeps a new session under this key.
    func insert(_ session: WebSession, as key: String) async throws
    /// Replaces the tokens of a session; does nothing if it has ended meanwhile.
    func setTokens(_ tokens: TokenSet, of key: String) async throws
    /// Notes that a session was used; does nothing if it has ended meanwhile.
    func setUse(_ moment: Instant, of key: String) async throws
    /// Ends a session.
    func remove(_ key: String) async throws
    /// Ends every session that the issuer signed out; does nothing if there is none.
    func remove(_ selector: LogoutSelector) async throws
}

/// Sessions in the memory of one process, gone when it ends.
///
/// Where there are too many, the one that was not used for longest ends first.
public final class MemorySessionStore: SessionStore {
    private struct Kept {
        var session: WebSession
        var turn: UInt64
    }

    private struct State {
        var kept: [String: Kept] = [:]
        /// Keys in the order of their last use; entries whose turn is not the kept one are old.
        var order: [(key: String, turn: UInt64)] = []
        var first = 0
        var turn: UInt64 = 0
    }

    private let maximum: Int
    private let state = Mutex(State())

    /// A store of at most so many sessions.
    public init(maximum: Int = 10_000) { self.maximum = max(maximum, 1) }

    /// How many sessions there are, those included whose time is over.
    public var count: Int { state.withLock { $0.kept.count } }

    /// The session of this key.
    public func find(_ key: String) async -> WebSession? {
        state.withLock { state in
            guard let kept = state.kept[key] else { return nil }
            touch(key, kept.session, &state)
            return kept.session
        }
    }

    /// Keeps a session, and ends the one that was not used for longest if there is no room.
    public func insert(_ session: WebSession, as key: String) async {
        state.withLock { state in
            touch(key, session, &state)
            while state.kept.count > maximum { dropOldest(&state) }
        }
    }

    /// Replaces the tokens of a session that is still there.
    public func setTokens(_ tokens: TokenSet, of key: String) async {
        state.withLock { $0.kept[key]?.session.tokens = tokens }
    }

    /// Notes that a session was used.
    public func setUse(_ moment: Instant, of key: String) async {
        state.withLock { $0.kept[key]?.session.usedAt = moment }
    }

    /// Ends a session.
    public func remove(_ key: String) async {
        state.withLock { _ = $0.kept.removeValue(forKey: key) }
    }

    /// Ends every session that the issuer signed out.
    ///
    /// All are looked at: some milliseconds for the largest store, and only the issuer can ask for it.
    public func remove(_ selector: LogoutSelector) async {
        state.withLock { state in state.kept = state.kept.filter { !selector.matches($0.value.session) } }
    }

    private func touch(_ key: String, _ session: WebSession, _ state: inout State) {
        state.turn += 1
        state.kept[key] = Kept(session: session, turn: state.turn)
        state.order.append((key, state.turn))
        // The list of uses may be a few times as long as there are sessions, and no longer.
        if state.order.count > 4 * maximum + 64 { compact(&state) }
    }

    private func dropOldest(_ state: inout State) {
        while state.first < state.order.count {
            let (key, turn) = state.order[state.first]
            state.first += 1
            guard state.kept[key]?.turn == turn else { continue }
            state.kept[key] = nil
            return
        }
    }

    private func compact(_ state: inout State) {
        let kept = state.kept
        state.order = state.order[state.first...].filter { kept[$0.key]?.turn == $0.turn }
        state.first = 0
    }
}
