internal import OAuthVocabulary

/// Scopes and resources as a caller writes them.
enum Scopes {
    /// Each once, in their order.
    static func normalized(_ scopes: [String]) throws(OAuthClientError) -> [String] {
        var normal: [String] = []
        for scope in scopes where !normal.contains(scope) {
            // RFC 6749 §3.3: "scope-token = 1*( %x21 / %x23-5B / %x5D-7E )"
            guard Scope(scope) != nil else {
                throw OAuthClientError(.requestInvalid, reason: "a scope has characters that no scope has")
            }
            normal.append(scope)
        }
        return normal
    }

    /// Each once, sorted.
    static func normalizedResources(_ resources: [String]) throws(OAuthClientError) -> [String] {
        for resource in resources {
            // RFC 8707 §2: "Its value MUST be an absolute URI"
            guard ResourceIndicator(resource) != nil else {
                throw OAuthClientError(.requestInvalid, reason: "a resource is no absolute URI without fragment")
            }
        }
        return Set(resources).sorted()
    }
}
