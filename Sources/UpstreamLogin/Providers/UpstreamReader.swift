package import Accounts
internal import Crypto
internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary

extension UpstreamProvider {
    /// Understands a description; every fault at once.
    package init(
        _ name: UpstreamName,
        _ description: UpstreamDescription,
        secrets: UpstreamSecrets
    ) throws(UpstreamFaults) {
        var reader = UpstreamReader(description, secrets)
        let preset = reader.preset()
        let place = reader.issuer(preset)
        let authentication = reader.authentication(preset, issuer: place.issuer)
        let scopes = reader.scopes(preset)
        let rules = reader.rules(preset)
        let isPrivate = reader.flag(.allowPrivateNetwork, standard: false)
        let isEnabled = reader.flag(.enabled, standard: true)
        let api = reader.api(preset, issuer: place.issuer)
        let clientID = reader.text(.clientID, expecting: "the client_id that the provider gave")
        guard reader.faults.isEmpty, let authentication else { throw UpstreamFaults(faults: reader.faults) }
        self.init(
            name: name,
            displayName: description[.displayName] ?? preset.displayName ?? name.value,
            preset: preset,
            state: isEnabled ? .enabled : .disabled,
            issuer: place.issuer,
            clientID: clientID,
            scopes: scopes,
            rules: rules,
            revision: Self.revision(description, secrets),
            authentication: authentication,
            claims: ClaimNames(
                name: description[.nameClaim] ?? "name",
                email: description[.emailClaim] ?? "email",
                groups: description[.groupsClaim]
            ),
            destinations: isPrivate ? .publicAndPrivate : .publicInternet,
            template: place.template,
            api: api
        )
    }

    private static func revision(_ description: UpstreamDescription, _ secrets: UpstreamSecrets) -> String {
        let fields = description.fields.sorted { $0.key.rawValue < $1.key.rawValue }.flatMap { field, texts in
            [field.rawValue, "\(texts.count)"] + texts
        }
        let parts = fields + [secrets.clientSecret ?? "", secrets.privateKey ?? ""]
        let text = parts.map { "\($0.utf8.count):\($0)" }.joined()
        return Base64URL.encode(SHA256.hash(data: Array(text.utf8)))
    }
}

extension UpstreamProvider.Preset {
    /// What people call it.
    var displayName: String? {
        switch self {
        case .oidc: nil
        case .google: "Google"
        case .apple: "Apple"
        case .microsoft: "Microsoft"
        case .github: "GitHub"
        }
    }

    fileprivate var issuer: String? {
        switch self {
        case .oidc: nil
        case .google: "https://accounts.google.com"
        case .apple: "https://appleid.apple.com"
        case .microsoft: "https://login.microsoftonline.com"
        case .github: "https://github.com"
        }
    }

    fileprivate var scopes: [String] {
        switch self {
        case .oidc, .google, .microsoft: ["openid", "profile", "email"]
        case .apple: ["openid", "name", "email"]
        case .github: ["read:user", "user:email"]
        }
    }

    /// Fields that mean something to this preset only.
    fileprivate static let ownFields: [UpstreamField: UpstreamProvider.Preset] = [
        .tenant: .microsoft, .tenants: .microsoft, .teamID: .apple, .keyID: .apple, .privateKeyFile: .apple,
        .api: .github,
    ]
}

/// Turns the texts of a description into values and collects what is wrong with it.
private struct UpstreamReader {
    let description: UpstreamDescription
    let secrets: UpstreamSecrets
    var faults: [String] = []

    init(_ description: UpstreamDescription, _ secrets: UpstreamSecrets) {
        self.description = description
        self.secrets = secrets
        for (field, texts) in description.fields.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            if texts.isEmpty || texts.contains(where: \.isEmpty) { fault(field, "a value") }
            if texts.count > 1, !field.isList { fault(field, "one value") }
        }
    }

    mutating func fault(_ field: UpstreamField, _ expected: String) {
        faults.append("\(field.rawValue): expected \(expected)")
    }

    mutating func text(_ field: UpstreamField, expecting expected: String) -> String {
        guard let text = description[field], text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), text.utf8.count <= 512
        else {
            fault(field, expected)
            return ""
        }
        return text
    }

    mutating func flag(_ field: UpstreamField, standard: Bool) -> Bool {
        switch description[field] {
        case nil: return standard
        case "true": return true
        case "false": return false
        default:
            fault(field, "true or false")
            return standard
        }
    }

    mutating func preset() -> UpstreamProvider.Preset {
        let preset = description[.preset].map { UpstreamProvider.Preset(rawValue: $0) } ?? .oidc
        guard let preset else {
            fault(.preset, "oidc, google, apple, microsoft or github")
            return .oidc
        }
        for (field, owner) in UpstreamProvider.Preset.ownFields where owner != preset && description[field] != nil {
            faults.append("\(field.rawValue): belongs to the preset \(owner.rawValue) only")
        }
        return preset
    }

    mutating func issuer(_ preset: UpstreamProvider.Preset) -> (issuer: String, template: IssuerTemplate?) {
        let text = description[.issuer] ?? preset.issuer ?? ""
        guard let parts = URIParts(text), parts.hostAndPort != nil, parts.query == nil, parts.fragment == nil,
            parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback
        else {
            fault(.issuer, "the provider's issuer, an https URL without query and fragment")
            return (text, nil)
        }
        return preset == .microsoft ? microsoft(text) : (text, nil)
    }

    /// The tenant of people with accounts of their own.
    private static let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

    /// Microsoft's issuers: of a tenant, or of many at once, whose metadata name a place for the tenant.
    private mutating func microsoft(_ base: String) -> (issuer: String, template: IssuerTemplate?) {
        let tenant = description[.tenant] ?? "common"
        let tenants = description.fields[.tenants] ?? []
        if !tenants.allSatisfy(IssuerTemplate.isTenant) { fault(.tenants, "tenants as GUIDs in lower case") }
        switch tenant {
        case "common", "organizations":
            let template = IssuerTemplate("\(base)/{tenantid}/v2.0", tenants: Set(tenants))
            return ("\(base)/\(tenant)/v2.0", template)
        case "consumers":
            return ("\(base)/\(Self.consumers)/v2.0", nil)
        default:
            if !IssuerTemplate.isTenant(tenant) {
                fault(.tenant, "the tenant's GUID in lower case, organizations, consumers or common")
            }
            if !tenants.isEmpty { faults.append("tenants: belongs to the tenants common and organizations only") }
            return ("\(base)/\(tenant)/v2.0", nil)
        }
    }

    mutating func authentication(
        _ preset: UpstreamProvider.Preset,
        issuer: String
    ) -> ClientAuthentication? {
        guard preset != .apple else { return apple(issuer) }
        if description[.clientSecretFile] != nil, description[.clientSecretVariable] != nil {
            faults.append("client_secret_file and client_secret_env: give one of them")
        }
        let method = description[.clientAuthentication] ?? (preset == .oidc ? "basic" : "post")
        guard let secret = secrets.clientSecret, !secret.isEmpty else {
            if preset == .oidc, method == "none" { return ClientAuthentication.none }
            faults.append("client_secret_file or client_secret_env: expected the client secret")
            return nil
        }
        switch method {
        case "basic": return .secretBasic(secret)
        case "post": return .secretPost(secret)
        default:
            fault(.clientAuthentication, "basic or post, or none for a client without a secret")
            return nil
        }
    }

    /// Apple knows no secret but one that is signed anew with the team's key.
    private mutating func apple(_ issuer: String) -> ClientAuthentication? {
        let team = text(.teamID, expecting: "the ten characters of the team")
        let name = text(.keyID, expecting: "the ten characters of the key")
        guard let pem = secrets.privateKey else {
            fault(.privateKeyFile, "a file with the private key")
            return nil
        }
        do throws(JOSEError) {
            var members = try JWK(pem: pem).members
            members["kid"] = .string(name)
            let key = try SigningKey(try JWK(members), algorithm: .es256)
            return .signedSecret(key, issuer: team, audience: issuer)
        } catch {
            faults.append("private_key_file: expected a private key on P-256 in PEM (\(error.code))")
            return nil
        }
    }

    mutating func scopes(_ preset: UpstreamProvider.Preset) -> [String] {
        guard let scopes = description.fields[.scopes] else { return preset.scopes }
        let isOpenID = preset != .github
        guard scopes.allSatisfy({ Scope($0) != nil }), scopes.contains("openid") == isOpenID else {
            fault(.scopes, isOpenID ? "scope names, openid among them" : "scope names of GitHub")
            return preset.scopes
        }
        return scopes
    }

    mutating func rules(_ preset: UpstreamProvider.Preset) -> UpstreamRules {
        let allowed = domains(.domains)
        let authoritative = domains(.authoritativeFor)
        if !authoritative.isEmpty, !mayBeAuthority(preset) {
            fault(
                .authoritativeFor,
                "nothing: GitHub verifies an address once and keeps it, and of Microsoft only a tenant that is named can "
                    + "be the authority for a domain (tenants)"
            )
        }
        return UpstreamRules(
            signUp: flag(.signUp, standard: false) ? .allowed : .refused,
            allowedDomains: allowed,
            authoritativeDomains: authoritative,
            evidence: preset == .google ? .hostedDomain : .verifiedEmail
        )
    }

    /// Whether what the provider says of an address can be the last word on whose it is.
    private func mayBeAuthority(_ preset: UpstreamProvider.Preset) -> Bool {
        switch preset {
        case .github: false
        case .microsoft:
            switch description[.tenant] ?? "common" {
            case "common", "organizations":
                !(description.fields[.tenants] ?? []).isEmpty
                    && !(description.fields[.tenants] ?? []).contains(Self.consumers)
            case let tenant: tenant != "consumers" && tenant != Self.consumers
            }
        default: true
        }
    }

    private mutating func domains(_ field: UpstreamField) -> Set<String> {
        let domains = description.fields[field] ?? []
        let isSound = domains.allSatisfy { domain in
            domain.contains(".") && !domain.hasPrefix(".") && !domain.hasSuffix(".")
                && domain.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x2D || byte == 0x2E
                }
        }
        if !isSound { fault(field, "domains such as example.org, without wildcards") }
        return Set(domains)
    }

    mutating func api(_ preset: UpstreamProvider.Preset, issuer: String) -> String? {
        guard preset == .github else { return nil }
        let text = description[.api] ?? (issuer == "https://github.com" ? "https://api.github.com" : "\(issuer)/api/v3")
        guard let parts = URIParts(text), parts.hostAndPort != nil, parts.query == nil, parts.fragment == nil,
            parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback, !text.hasSuffix("/")
        else {
            fault(.api, "an https URL without query, fragment and slash at its end")
            return nil
        }
        return text
    }
}
