internal import Instants
internal import IssuerConnection
internal import JOSE
internal import RevocationFeed

/// What a verifier asks of the reader of a revocation feed.
protocol RevocationFollowing: Sendable {
    /// Whether what the claim and the key name was revoked, as far as is known.
    func isRevoked(_ claim: RevocationClaim, keyID: String?) -> Bool
    /// Whether any key is known to be retired.
    var hasRetiredKeys: Bool { get }
    /// Whether the issuer has retired the key, as far as is known.
    func isRetired(keyID: String) -> Bool
    /// How old the knowledge is, and what the issuer's own clock shows.
    var freshness: FeedFreshness { get }
    /// The digest of the issuer's key set, as the feed has it.
    var keySetDigest: String? { get }
    /// Follows the feed until the task is cancelled.
    func run() async
}

extension FeedReader: RevocationFollowing {
    func isRevoked(_ claim: RevocationClaim, keyID: String?) -> Bool { state.isRevoked(claim, keyID: keyID) }
    var hasRetiredKeys: Bool { state.hasRetiredKeys }
    func isRetired(keyID: String) -> Bool { state.isRetired(keyID: keyID) }
    var freshness: FeedFreshness { state.freshness }
    var keySetDigest: String? { state.keySetDigest }
}

extension TokenVerifier {
    // MARK: - Without waiting

    /// Judges a token by what is known here and now; never waits and asks nobody.
    ///
    /// - Throws: ``TokenRefusal``. `keysUnavailable`, `keyUnknown` and `introspectionNeeded` mean that
    ///   ``authorize(_:for:)`` might have found out more.
    public func verify(_ token: String, for policy: RoutePolicy = .anyToken) throws(TokenRefusal) -> AccessToken {
        // Whoever must be asked is not asked here.
        guard configuration.revocation.checker == nil else { throw TokenRefusal(.introspectionNeeded) }
        let known = keys.current
        return try judge(token, for: policy, by: known.keys, answer: nil)
    }

    /// Judges a token.
    ///
    /// - Parameter answer: what the issuer has just said of it, if it was asked for this request.
    private func judge(
        _ text: String,
        for policy: RoutePolicy,
        by keySet: KeySet?,
        answer: IntrospectionAnswer?
    ) throws(TokenRefusal) -> AccessToken {
        // Before the feed is asked, never after: what comes in between must not make an older answer look fresh.
        let moment = Moment(now: clock.now, uptime: clock.uptime, feed: feed?.freshness)
        let freshness = configuration.freshness(of: policy)
        guard Self.isSigned(text) else {
            return try judgeOpaque(text, for: policy, freshness, answer: answer, at: moment)
        }
        guard let keySet else { throw TokenRefusal(.keysUnavailable) }
        let verified = try signature(of: text, by: keySet, now: moment.now)
        let token = try AccessToken(.token(verified))
        if let feed { try check(token, signedBy: verified.keyID, against: feed, at: moment) }
        // What the route refuses anyway costs the issuer no question.
        if let refusal = policy.refusal(of: token, now: moment.now, leeway: configuration.leeway) { throw refusal }
        guard let maxStaleness = freshness.maxStaleness, !moment.isFresh(within: maxStaleness) else { return token }
        if let checker = configuration.revocation.checker, checker.maximumStaleness <= maxStaleness { return token }
        guard case .introspectWhenStale = freshness.kind, let introspector else {
            throw TokenRefusal(.revocationStale, detail: "the knowledge of revocations is older than \(maxStaleness)")
        }
        guard let answer = answer ?? recent(introspector.remembered(text), within: maxStaleness, at: moment) else {
            throw TokenRefusal(.introspectionNeeded)
        }
        guard let claims = answer.claims, Self.isSame(claims["client_id"], token.clientID) else {
            throw TokenRefusal(.tokenRevoked, detail: "the issuer says that the token is not active")
        }
        return token
    }

    /// What a token is judged by.
    private struct Moment {
        let now: Instant
        let uptime: Duration
        let feed: FeedFreshness?

        func isFresh(within maxStaleness: Duration) -> Bool { feed?.staleness.map { $0 <= maxStaleness } ?? false }
    }

    /// Whether this has the form of a JWS, which is two dots; everything else is opaque.
    private static func isSigned(_ text: String) -> Bool {
        // Of a buffer eight bytes and more are compared at once.
        let isDot: (UInt8) -> Int = { $0 == UInt8(ascii: ".") ? 1 : 0 }
        let dots = text.utf8.withContiguousStorageIfAvailable { $0.reduce(0) { $0 &+ isDot($1) } }
        return (dots ?? text.utf8.reduce(0) { $0 + isDot($1) }) == 2
    }

    /// An answer that names another client is about another token; one that names none is believed.
    private static func isSame(_ claim: JSON?, _ clientID: String) -> Bool {
        guard let claim else { return true }
        return claim.stringValue?.utf8.elementsEqual(clientID.utf8) ?? false
    }

    private func signature(of text: String, by keySet: KeySet, now: Instant) throws(TokenRefusal) -> VerifiedToken {
        var expectations = expectations
        expectations.now = now
        do {
            return try cache.verified(text, by: keySet, expecting: expectations)
        } catch {
            // A retired key leaves the set, and that may come to pass before or after the feed says so. Either way the token
            // is revoked, and the issuer is not asked for a key that it has withdrawn.
            if error.code == .keyUnknown, let feed, feed.hasRetiredKeys, let keyID = keyID(of: text),
                feed.isRetired(keyID: keyID)
            {
                throw TokenRefusal(.tokenRevoked, detail: "its key was retired")
            }
            throw TokenRefusal(error)
        }
    }

    /// What a token says of its key, which nobody has verified.
    private func keyID(of text: String) -> String? {
        (try? UnverifiedJWS(text, limits: configuration.tokenLimits))?.header["kid"]?.stringValue
    }

    /// Looks a token up in the feed: at every sight, whatever is remembered of it.
    private func check(
        _ token: AccessToken,
        signedBy keyID: String?,
        against feed: any RevocationFollowing,
        at moment: Moment
    ) throws(TokenRefusal) {
        let claim = try revocationClaim(of: token)
        guard !feed.isRevoked(claim, keyID: keyID) else { throw TokenRefusal(.tokenRevoked, detail: "by the feed") }
        // The feed forgets what has expired by the issuer's clock. A clock here that is late, or the leeway, must not bring
        // a revoked token back to life. That clock is the one of `rev`; the one of `exp` may have been set back since.
        if let issuerTime = moment.feed?.issuerTime, let expiry = token.expiresAt,
            claim.issuedAt + (expiry - (token.issuedAt ?? claim.issuedAt)) <= issuerTime
        {
            throw TokenRefusal(.tokenExpired, detail: "by the issuer's clock")
        }
    }

    private func recent(
        _ answer: IntrospectionAnswer?,
        within age: Duration,
        at moment: Moment
    ) -> IntrospectionAnswer? {
        guard let answer else { return nil }
        // That a token is dead does not grow old.
        return answer.claims == nil || moment.uptime - answer.askedAt <= age ? answer : nil
    }

    private func judgeOpaque(
        _ text: String,
        for policy: RoutePolicy,
        _ freshness: FreshnessPolicy,
        answer: IntrospectionAnswer?,
        at moment: Moment
    ) throws(TokenRefusal) -> AccessToken {
        guard let introspector, text.utf8.count <= configuration.tokenLimits.maximumBytes else {
            throw TokenRefusal(.tokenMalformed, detail: "no JWT, and opaque tokens are not accepted here")
        }
        guard let known = answer ?? introspector.remembered(text) else { throw TokenRefusal(.introspectionNeeded) }
        guard let claims = known.claims else {
            throw TokenRefusal(.tokenInvalid, detail: "the issuer says that the token is not active")
        }
        let token = try AccessToken(.introspected(claims))
        let isNamed = claims[RevocationClaim.name] != nil
        if let feed, isNamed { try check(token, signedBy: nil, against: feed, at: moment) }
        if let refusal = policy.refusal(of: token, now: moment.now, leeway: configuration.leeway) { throw refusal }
        // With a feed that is fresh and can name the token, what is remembered may be as old as its lifetime; else as the
        // route has it. What was asked for this request counts however long the answer took.
        if answer == nil, let age = freshness.maxStaleness, moment.uptime - known.askedAt > age,
            !(isNamed && moment.isFresh(within: age))
        {
            throw TokenRefusal(.introspectionNeeded)
        }
        return token
    }

    // MARK: - Waiting where it must be

    /// Judges a request, fetching keys and asking the issuer where needed.
    ///
    /// - Parameters:
    ///   - credentials: every `Authorization` line of the request, and the token of its form if forms may carry one.
    ///   - policy: what the route demands.
    public func authorize(
        _ credentials: PresentedCredentials,
        for policy: RoutePolicy = .anyToken
    ) async -> Result<AccessToken, TokenRefusal> {
        do throws(TokenRefusal) {
            guard let token = try credentials.token() else {
                var refusal = TokenRefusal(.tokenMissing)
                refusal.scope = policy.scope
                throw refusal
            }
            return .success(try await resolve(token, for: policy))
        } catch {
            return .failure(error)
        }
    }

    /// Judges a request whose only credentials can be one `Authorization` line.
    public func authorize(
        authorization header: String?,
        for policy: RoutePolicy = .anyToken
    ) async -> Result<AccessToken, TokenRefusal> {
        await authorize(PresentedCredentials(authorization: header.map { [$0] } ?? []), for: policy)
    }

    private func resolve(_ token: String, for policy: RoutePolicy) async throws(TokenRefusal) -> AccessToken {
        let arrival = clock.uptime
        var known = keys.current
        var answer: IntrospectionAnswer?
        var hasFetched = false
        while true {
            let refusal: TokenRefusal
            do throws(TokenRefusal) {
                let judged = try judge(token, for: policy, by: known.keys, answer: answer)
                if let checker = configuration.revocation.checker { try await check(judged, with: checker) }
                return judged
            } catch {
                refusal = error
            }
            switch refusal.code {
            case .keysUnavailable where !hasFetched, .keyUnknown where !hasFetched:
                hasFetched = true
                try await learnKeys(refusal, known: known.generation)
                known = keys.current
            case .introspectionNeeded where answer == nil:
                let age = configuration.freshness(of: policy).maxStaleness
                answer = try await ask(token, since: age.map { arrival - $0 })
            default:
                throw refusal
            }
        }
    }

    /// Fetches the keys that a token needs.
    ///
    /// - Throws: what to answer if there is nothing new to learn.
    private func learnKeys(_ refusal: TokenRefusal, known generation: UInt64) async throws(TokenRefusal) {
        let cause: IssuerKeys.Cause = refusal.code == .keyUnknown ? .unknownKey : .withoutKeys
        switch await keys.refetch(after: generation, because: cause) {
        case .fetched: return
        // The keys were fetched a moment ago, and this one was not among them: the token is to blame.
        case .refused where refusal.code == .keyUnknown: throw refusal
        case .refused(let wait):
            var later = TokenRefusal(.keysUnavailable, detail: "the issuer's keys were asked for a moment ago")
            later.retryAfter = wait
            throw later
        // It may be a key that is good and that nobody here can know.
        case .failed: throw TokenRefusal(.keysUnavailable, detail: "the issuer's keys cannot be fetched")
        }
    }

    /// What the issuer says of a token, asked no earlier than `moment`.
    private func ask(_ token: String, since moment: Duration?) async throws(TokenRefusal) -> IntrospectionAnswer {
        guard let introspector else { throw TokenRefusal(.introspectionUnavailable) }
        let answer = try await introspector.ask(token)
        // Whoever asked first may have done so before this request's own bound; who asks now does it after.
        guard let moment, answer.claims != nil, answer.askedAt < moment else { return answer }
        return try await introspector.ask(token)
    }
}

extension TokenRefusal {
    /// What a token that could not be verified is told.
    init(_ error: JOSEError) {
        let code: Code =
            switch error.code {
            case .malformed, .tooLarge, .claimMissing: .tokenMalformed
            case .claimInvalid: ["iss", "aud"].contains(error.claim) ? .tokenInvalid : .tokenMalformed
            case .tokenExpired: .tokenExpired
            case .tokenNotYetValid: .tokenNotYetValid
            case .keyUnknown: .keyUnknown
            default: .tokenInvalid
            }
        self.init(code, detail: error.description)
    }
}

extension VerifierConfiguration {
    /// The algorithms without the symmetric ones, whose key would be whatever the issuer publishes for all to read.
    var pinnedAlgorithms: [SignatureAlgorithm] { algorithms.filter { !$0.name.hasPrefix("HS") } }

    /// What happens at this route where the knowledge of revocations is stale.
    func freshness(of policy: RoutePolicy) -> FreshnessPolicy {
        policy.freshness ?? freshness ?? (revocation.credentials == nil ? .accept : .introspectWhenStale())
    }

    /// What a JWT must be; `now` is set for each.
    func expectations(of party: Introspector.Party) -> Expectations {
        var required: Set<String> = ["sub", "client_id", "iat", "jti"]
        if case .feed = revocation.kind { required.insert(RevocationClaim.name) }
        return Expectations(
            // RFC 9068 §4: "The issuer identifier for the authorization server … MUST exactly match the value of the
            // "iss" claim."
            issuer: .exactly(party.issuer),
            // RFC 9068 §4: "The JWT access token MUST be rejected if "aud" does not contain a resource indicator of the
            // current resource server as a valid audience."
            audience: .exactly(party.audience),
            // RFC 9068 §4: "The resource server MUST verify that the "typ" header value is "at+jwt" or
            // "application/at+jwt" and reject tokens carrying any other value."
            type: .exactly("at+jwt"),
            algorithms: pinnedAlgorithms,
            now: Instant(millisecondsSinceEpoch: 0),
            leeway: leeway,
            requiredClaims: required
        )
    }
}
