// Room: the talk with one provider: where the browser is sent, what came back, and who that is. OIDC Core §3.1.2.1 (`prompt`,
// `max_age`), §5.1, §5.3; GitHub's user API. Every request goes out by IssuerConnection's GuardedTransport (FIELD I28). Stores
// metadata and keys in memory.

internal import Accounts
internal import Instants
internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary

/// One provider, as it is talked to.
final class UpstreamConnection: Sendable {
    /// A person waits at a browser: one attempt may take so long, and all attempts of one request together twice that.
    static let patience: Duration = .seconds(10)

    let provider: UpstreamProvider
    let party: RelyingParty
    let environment: ClientEnvironment

    init(_ provider: UpstreamProvider, redirectURI: String, surroundings: UpstreamSurroundings) throws(UpstreamFaults) {
        self.provider = provider
        let patience = surroundings.patience
        environment = ClientEnvironment(
            transport: surroundings.transport ?? GuardedTransport(provider.destinations),
            retries: RetryPolicy(maximumAttempts: 2, deadline: patience * 2),
            timeout: patience,
            clock: surroundings.clock,
            randomness: surroundings.randomness
        )
        party = RelyingParty(
            ClientRegistration(
                issuer: provider.issuer,
                clientID: provider.clientID,
                authentication: provider.authentication
            ),
            redirectURI: redirectURI,
            metadata: try Self.metadata(provider),
            environment: environment
        )
    }

    private static func metadata(_ provider: UpstreamProvider) throws(UpstreamFaults) -> MetadataSource {
        if let template = provider.template { return .templated(template) }
        guard provider.preset == .github else { return .discovered }
        let document: JSONObject = [
            "issuer": .string(provider.issuer),
            "authorization_endpoint": .string("\(provider.issuer)/login/oauth/authorize"),
            "token_endpoint": .string("\(provider.issuer)/login/oauth/access_token"),
        ]
        do throws(DiscoveryError) {
            return .known(try IssuerMetadata(document, from: provider.issuer))
        } catch {
            throw UpstreamFaults(faults: ["issuer: \(error.reason)"])
        }
    }

    /// Begins a login.
    func start(_ freshness: UpstreamLogins.Freshness) async throws(OAuthClientError) -> LoginStart {
        var options = LoginOptions(scopes: provider.scopes)
        if freshness == .again {
            switch provider.preset {
            case .oidc:
                options.prompt = "login"
                // The token must then say when that was, and it is refused if it was long ago.
                options.maximumAge = .zero
            case .microsoft: options.prompt = "login"
            case .google, .github: options.prompt = "select_account"
            case .apple: break
            }
        }
        if provider.preset == .apple { options.parameters["response_mode"] = "form_post" }
        if provider.preset == .google, provider.rules.allowedDomains.count == 1 {
            // A convenience for the page there; what counts is the claim that comes back.
            options.parameters["hd"] = provider.rules.allowedDomains.first
        }
        return try await party.start(options)
    }

    /// Ends a login: who has signed in there.
    func finish(_ pending: PendingLogin, query: String) async throws(OAuthClientError) -> UpstreamProfile {
        let login = try await party.finish(pending, query: query)
        if provider.preset == .github { return try await gitHub(login) }
        var claims = login.claims
        if provider.preset == .oidc { claims = try await completed(claims, login) }
        guard let subject = login.subject,
            let identity = UpstreamIdentity(
                provider: provider.name,
                issuer: claims["iss"]?.stringValue ?? provider.issuer,
                subject: subject
            )
        else { throw Self.invalid("the subject cannot be one") }
        var profile = UpstreamProfile(identity: identity)
        profile.name = Self.text(claims[provider.claims.name])
        if provider.preset == .apple, profile.name == nil { profile.name = Self.appleName(in: query) }
        profile.setEmail(claims[provider.claims.email]?.stringValue, verification(claims))
        profile.hostedDomain = claims["hd"]?.stringValue
        profile.groups = provider.claims.groups.map { Self.groups(claims[$0]) }
        return profile
    }

    /// The claims of the ID token, and those of userinfo that it does not have.
    private func completed(_ claims: JSONObject, _ login: Login) async throws(OAuthClientError) -> JSONObject {
        let wanted = [provider.claims.name, provider.claims.email, provider.claims.groups].compactMap(\.self)
        guard wanted.contains(where: { claims[$0] == nil }), let subject = login.subject,
            try await party.metadata().userInfoEndpoint != nil
        else { return claims }
        var all = claims
        let more = try await party.userInfo(accessToken: login.tokens.accessToken, expecting: subject)
        // What one document says of an address is not about the other's.
        let address = [provider.claims.email, "email_verified"]
        let hasAddress = address.contains { claims[$0] != nil }
        for (name, value) in more where all[name] == nil && !(hasAddress && address.contains(name)) {
            all[name] = value
        }
        return all
    }

    /// Whether the provider says that it verified the address.
    private func verification(_ claims: JSONObject) -> EmailVerification {
        // A claim of the operator's choosing is not what `email_verified` speaks of.
        guard provider.claims.email == "email" else { return .unverified }
        switch provider.preset {
        case .oidc, .google, .github:
            return claims["email_verified"]?.boolValue == true ? .verified : .unverified
        case .apple:
            // "The value may be a string ("true" or "false") or a Boolean": Apple's words of its claim.
            let claim = claims["email_verified"]
            return claim?.boolValue == true || claim?.stringValue == "true" ? .verified : .unverified
        case .microsoft:
            // nOAuth: the address is whatever the administrator of any tenant wrote. Only this optional claim says that the
            // tenant has proven the domain.
            let claim = claims["xms_edov"]
            let isProven =
                claim?.boolValue == true || claim?.integerValue == 1 || ["1", "true"].contains(claim?.stringValue)
            return isProven ? .verified : .unverified
        }
    }

    /// The name that Apple sends beside the code, once, and unsigned: whoever sits at the browser may have written it.
    private static func appleName(in form: String) -> String? {
        let user = (FormEncoding.pairs(form) ?? []).first { $0.name == "user" }?.value
        guard let user, user.utf8.count <= 4096,
            let name = (try? JSONObject(parsing: Array(user.utf8)))?["name"]?.objectValue
        else { return nil }
        let parts = ["firstName", "lastName"].compactMap { text(name[$0]) }.filter { !$0.isEmpty }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    /// A claim for people to read: short, in one line.
    static func text(_ value: JSON?) -> String? {
        guard let text = value?.stringValue, !text.isEmpty, text.utf8.count <= 1024 else { return nil }
        let line = text.unicodeScalars.filter { $0.properties.generalCategory != .control }
        return line.isEmpty ? nil : String(String.UnicodeScalarView(line))
    }

    private static let maximumGroups = 100

    private static func groups(_ value: JSON?) -> [String] {
        let texts = value?.arrayValue?.compactMap(\.stringValue) ?? value?.stringValue.map { [$0] } ?? []
        let sound = texts.filter { (1...255).contains($0.utf8.count) }
        var groups: [String] = []
        for text in sound.prefix(maximumGroups) where !groups.contains(text) { groups.append(text) }
        return groups
    }

    static func invalid(_ reason: String) -> OAuthClientError { OAuthClientError(.tokenInvalid, reason: reason) }
}
