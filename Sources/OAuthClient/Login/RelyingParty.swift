// Room: somebody signs in: authorization code with PKCE (RFC 7636), state, nonce and `iss` (RFC 9207), the ID token judged by
// OIDC Core §3.1.3.7, userinfo, logout, revocation. Stores nothing: what is pending is the caller's to keep.

internal import Crypto
internal import Instants
package import IssuerConnection
internal import JOSE
internal import OAuthVocabulary

/// An application that lets people sign in at an issuer.
public final class RelyingParty: Sendable {
    /// How long somebody may take to sign in.
    static let loginLifetime: Duration = .seconds(900)

    /// The client.
    public let registration: ClientRegistration
    /// Where answers come.
    public let redirectURI: String
    let dialogue: IssuerDialogue
    let judge: IDTokenJudge

    /// A relying party; nothing is asked of the issuer yet.
    public convenience init(
        _ registration: ClientRegistration,
        redirectURI: String,
        idTokens policy: IDTokenPolicy = IDTokenPolicy(),
        environment: ClientEnvironment = ClientEnvironment()
    ) {
        self.init(
            registration,
            redirectURI: redirectURI,
            metadata: .discovered,
            idTokens: policy,
            environment: environment
        )
    }

    /// The same, with metadata that come from elsewhere, or that speak for many tenants.
    package init(
        _ registration: ClientRegistration,
        redirectURI: String,
        metadata source: MetadataSource,
        idTokens policy: IDTokenPolicy = IDTokenPolicy(),
        environment: ClientEnvironment = ClientEnvironment()
    ) {
        self.registration = registration
        self.redirectURI = redirectURI
        dialogue = IssuerDialogue(registration, environment, source: source)
        judge = IDTokenJudge(dialogue, policy)
    }

    /// Begins a login: the URL for the browser, and what to keep until it comes back.
    public func start(_ options: LoginOptions = LoginOptions()) async throws(OAuthClientError) -> LoginStart {
        let scopes = try Scopes.normalized(options.scopes)
        guard options.parameters.keys.allSatisfy({ !LoginOptions.reserved.contains($0) }) else {
            throw OAuthClientError(.requestInvalid, reason: "a further parameter is one that the library sets")
        }
        var options = options
        options.resources = try Scopes.normalizedResources(options.resources)
        let endpoint = try await dialogue.endpoint("authorization endpoint", \.authorizationEndpoint)
        let randomness = dialogue.environment.randomness
        let now = dialogue.clock.now
        let pending = PendingLogin(
            issuer: registration.issuer,
            clientID: registration.clientID,
            state: randomness.text(32),
            redirectURI: redirectURI,
            expiresAt: now + Self.loginLifetime,
            nonce: scopes.contains("openid") ? randomness.text(32) : nil,
            // RFC 7636 §4.1: "high-entropy cryptographic random STRING"
            codeVerifier: randomness.text(32),
            scopes: scopes,
            startedAt: now,
            maximumAgeInSeconds: options.maximumAge?.wholeSeconds,
            requiredACR: options.requiredACR
        )
        let query = FormEncoding.encode(Self.fields(pending, options))
        return LoginStart(url: "\(endpoint)\(endpoint.contains("?") ? "&" : "?")\(query)", pending: pending)
    }

    private static func fields(_ pending: PendingLogin, _ options: LoginOptions) -> [FormField] {
        let challenge = Base64URL.encode(SHA256.hash(data: Array(pending.codeVerifier.utf8)))
        var fields = [
            FormField("response_type", "code"), FormField("client_id", pending.clientID),
            FormField("redirect_uri", pending.redirectURI), FormField("scope", pending.scopes.joined(separator: " ")),
            FormField("state", pending.state), FormField("code_challenge", challenge),
            FormField("code_challenge_method", "S256"),
        ]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { fields.append(FormField(name, value)) }
        }
        add("nonce", pending.nonce)
        add("prompt", options.prompt)
        add("max_age", pending.maximumAgeInSeconds.map(String.init))
        add("acr_values", options.requiredACR.joined(separator: " "))
        add("login_hint", options.loginHint)
        add("ui_locales", options.uiLocales.joined(separator: " "))
        for resource in options.resources { add("resource", resource) }
        for (name, value) in options.parameters.sorted(by: { $0.key < $1.key }) { add(name, value) }
        return fields.filter { !$0.value.isEmpty }
    }

    /// Ends a login: checks what the browser brought back, redeems the code, and judges the ID token.
    ///
    /// - Parameter query: of the request to the redirect URI, without the question mark; or the form, where the answer
    ///   came by POST.
    /// - Throws: `response-invalid` for an answer to another request or from another issuer, `refused` with the issuer's
    ///   `error`, `token-invalid` for an ID token that must not be believed.
    public func finish(_ pending: PendingLogin, query: String) async throws(OAuthClientError) -> Login {
        guard pending.issuer == registration.issuer, pending.clientID == registration.clientID else {
            throw OAuthClientError(
                .responseInvalid,
                reason: "the login was begun at another issuer or by another client"
            )
        }
        let now = dialogue.clock.now
        guard now < pending.expiresAt else { throw OAuthClientError(.expired, reason: "the login took too long") }
        let metadata = try await dialogue.metadata()
        let code = try AuthorizationResponse.code(
            query,
            for: pending,
            issuer: metadata,
            template: dialogue.source.template
        )
        // The keys first: a code that was redeemed cannot be redeemed again when they are there.
        if pending.nonce != nil { _ = try await judge.keys.current() }
        let tokens = try await dialogue.tokens(
            [
                FormField("grant_type", "authorization_code"), FormField("code", code),
                FormField("redirect_uri", pending.redirectURI), FormField("code_verifier", pending.codeVerifier),
            ],
            asked: pending.scopes,
            // A code counts once: sent again it could end what the first sending began (RFC 6749 §4.1.2).
            .once
        )
        return Login(tokens: tokens, claims: try await claims(of: tokens, pending))
    }

    /// The issuer's metadata, asked for again when they are old.
    package func metadata() async throws(OAuthClientError) -> IssuerMetadata { try await dialogue.metadata() }

    private func claims(of tokens: TokenSet, _ pending: PendingLogin) async throws(OAuthClientError) -> JSONObject {
        guard let nonce = pending.nonce else { return [:] }
        // OIDC Core §3.1.3.3: "ID Token value associated with the authenticated session."
        guard let idToken = tokens.idToken else {
            throw OAuthClientError(.tokenInvalid, reason: "openid was asked for, and no ID token came")
        }
        let expectation = IDTokenExpectation(
            nonce: nonce,
            maximumAge: pending.maximumAgeInSeconds.map { .seconds($0) },
            requiredACR: pending.requiredACR,
            accessToken: tokens.accessToken
        )
        return try await judge.verified(idToken, expectation).claims
    }
}
