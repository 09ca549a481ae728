// Room: asking the issuer about a token (RFC 7662), where it is opaque or the feed is stale. Owns the question, the bounds on
// how many are asked, and what an answer must say. Stores answers for seconds, under the SHA-256 of the whole token.

internal import Crypto
internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import OAuthVocabulary
internal import Synchronization

/// Asks the issuer about tokens: one question a token at a time, so many at once, and none for a while after failures.
final class Introspector: Sendable {
    private struct State {
        var active: AnswerCache
        var inactive: AnswerCache
        var underWay = 0
        var failuresInARow = 0
        var pausedUntil: Duration?
        var calls: UInt64 = 0
        var failures: UInt64 = 0
    }

    private let issuer: String
    private let audience: String
    private let credentials: APICredentials
    private let policy: IntrospectionPolicy
    private let endpoint: @Sendable () async -> String?
    private let transport: any HTTPTransport
    private let clock: any ClientClock
    private let logger: Logger
    private let flight: SingleFlight<SHA256Digest, IntrospectionAnswer, TokenRefusal>
    private let state: Mutex<State>

    init(
        party: Party,
        credentials: APICredentials,
        policy: IntrospectionPolicy,
        transport: any HTTPTransport,
        clock: any ClientClock,
        logger: Logger,
        endpoint: @escaping @Sendable () async -> String?
    ) {
        issuer = party.issuer
        audience = party.audience
        self.credentials = credentials
        self.policy = policy
        self.transport = transport
        self.clock = clock
        self.logger = logger
        self.endpoint = endpoint
        flight = SingleFlight(cancelled: TokenRefusal(.introspectionUnavailable, detail: "the request was cancelled"))
        let empty = AnswerCache(maximumEntries: policy.maximumEntries)
        state = Mutex(State(active: empty, inactive: empty))
    }

    /// Who asks whom.
    struct Party: Sendable {
        let issuer: String
        let audience: String
    }

    /// How often the issuer was asked, and how often it did not answer.
    var history: (calls: UInt64, failures: UInt64) { state.withLock { ($0.calls, $0.failures) } }
    /// How many answers are remembered.
    var remembered: Int { state.withLock { $0.active.count + $0.inactive.count } }

    /// The key under which an answer is remembered: nothing shorter than the whole token will do.
    private static func key(_ token: String) -> SHA256Digest { SHA256.hash(data: Array(token.utf8)) }

    /// The answer that is remembered, if it is no older than the policy has it.
    func remembered(_ token: String) -> IntrospectionAnswer? {
        let (uptime, now) = (clock.uptime, clock.now)
        let key = Self.key(token)
        return state.withLock { state in
            if let answer = state.inactive[key] {
                if uptime - answer.askedAt < policy.inactiveLifetime { return answer }
                state.inactive.remove(key)
            }
            guard let answer = state.active[key] else { return nil }
            // RFC 7662 §4: "If the response contains the "exp" parameter (expiration), the response MUST NOT be cached
            // beyond the time indicated therein."
            guard uptime - answer.askedAt < policy.lifetime, answer.expiresAt.map({ now < $0 }) ?? true else {
                state.active.remove(key)
                return nil
            }
            return answer
        }
    }

    /// Asks the issuer, or joins whoever is asking about the same token.
    ///
    /// - Throws: `introspectionUnavailable`.
    func ask(_ token: String) async throws(TokenRefusal) -> IntrospectionAnswer {
        let key = Self.key(token)
        return try await flight.value(for: key) { () throws(TokenRefusal) in
            let answer = try await self.answer(token)
            self.state.withLock { state in
                if answer.claims == nil {
                    state.active.remove(key)
                    state.inactive.insert(answer, for: key)
                } else {
                    state.inactive.remove(key)
                    state.active.insert(answer, for: key)
                }
            }
            return answer
        }
    }

    // MARK: - The question

    /// What an issuer, or a proxy before it, answers to a token that it cannot take: too long above all.
    private static let unfit: Set<Int> = [400, 413, 414, 422, 431]

    /// The question was refused because of the token: no reason to leave the issuer alone, or strangers with tokens that
    /// are too long would keep it from being asked about good ones.
    private struct UnfitQuestion: Error, CustomStringConvertible {
        let status: Int
        var description: String { "the issuer refused to look at the token, with status \(status)" }
    }

    private func answer(_ token: String) async throws(TokenRefusal) -> IntrospectionAnswer {
        let askedAt = clock.uptime
        if let reason = admit(at: askedAt) { throw TokenRefusal(.introspectionUnavailable, detail: reason) }
        do {
            let answer = try await send(token, askedAt: askedAt)
            settleSuccess()
            return answer
        } catch {
            settle(failed: error, at: clock.uptime)
            throw TokenRefusal(.introspectionUnavailable, detail: "\(error)")
        }
    }

    /// Takes a place among the questions that may be under way; answers otherwise why there is none.
    private func admit(at uptime: Duration) -> String? {
        state.withLock { state in
            if let until = state.pausedUntil, uptime < until { return "the issuer failed to answer and is left alone" }
            guard state.underWay < policy.maximumConcurrency else { return "too many questions are under way" }
            state.underWay += 1
            state.calls += 1
            return nil
        }
    }

    private func settleSuccess() {
        state.withLock { state in
            state.underWay -= 1
            state.failuresInARow = 0
            state.pausedUntil = nil
        }
    }

    private func settle(failed error: any Error, at uptime: Duration) {
        let isPausing = state.withLock { state in
            state.underWay -= 1
            state.failures += 1
            guard !(error is UnfitQuestion) else { return false }
            state.failuresInARow += 1
            guard state.failuresInARow >= policy.failuresBeforePause else { return false }
            state.pausedUntil = uptime + policy.pause
            return true
        }
        logger.warning(
            "the issuer could not be asked about a token",
            metadata: ["error": "\(error)", "paused": "\(isPausing)"]
        )
    }

    private func send(_ token: String, askedAt: Duration) async throws -> IntrospectionAnswer {
        guard let endpoint = await endpoint() else {
            throw TransportError(.unreachable, reason: "the issuer's introspection endpoint is not known")
        }
        let body = "token=\(FormEncoding.encode(token))&token_type_hint=access_token"
        let response = try await transport.send(
            TransportRequest(
                method: "POST",
                url: endpoint,
                headers: [
                    ("Authorization", credentials.authorization),
                    ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"),
                ],
                body: Array(body.utf8),
                timeout: policy.timeout,
                maximumBytes: policy.maximumBytes
            )
        )
        guard !Self.unfit.contains(response.status) else { throw UnfitQuestion(status: response.status) }
        guard response.status == 200 else {
            let reason = "introspection was answered with status \(response.status)"
            throw TransportError(.malformed, reason: reason, traceID: response.traceID)
        }
        let answer = IntrospectionAnswer(
            response.body,
            issuer: issuer,
            audience: audience,
            askedAt: askedAt,
            now: clock.now
        )
        guard let answer else { throw TransportError(.malformed, reason: "no introspection response") }
        return answer
    }
}
