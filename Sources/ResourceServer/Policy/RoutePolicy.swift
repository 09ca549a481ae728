// Room: what a route demands of a token that is good: scopes (RFC 6749 §3.3), claims, the person's authentication (RFC 9470),
// and how fresh the knowledge of revocations must be. Owns the requirements and what they answer. Judged anew for every
// request, after the cache and never in it. Stores nothing.

internal import Instants

/// What a route demands of an access token besides that it is good.
///
/// ```swift
/// let reading = RoutePolicy.scope("orders:read")
/// let deleting = RoutePolicy(
///     .scopes(allOf: ["orders:write"]), .acr(anyOf: ["urn:example:mfa"]), .authenticated(within: .seconds(300)),
///     freshness: .strict(maxStaleness: .seconds(1))
/// )
/// ```
public struct RoutePolicy: Sendable {
    /// What is demanded; the first that is not met is answered.
    public var requirements: [Requirement]
    /// What happens when the knowledge of revocations is stale; nil for what the verifier is configured for.
    public var freshness: FreshnessPolicy?

    /// Every requirement must be met.
    public init(_ requirements: Requirement..., freshness: FreshnessPolicy? = nil) {
        self.requirements = requirements
        self.freshness = freshness
    }

    /// Any token that is good.
    public static let anyToken = RoutePolicy()

    /// All these scopes are needed.
    public static func scope(_ names: String...) -> RoutePolicy { RoutePolicy(.scopes(allOf: names)) }

    /// This, and another requirement.
    public func and(_ requirement: Requirement) -> RoutePolicy {
        var policy = self
        policy.requirements.append(requirement)
        return policy
    }

    /// This, under another freshness.
    public func when(stale freshness: FreshnessPolicy) -> RoutePolicy {
        var policy = self
        policy.freshness = freshness
        return policy
    }

    /// The refusal of the first requirement that is not met.
    func refusal(of token: AccessToken, now: Instant, leeway: Duration) -> TokenRefusal? {
        guard let missed = requirements.first(where: { !$0.isMet(by: token, now: now, leeway: leeway) }) else {
            return nil
        }
        var refusal = TokenRefusal(missed.code, detail: missed.detail)
        switch missed.kind {
        case .scopes: refusal.scope = scope
        case .claim: break
        case .acr, .authenticated:
            // Both at once, so that one more sign-in is enough.
            refusal.acrValues = acrValues
            refusal.maximumAge = maximumAge
        }
        return refusal
    }

    /// The scopes that a client should ask for: all that are needed, and the first where any would do.
    var scope: [String] {
        var names: [String] = []
        for requirement in requirements {
            guard case .scopes(let listed, let any) = requirement.kind else { continue }
            for name in any ? Array(listed.prefix(1)) : listed where !names.contains(name) { names.append(name) }
        }
        return names
    }

    private var acrValues: [String] {
        for case .acr(let values) in requirements.map(\.kind) { return values }
        return []
    }

    private var maximumAge: Duration? {
        var shortest: Duration?
        for case .authenticated(let age) in requirements.map(\.kind) { shortest = min(shortest ?? age, age) }
        return shortest
    }
}
