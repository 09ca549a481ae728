public import JOSE
internal import OAuthVocabulary

/// What an API proves itself with at its issuer: to read its revocation feed and to introspect.
public struct APICredentials: Sendable, CustomStringConvertible, CustomReflectable {
    /// The name that the issuer gave to the credential.
    public let clientID: String
    let secret: Secret

    /// The credentials that the issuer printed when the API was registered.
    public init(clientID: String, secret: String) {
        self.clientID = clientID
        self.secret = Secret(secret)
    }

    /// The value of `Authorization` with which a request to the issuer is sent (RFC 6749 §2.3.1).
    var authorization: String { BasicCredentials(name: clientID, secret: secret).authorization }

    /// The name, and that there is a secret.
    public var description: String { "\(clientID):<secret>" }
    /// As little as ``description``.
    public var customMirror: Mirror { Mirror(self, children: ["clientID": clientID]) }
}

/// From where a verifier knows that a token was revoked.
public struct RevocationSource: Sendable {
    enum Kind: Sendable {
        case feed
        case introspection
        case expiry
        case checked(any RevocationChecking)
    }

    let kind: Kind
    let credentials: APICredentials?

    /// Follow the issuer's revocation feed: no request to the issuer for a token, and a revocation known within a second.
    ///
    /// Tokens that the feed could not name, because they do not carry the claim `rev`, are refused.
    public static func feed(_ credentials: APICredentials) -> RevocationSource {
        RevocationSource(kind: .feed, credentials: credentials)
    }

    /// Ask the issuer about every token (RFC 7662), for issuers without a feed.
    public static func introspection(_ credentials: APICredentials) -> RevocationSource {
        RevocationSource(kind: .introspection, credentials: credentials)
    }

    /// Know nothing: a token counts until it expires, opaque tokens are refused, and a route whose policy asks for
    /// freshness answers 503.
    public static let none = RevocationSource(kind: .expiry, credentials: nil)
}

/// How a ``TokenVerifier`` verifies.
public struct VerifierConfiguration: Sendable {
    /// From where revocations are known.
    public var revocation: RevocationSource
    /// What happens where they are not known freshly enough, unless the route says otherwise.
    ///
    /// Nil is ``FreshnessPolicy/introspectWhenStale(maxStaleness:)`` with one second, and without a source of revocations
    /// ``FreshnessPolicy/accept``.
    public var freshness: FreshnessPolicy?
    /// The algorithms that tokens may be signed with; a symmetric one is refused whatever stands here.
    public var algorithms: [SignatureAlgorithm]
    /// How far the issuer's clock may be off.
    public var leeway: Duration
    /// How much of a token is accepted.
    public var tokenLimits: TokenLimits
    /// How many verified tokens are remembered.
    public var cacheLimits: TokenCacheLimits
    /// How keys are fetched and kept.
    public var keys: KeyPolicy
    /// How the issuer is asked about tokens.
    public var introspection: IntrospectionPolicy
    /// The `realm` of challenges; none by default.
    public var realm: String?
    /// This API's metadata (RFC 9728), whose address challenges then name.
    public var metadata: ProtectedResourceMetadata?

    /// ES256, ES384, RS256, PS256, EdDSA under both names, and ML-DSA.
    public static let defaultAlgorithms: [SignatureAlgorithm] = [
        .es256, .es384, .es512, .rs256, .rs384, .rs512, .ps256, .ps384, .ps512, .edDSA, .ed25519, .mlDSA65, .mlDSA87,
    ]

    /// A configuration; everything but the source of revocations has a default.
    public init(revocation: RevocationSource, freshness: FreshnessPolicy? = nil) {
        self.revocation = revocation
        self.freshness = freshness
        algorithms = Self.defaultAlgorithms
        leeway = .seconds(5)
        tokenLimits = .default
        cacheLimits = .default
        keys = KeyPolicy()
        introspection = IntrospectionPolicy()
        realm = nil
        metadata = nil
    }
}

/// How the issuer's keys are fetched and kept.
public struct KeyPolicy: Sendable {
    /// How often the keys are fetched again although nothing asks for it.
    public var refreshInterval: Duration = .seconds(300)
    /// How often a minute an unknown `kid` may have them fetched, whoever sends it.
    public var maximumFetchesPerMinute = 6
    /// For how long keys are believed while the issuer does not answer; nil for as long as it takes.
    ///
    /// A key that is retired reaches a verifier through the feed; without one, set a bound.
    public var maximumAge: Duration?
    /// How long a fetch may take.
    public var timeout: Duration = .seconds(5)
    /// The longest JWK Set, in bytes.
    public var maximumBytes = 64 * 1024

    /// The defaults.
    public init() {}
}

/// How the issuer is asked about tokens (RFC 7662).
public struct IntrospectionPolicy: Sendable {
    /// For how long the answer that a token is active counts at most; never beyond its `exp`, nor beyond what the
    /// route's freshness allows, unless the feed is fresh and can name the token.
    public var lifetime: Duration = .seconds(5)
    /// For how long the answer that a token is not active counts.
    public var inactiveLifetime: Duration = .seconds(5)
    /// How many answers of each of the two kinds are remembered.
    public var maximumEntries = 10_000
    /// How many requests may be under way at once; one more is refused with 503 at once.
    public var maximumConcurrency = 32
    /// How long the issuer may take to answer.
    public var timeout: Duration = .seconds(2)
    /// After how many failures in a row the issuer is left alone for ``pause``.
    public var failuresBeforePause = 5
    /// For how long the issuer is left alone.
    public var pause: Duration = .seconds(1)
    /// The longest answer, in bytes.
    public var maximumBytes = 64 * 1024

    /// The defaults.
    public init() {}
}
