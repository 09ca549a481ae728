// Room: a person's tokens, kept fresh: one refresh at a time, the same refresh token again after a lost answer (RFC 6749 §6).
// Stores them in memory and, through the caller's store, wherever the caller wants.

internal import Instants
internal import IssuerConnection
internal import Logging
internal import Synchronization

/// Where a session's tokens are kept beyond this process: a session store, a key chain, a file.
public protocol TokenSessionStore: Sendable {
    /// What is stored now: another process may have refreshed the same session.
    func load() async throws -> TokenSet?
    /// Replaces what is stored.
    func save(_ tokens: TokenSet) async throws
}

/// The tokens of one grant.
///
/// Any number of tasks may ask it for the access token at once: they share one refresh. One session belongs to one person;
/// nothing in it is shared with another.
public final class TokenSession: AccessTokenSource {
    /// How long before its end an access token is replaced.
    public static let leeway: Duration = .seconds(30)
    /// How long a refresh may be tried.
    ///
    /// Servers that rotate take the old refresh token again for a few seconds only: Signet for ten.
    static let refreshPolicy = RetryPolicy(
        maximumAttempts: 4,
        firstDelay: .milliseconds(100),
        maximumDelay: .seconds(1),
        deadline: .seconds(9)
    )
    /// An attempt whose answer is lost must leave time for another.
    static let attemptTimeout: Duration = .seconds(3)

    private struct State {
        var tokens: TokenSet
        /// Set once the issuer said that the grant is over.
        var ending: OAuthClientError?
        var isSaved = true
    }

    private let dialogue: IssuerDialogue
    private let judge: IDTokenJudge
    private let subject: String?
    private let store: (any TokenSessionStore)?
    private let state: Mutex<State>
    private let flight = SingleFlight<String, TokenSet, OAuthClientError>(cancelled: .cancelled)

    init(
        _ tokens: TokenSet,
        subject: String?,
        dialogue: IssuerDialogue,
        judge: IDTokenJudge,
        store: (any TokenSessionStore)?
    ) {
        state = Mutex(State(tokens: tokens))
        self.subject = subject
        self.dialogue = dialogue
        self.judge = judge
        self.store = store
    }

    /// The tokens as they are now.
    public var tokens: TokenSet { state.withLock { $0.tokens } }

    /// Whether the store has them; a save that failed is tried again at the next look.
    public var isSaved: Bool { state.withLock { $0.isSaved } }

    /// An access token that is good for a while, refreshed if need be.
    ///
    /// - Throws: `refused` with `invalid_grant` once the grant is over; `expired` where there is nothing to refresh with;
    ///   `transport` or `unavailable` only when the old access token is of no use any more.
    public func accessToken() async throws(OAuthClientError) -> String {
        let (tokens, isSaved, ending) = state.withLock { ($0.tokens, $0.isSaved, $0.ending) }
        if let ending { throw ending }
        if !isSaved { await save(tokens) }
        let now = dialogue.clock.now
        if tokens.isUsable(at: now, leeway: Self.leeway) { return tokens.accessToken }
        do throws(OAuthClientError) {
            return try await refreshed(tokens).accessToken
        } catch {
            // Trouble on the way is no reason to stop while the old token still works.
            let mayGoOn = error.isTransient || error.code == .expired
            guard mayGoOn, tokens.isUsable(at: dialogue.clock.now) else { throw error }
            return tokens.accessToken
        }
    }

    /// Says that an API refused this access token: the next look brings another one.
    ///
    /// A token that came a moment ago stays: an API that refuses everything must not make us ask without end.
    public func invalidate(_ accessToken: String) async {
        let now = dialogue.clock.now
        state.withLock { state in
            guard state.tokens.accessToken == accessToken, state.tokens.refreshToken != nil,
                now - state.tokens.receivedAt >= ServiceTokens.shortestReissue
            else { return }
            state.tokens.expiresAt = now
        }
    }

    /// Ends the grant at the issuer and here.
    public func revoke() async throws(OAuthClientError) {
        let tokens = tokens
        if let refreshToken = tokens.refreshToken {
            try await dialogue.revoke(refreshToken, hint: .refreshToken)
        } else {
            try await dialogue.revoke(tokens.accessToken, hint: .accessToken)
        }
        state.withLock { $0.ending = OAuthClientError(.expired, reason: "the session was ended here") }
    }

    private func refreshed(_ old: TokenSet) async throws(OAuthClientError) -> TokenSet {
        if let ending = state.withLock({ $0.ending }) { throw ending }
        guard let refreshToken = old.refreshToken else {
            throw OAuthClientError(.expired, reason: "the access token has expired and there is no refresh token")
        }
        return try await flight.value(for: refreshToken) { [self] () throws(OAuthClientError) in
            // Whoever asked with what is old by now gets what is new.
            let current = tokens
            if current.refreshToken != refreshToken || current.isUsable(at: dialogue.clock.now, leeway: Self.leeway) {
                return current
            }
            do throws(OAuthClientError) {
                return await keep(try await refresh(current, with: refreshToken))
            } catch {
                guard error.isInvalidGrant else { throw error }
                // Another process that shares the store may have been first.
                if let other = try? await store?.load(), let token = other.refreshToken, token != refreshToken {
                    state.withLock { $0.tokens = other }
                    if other.isUsable(at: dialogue.clock.now, leeway: Self.leeway) { return other }
                    return await keep(try await refresh(other, with: token))
                }
                state.withLock { $0.ending = error }
                throw error
            }
        }
    }

    private func refresh(_ old: TokenSet, with refreshToken: String) async throws(OAuthClientError) -> TokenSet {
        var fresh = try await dialogue.tokens(
            [FormField("grant_type", "refresh_token"), FormField("refresh_token", refreshToken)],
            asked: old.scopes,
            .repeatable,
            policy: Self.refreshPolicy,
            timeout: Self.attemptTimeout
        )
        // RFC 6749 §6: "The authorization server MAY issue a new refresh token, in which case the client MUST discard the
        // old refresh token and replace it with the new refresh token."
        fresh.refreshToken = fresh.refreshToken ?? refreshToken
        if let idToken = fresh.idToken {
            let expectation = IDTokenExpectation(subject: subject, accessToken: fresh.accessToken)
            do throws(OAuthClientError) {
                _ = try await judge.verified(idToken, expectation)
            } catch {
                guard error.code == .tokenInvalid else {
                    // The issuer's keys cannot be had now; the tokens came over its own connection and are not lost.
                    fresh.idToken = old.idToken
                    return fresh
                }
                throw error
            }
        } else {
            fresh.idToken = old.idToken
        }
        return fresh
    }

    private func keep(_ fresh: TokenSet) async -> TokenSet {
        state.withLock { $0.tokens = fresh }
        await save(fresh)
        return fresh
    }

    private func save(_ tokens: TokenSet) async {
        guard let store else { return }
        do {
            try await store.save(tokens)
            state.withLock { $0.isSaved = $0.isSaved || $0.tokens == tokens }
        } catch {
            // The tokens are good and in memory: to fail now would lose them.
            state.withLock { $0.isSaved = false }
            dialogue.environment.logger?.error("The tokens of a session could not be saved: \(type(of: error))")
        }
    }
}
