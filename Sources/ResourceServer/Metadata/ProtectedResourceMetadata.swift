// Room: what an API says of itself (RFC 9728): the metadata document, and the address at which it stands. Owns the rule of
// how that address is made. Stores nothing.

public import JOSE
internal import OAuthVocabulary

/// The metadata of a protected resource (RFC 9728 §2), from which a client learns where tokens come from.
public struct ProtectedResourceMetadata: Sendable {
    /// `resource`: the API's own identifier, an https URL without a fragment.
    public let resource: String
    /// `authorization_servers`: the issuers whose tokens count here.
    public var authorizationServers: [String]
    /// `scopes_supported`; left out if empty.
    public var scopes: [String]
    /// `resource_name`: what to call the API before people.
    public var name: String?
    /// `resource_documentation`: where its developers' guide stands.
    public var documentation: String?
    /// Further members of the document.
    public var additional: JSONObject = [:]

    private let origin: String
    private let suffix: String

    /// The well-known path without a resource's own (RFC 9728 §3).
    public static let wellKnownPath = "/.well-known/oauth-protected-resource"

    /// The metadata of an API; nil unless `resource` is an https URL (or http on loopback) without a fragment.
    public init?(
        resource: String,
        authorizationServers: [String],
        scopes: [String] = [],
        name: String? = nil,
        documentation: String? = nil
    ) {
        guard let parts = URIParts(resource), parts.fragment == nil, !parts.hasUserInfo, let origin = parts.origin,
            parts.scheme == "https" || (parts.scheme == "http" && parts.isLoopback)
        else { return nil }
        self.resource = resource
        self.authorizationServers = authorizationServers
        self.scopes = scopes
        self.name = name
        self.documentation = documentation
        self.origin = origin
        // RFC 9728 §3.1: "any terminating slash (/) following the host component MUST be removed before inserting
        // /.well-known/ and the well-known URI path suffix between the host component and the path and/or query
        // components."
        let path = parts.path == "/" ? "" : parts.path
        suffix = path + (parts.query.map { "?\($0)" } ?? "")
    }

    /// Where the document is served, below the API's host.
    public var path: String { Self.wellKnownPath + suffix }
    /// The address of the document, for the `resource_metadata` of a challenge (RFC 9728 §5.1).
    public var url: String { origin + path }

    /// The document: JSON in UTF-8, to be served as `application/json`.
    public var document: [UInt8] {
        var members: JSONObject = ["resource": .string(resource)]
        members["authorization_servers"] = .array(authorizationServers.map { .string($0) })
        if !scopes.isEmpty { members["scopes_supported"] = .array(scopes.map { .string($0) }) }
        members["bearer_methods_supported"] = ["header"]
        members["resource_name"] = name.map { .string($0) }
        members["resource_documentation"] = documentation.map { .string($0) }
        for (name, value) in additional where members[name] == nil { members[name] = value }
        return members.serialized()
    }
}
