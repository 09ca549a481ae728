/// One thing that an operator says of a provider.
package enum UpstreamField: String, CaseIterable, Sendable {
    case preset
    case displayName = "display_name"
    case enabled
    case issuer
    case clientID = "client_id"
    case clientSecretFile = "client_secret_file"
    case clientSecretVariable = "client_secret_env"
    case clientAuthentication = "client_authentication"
    case scopes
    case signUp = "sign_up"
    case domains
    case authoritativeFor = "authoritative_for"
    case nameClaim = "name_claim"
    case emailClaim = "email_claim"
    case groupsClaim = "groups_claim"
    case tenant
    case tenants
    case teamID = "team_id"
    case keyID = "key_id"
    case privateKeyFile = "private_key_file"
    case api
    case allowPrivateNetwork = "allow_private_network"

    package var isList: Bool {
        switch self {
        case .scopes, .domains, .authoritativeFor, .tenants: true
        default: false
        }
    }

    package var about: String {
        switch self {
        case .preset: "oidc (standard), google, apple, microsoft or github"
        case .displayName: "what the button says: \"Continue with …\""
        case .enabled: "true or false; a provider that is switched off signs nobody in"
        case .issuer: "the issuer URL; the presets know theirs"
        case .clientID: "as the provider registered this server"
        case .clientSecretFile: "a file with the client secret"
        case .clientSecretVariable: "the environment variable that holds the client secret"
        case .clientAuthentication: "how the secret is sent: basic or post"
        case .scopes: "what is asked for; openid is among it"
        case .signUp: "true makes an account for whoever comes first; standard: false"
        case .domains: "the only domains from which people may come"
        case .authoritativeFor: "domains for whose addresses the provider's word joins accounts; standard: none"
        case .nameClaim: "the claim with the person's name; standard: name"
        case .emailClaim: "the claim with the address; standard: email"
        case .groupsClaim: "the claim with the person's groups; standard: none is read"
        case .tenant: "microsoft: a tenant's GUID, organizations, consumers, or common (standard)"
        case .tenants: "microsoft: the tenants that may come through common or organizations"
        case .teamID: "apple: the team"
        case .keyID: "apple: the key's identifier"
        case .privateKeyFile: "apple: the private key, PEM (.p8)"
        case .api: "github: the address of the API, for GitHub Enterprise"
        case .allowPrivateNetwork: "true where the provider is on loopback or in a private network; standard: false"
        }
    }
}

/// A provider as it was written down, before it is understood.
package struct UpstreamDescription: Hashable, Sendable {
    package var fields: [UpstreamField: [String]]

    package init(_ fields: [UpstreamField: [String]] = [:]) { self.fields = fields }

    package subscript(field: UpstreamField) -> String? { fields[field]?.first }
}

/// What a description keeps elsewhere.
package struct UpstreamSecrets: Sendable {
    package var clientSecret: String?
    /// PEM.
    package var privateKey: String?

    package init(clientSecret: String? = nil, privateKey: String? = nil) {
        self.clientSecret = clientSecret
        self.privateKey = privateKey
    }
}

/// Everything that is wrong with a description.
package struct UpstreamFaults: Error, Hashable, Sendable {
    package var faults: [String]
}
