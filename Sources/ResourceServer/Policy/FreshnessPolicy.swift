/// What a route does when the knowledge of revocations is older than it may be.
///
/// Staleness is how long ago the issuer proved what the verifier knows: with a feed that runs, a quarter of a second.
public struct FreshnessPolicy: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case strict(Duration)
        case introspectWhenStale(Duration)
        case accept
    }

    let kind: Kind

    /// Refuse with 503 and `Retry-After`: never serve a token whose revocation could be unknown for longer than this.
    ///
    /// The price: while the feed is cut, the route is down. An opaque token is asked about instead, at the same age.
    public static func strict(maxStaleness: Duration = .seconds(1)) -> FreshnessPolicy {
        FreshnessPolicy(kind: .strict(maxStaleness))
    }

    /// Ask the issuer about each token (RFC 7662), and refuse with 503 if it does not answer.
    ///
    /// The price: while the feed is cut, a request a token and ``maxStaleness``. Zero asks for every request.
    public static func introspectWhenStale(maxStaleness: Duration = .seconds(1)) -> FreshnessPolicy {
        FreshnessPolicy(kind: .introspectWhenStale(maxStaleness))
    }

    /// Serve all the same: a token that was revoked while the feed is cut counts until it expires.
    public static let accept = FreshnessPolicy(kind: .accept)

    /// How old the knowledge may be; nil where that does not matter.
    public var maxStaleness: Duration? {
        switch kind {
        case .strict(let staleness), .introspectWhenStale(let staleness): staleness
        case .accept: nil
        }
    }
}
