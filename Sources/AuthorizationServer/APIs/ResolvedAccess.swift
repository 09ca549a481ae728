package import OAuthVocabulary

/// Which API a token is for and what it may do there: RFC 8707 §2, RFC 9068 §3.
package struct ResolvedAccess: Hashable, Sendable {
    /// The API; `nil` where the token is for the issuer's own endpoints or for an audience without a record.
    package var api: RegisteredAPI?
    /// `aud`, RFC 9068 §2.2.
    ///
    /// The issuer is in it where `openid` is granted, because then userinfo accepts the token.
    package var audience: [String]
    package var scope: ScopeSet
}

/// Decides about scope and resource from values that were loaded before.
package enum AccessResolution {
    /// What the decision needs to have been loaded.
    package struct Material: Sendable {
        /// The scopes asked for, or the client's own where none were named.
        package var scopes: ScopeSet
        /// The API of each of `scopes`, in their order.
        package var owners: [RegisteredAPI?]
        package var resource: ResourceIndicator?
        /// The API that `resource` names.
        package var target: RegisteredAPI?
        package var wereNamed: Bool
    }

    package static func resolve(
        _ material: Material,
        client: RegisteredClient,
        configuration: ProviderConfiguration
    ) throws(OAuthError) -> ResolvedAccess {
        var scopes: [Scope] = []
        var apis: [RegisteredAPI] = []
        for (scope, owner) in zip(material.scopes, material.owners) {
            if Scope.ofOpenIDConnect.contains(scope) {
                scopes.append(scope)
            } else if let owner, material.target == nil || owner.audience == material.target?.audience {
                scopes.append(scope)
                if !apis.contains(where: { $0.audience == owner.audience }) { apis.append(owner) }
            } else if material.wereNamed {
                // RFC 6749 §3.3 and RFC 8707 §2: a scope means something at its own API only.
                throw OAuthError(
                    .invalidScope,
                    "a requested scope is unknown or does not belong to the requested resource",
                    detail: "scope \(scope), resource \(material.resource?.value ?? "not named")"
                )
            }
        }
        for scope in scopes where !client.scopes.contains(scope) {
            throw OAuthError(
                .invalidScope,
                "a requested scope is not allowed for this client",
                detail: "scope \(scope) is not in the client's scopes: \(client.scopes)"
            )
        }
        if material.resource != nil, material.target == nil, material.resource != configuration.defaultAudience {
            throw OAuthError(
                .invalidTarget,
                "the requested resource is unknown",
                detail: "resource \(material.resource?.value ?? "")"
            )
        }
        guard apis.count <= 1 else {
            throw OAuthError(
                .invalidScope,
                "the requested scopes belong to more than one API; name one with resource",
                detail: "APIs: \(apis.map(\.audience.value).sorted().joined(separator: " "))"
            )
        }
        let api = material.target ?? apis.first
        if let api, apis.isEmpty, client.defaultResource != api.audience {
            throw OAuthError(
                .invalidTarget,
                "this client has no scope of the requested resource",
                detail: "resource \(api.audience)"
            )
        }
        let scope = ScopeSet(scopes)
        var audience = [api?.audience.value ?? configuration.defaultAudience?.value ?? configuration.issuerAudience]
        if scope.contains(.openID), !audience.contains(configuration.issuerAudience) {
            audience.append(configuration.issuerAudience)
        }
        return ResolvedAccess(api: api, audience: audience, scope: scope)
    }
}

extension Reader {
    /// Parses `scope` and `resource` and loads what `AccessResolution` needs.
    package func accessMaterial(
        scope text: String?,
        resources: [String],
        client: RegisteredClient
    ) async throws(OAuthError) -> AccessResolution.Material {
        guard resources.count <= 1 else {
            throw OAuthError(.invalidTarget, "name one resource at a time", detail: "\(resources.count) resources")
        }
        var resource = client.defaultResource
        if let named = resources.first {
            // RFC 8707 §2: "Its value MUST be an absolute URI"; "MUST NOT include a fragment component"
            guard let indicator = ResourceIndicator(named) else {
                throw OAuthError(
                    .invalidTarget,
                    "resource must be an absolute URI without a fragment",
                    detail: "resource not a URI"
                )
            }
            resource = indicator
        }
        guard let named = text.map(ScopeSet.init(parameter:)) ?? .some([]) else {
            throw OAuthError(
                .invalidScope,
                "scope must be scope-tokens separated by single spaces",
                detail: "malformed"
            )
        }
        let scopes = named.isEmpty ? client.scopes.filter { !Scope.ofOpenIDConnect.contains($0) } : named
        let owners = try await apis(owning: scopes)
        // A default resource gives way to the scopes that were named: they say which API is meant.
        let owned = owners.compactMap(\.?.audience)
        if resources.isEmpty, !owned.isEmpty, let fallback = resource, !owned.contains(fallback) { resource = nil }
        var target: RegisteredAPI?
        if let resource { target = try await api(resource) }
        return AccessResolution.Material(
            scopes: scopes,
            owners: owners,
            resource: resource,
            target: target,
            wereNamed: !named.isEmpty
        )
    }

    private func apis(owning scopes: ScopeSet) async throws(OAuthError) -> [RegisteredAPI?] {
        var owners = try await apiOwners(of: scopes.scopes.filter { !Scope.ofOpenIDConnect.contains($0) })
            .makeIterator()
        return scopes.map { Scope.ofOpenIDConnect.contains($0) ? nil : owners.next() ?? nil }
    }
}
