// Room: a service's own tokens: client credentials (RFC 6749 §4.4) with a cache keyed by everything on which the answer
// depends, renewed ahead of time, fetched once however many ask. Stores tokens in memory, and in a shared cache if given.

public import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import Synchronization

/// An access token of a service, and what is known of it.
public struct ServiceToken: Sendable, Equatable, Concealed {
    /// The access token, a bearer credential.
    public let accessToken: String
    /// What it is good for.
    public let scopes: [String]
    /// From here on it is not handed out any more.
    public let usableUntil: Instant
}

/// Access tokens for a service that acts for itself.
public final class ServiceTokens: Sendable {
    /// A token is not handed out in its last seconds: the request has to get there.
    static let leeway: Duration = .seconds(10)
    /// How long before that somebody fetches the next one, at most.
    static let refreshAhead: Duration = .seconds(60)
    /// How long a token is used whose end the issuer does not say.
    static let assumedLifetime: Duration = .seconds(60)
    /// After a renewal ahead of time failed, the next is tried no sooner.
    static let renewalPause: Duration = .seconds(5)
    /// A token younger than this is not exchanged because an API refused it: the next would be refused as well.
    static let shortestReissue: Duration = .seconds(5)
    /// How long the right to fetch is held in a shared cache; no fetch takes longer.
    static let lease: Duration = .seconds(15)
    /// How often those who wait for another machine look.
    static let lookInterval: Duration = .milliseconds(50)

    /// One question to the token endpoint, in normal form.
    struct Question: Sendable {
        let key: TokenCacheKey
        let scopes: [String]
        let resources: [String]
    }

    /// What this process remembers besides the tokens.
    private struct Memory {
        /// The last token that an API refused, so that a shared cache cannot bring it back.
        var refused: [TokenCacheKey: String] = [:]
        var nextRenewal: [TokenCacheKey: Duration] = [:]
    }

    private let dialogue: IssuerDialogue
    private let local: MemoryTokenCache
    private let shared: (any TokenCache)?
    private let holder: String
    private let flight = SingleFlight<TokenCacheKey, CachedToken, OAuthClientError>(cancelled: .cancelled)
    private let memory = Mutex(Memory())

    /// Tokens of a client.
    ///
    /// - Parameters:
    ///   - cache: that of a fleet, which then fetches one token together; without it each process fetches its own.
    ///   - maximumEntries: how many tokens are kept in memory.
    public init(
        _ registration: ClientRegistration,
        cache: (any TokenCache)? = nil,
        maximumEntries: Int = 1000,
        environment: ClientEnvironment = ClientEnvironment()
    ) {
        dialogue = IssuerDialogue(registration, environment)
        local = MemoryTokenCache(maximumEntries: maximumEntries, clock: environment.clock)
        shared = cache
        holder = environment.randomness.text(16)
    }

    /// A token for exactly these scopes and resources: from memory while it is young, else from the issuer.
    public func token(
        scopes: [String] = [],
        resources: [String] = []
    ) async throws(OAuthClientError) -> ServiceToken {
        let question = try question(scopes, resources)
        let now = dialogue.clock.now
        if let kept = local.token(question.key), now < kept.usableUntil {
            if now >= kept.refreshAt { renewAhead(question, kept) }
            return ServiceToken(kept)
        }
        return ServiceToken(try await obtained(question, renewing: nil))
    }

    /// Says that an API refused this token as invalid: the next question brings another one.
    ///
    /// However many say it, it counts once; and not for a token that came a moment ago.
    public func invalidate(
        _ accessToken: String,
        scopes: [String] = [],
        resources: [String] = []
    ) async {
        guard let question = try? question(scopes, resources), let kept = local.token(question.key),
            kept.accessToken == accessToken, dialogue.clock.now - kept.fetchedAt >= Self.shortestReissue
        else { return }
        let fingerprint = kept.fingerprint
        memory.withLock { memory in
            if memory.refused.count >= 1000 { memory.refused = [:] }
            memory.refused[question.key] = fingerprint
        }
        local.drop(fingerprint, under: question.key)
        do {
            try await shared?.remove(fingerprint, under: question.key)
        } catch {
            dialogue.environment.logger?.warning("A refused token could not be removed from the shared cache.")
        }
    }

    /// The tokens for these scopes and resources as a source, for ``AuthorizedTransport``.
    public func source(scopes: [String] = [], resources: [String] = []) -> some AccessTokenSource {
        ServiceTokenSource(tokens: self, scopes: scopes, resources: resources)
    }

    /// Under which key the answer to this question is kept.
    package func cacheKey(
        scopes: [String] = [],
        resources: [String] = []
    ) throws(OAuthClientError) -> TokenCacheKey {
        try question(scopes, resources).key
    }

    func question(_ scopes: [String], _ resources: [String]) throws(OAuthClientError) -> Question {
        let scopes = try Scopes.normalized(scopes).sorted()
        let resources = try Scopes.normalizedResources(resources)
        let registration = dialogue.registration
        let key = TokenCacheKey(
            issuer: registration.issuer,
            clientID: registration.clientID,
            authentication: registration.authentication.identity,
            scopes: scopes,
            resources: resources
        )
        return Question(key: key, scopes: scopes, resources: resources)
    }

    /// Fetches the next token while the present one is still handed out.
    private func renewAhead(_ question: Question, _ kept: CachedToken) {
        let now = dialogue.clock.uptime
        let pause = Self.renewalPause + dialogue.environment.randomness.duration(upTo: Self.renewalPause)
        let isOurs = memory.withLock { memory in
            if let next = memory.nextRenewal[question.key], now < next { return false }
            if memory.nextRenewal.count >= 1000 { memory.nextRenewal = memory.nextRenewal.filter { now < $0.value } }
            memory.nextRenewal[question.key] = now + pause
            return true
        }
        guard isOurs else { return }
        Task {
            do throws(OAuthClientError) {
                _ = try await obtained(question, renewing: kept)
            } catch {
                dialogue.environment.logger?.warning("A token could not be renewed ahead of time: \(error)")
            }
        }
    }

    private func obtained(
        _ question: Question,
        renewing old: CachedToken?
    ) async throws(OAuthClientError) -> CachedToken {
        try await flight.value(for: question.key) { [self] () throws(OAuthClientError) in
            // Who comes right after a flight has landed finds its token.
            let now = dialogue.clock.now
            if let kept = local.token(question.key), now < kept.refreshAt { return kept }
            guard let shared else { return try await fetched(question) }
            return try await obtainedTogether(question, renewing: old, through: shared)
        }
    }

    private func fetched(_ question: Question) async throws(OAuthClientError) -> CachedToken {
        var fields = [FormField("grant_type", "client_credentials")]
        if !question.scopes.isEmpty { fields.append(FormField("scope", question.scopes.joined(separator: " "))) }
        for resource in question.resources { fields.append(FormField("resource", resource)) }
        var policy = dialogue.environment.retries
        policy.deadline = min(policy.deadline, Self.lease)
        // Sent twice it makes two tokens, of which one is used: no harm.
        let tokens = try await dialogue.tokens(fields, asked: question.scopes, .repeatable, policy: policy)
        let token = CachedToken(tokens, jitter: dialogue.environment.randomness.fraction())
        local.keep(token, under: question.key)
        return token
    }

    /// The token of the fleet: read, or fetched by whoever holds the claim.
    private func obtainedTogether(
        _ question: Question,
        renewing old: CachedToken?,
        through shared: any TokenCache
    ) async throws(OAuthClientError) -> CachedToken {
        let start = dialogue.clock.uptime
        do {
            while dialogue.clock.uptime - start < Self.lease {
                if let found = try await found(question, in: shared) { return found }
                if try await shared.claim(question.key, by: holder, for: Self.lease) {
                    return try await fetchedForAll(question, in: shared)
                }
                if let old, dialogue.clock.now < old.usableUntil { return old }
                let jitter = dialogue.environment.randomness.duration(upTo: Self.lookInterval)
                try await dialogue.clock.sleep(for: Self.lookInterval / 2 + jitter)
            }
        } catch let error as OAuthClientError {
            throw error
        } catch is CancellationError {
            throw .cancelled
        } catch {
            // A cache that is down must not take the service down; within the process it is still one fetch.
            dialogue.environment.logger?.warning("The shared token cache failed: \(type(of: error))")
        }
        return try await fetched(question)
    }

    /// A token in the shared cache that is young, and not the one that an API refused.
    private func found(_ question: Question, in shared: any TokenCache) async throws -> CachedToken? {
        guard let token = try await shared.read(question.key), dialogue.clock.now < token.refreshAt,
            memory.withLock({ $0.refused[question.key] }) != token.fingerprint
        else { return nil }
        local.keep(token, under: question.key)
        return token
    }

    private func fetchedForAll(_ question: Question, in shared: any TokenCache) async throws -> CachedToken {
        do {
            // Whoever held the claim before us may have written between our look and our claim.
            if let found = try await found(question, in: shared) {
                try await shared.release(question.key, by: holder)
                return found
            }
            let token = try await fetched(question)
            do {
                try await shared.write(token, under: question.key, by: holder)
            } catch {
                dialogue.environment.logger?.warning("A token could not be put into the shared cache.")
            }
            return token
        } catch {
            try? await shared.release(question.key, by: holder)
            throw error
        }
    }
}

extension ServiceToken {
    init(_ cached: CachedToken) {
        self.init(accessToken: cached.accessToken, scopes: cached.scopes, usableUntil: cached.usableUntil)
    }
}

extension CachedToken {
    /// - Parameter jitter: from 0 to 1, so that a fleet does not renew in the same moment.
    init(_ tokens: TokenSet, jitter: Double) {
        let now = tokens.receivedAt
        let lifetime = tokens.expiresAt.map { min($0 - now, .seconds(86_400)) } ?? ServiceTokens.assumedLifetime
        let usableUntil = now + (lifetime - min(ServiceTokens.leeway, lifetime / 10))
        let ahead = min(ServiceTokens.refreshAhead, lifetime / 5)
        self.init(
            accessToken: tokens.accessToken,
            scopes: tokens.scopes,
            fetchedAt: now,
            refreshAt: usableUntil - ahead * (0.5 + jitter / 2),
            usableUntil: usableUntil
        )
    }
}

/// The tokens for one set of scopes and resources.
struct ServiceTokenSource: AccessTokenSource {
    let tokens: ServiceTokens
    let scopes: [String]
    let resources: [String]

    func accessToken() async throws(OAuthClientError) -> String {
        try await tokens.token(scopes: scopes, resources: resources).accessToken
    }

    func invalidate(_ accessToken: String) async {
        await tokens.invalidate(accessToken, scopes: scopes, resources: resources)
    }
}
