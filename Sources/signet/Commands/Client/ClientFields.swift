import ArgumentParser
import AuthorizationServer
import OAuthVocabulary

/// What `client create` and `client update` can set.
struct ClientFields: ParsableArguments {
    @Option(help: "The name that people read before they consent.")
    var name: String?

    @Option(
        name: .customLong("redirect-uri"),
        help: ArgumentHelp("Where codes may be sent; compared byte for byte. Repeat for several.", valueName: "uri"),
        transform: Words.redirectURI
    )
    var redirectURIs: [RedirectURI] = []

    @Option(
        name: .customLong("post-logout-redirect-uri"),
        help: ArgumentHelp("Where a browser may be sent after signing out. Repeat for several.", valueName: "uri"),
        transform: Words.redirectURI
    )
    var postLogoutRedirectURIs: [RedirectURI] = []

    @OptionGroup(title: "Logout") var logout: ClientLogoutFields

    @Option(
        name: .customLong("grant"),
        help: ArgumentHelp(
            "authorization_code, client_credentials, device_code or refresh_token. Repeat for several.",
            valueName: "grant"
        ),
        transform: Words.grantType
    )
    var grants: [GrantType] = []

    @Option(
        name: .customLong("scope"),
        help: ArgumentHelp("A scope that it may ask for. Repeat for several.", valueName: "scope")
    )
    var scopes: [ScopesArgument] = []

    @Option(
        name: .customLong("auth-method"),
        help: ArgumentHelp(
            "How it authenticates: client_secret_basic, client_secret_post, private_key_jwt or none.",
            valueName: "method"
        ),
        transform: Words.authenticationMethod
    )
    var authenticationMethod: ClientAuthenticationMethod?

    @Option(
        name: .customLong("jwks-file"),
        help: ArgumentHelp("A JWK Set with the public keys of private_key_jwt.", valueName: "file")
    )
    var keySetFile: String?

    @Option(
        name: .customLong("origin"),
        help: ArgumentHelp(
            "A web origin that may call the token endpoint from a browser. Repeat for several.",
            valueName: "origin"
        )
    )
    var origins: [String] = []

    @Option(help: "Whether PKCE may be left out: only a confidential OpenID client that sends a nonce may.")
    var pkce: RegisteredClient.PKCEPolicy?

    @Option(help: "Whether people are asked; implicit is for your own applications.")
    var consent: RegisteredClient.ConsentPolicy?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether it is your own, so that people may type their password into it."
    )
    var firstParty: Bool?

    @Option(
        name: .customLong("browser-session"),
        help: ArgumentHelp(
            "What POST /session/login gives it: none, tokens (an access token; the refresh token in a cookie) or session "
                + "(a cookie and no token). Needs --first-party.",
            valueName: "mode"
        )
    )
    var browserSession: BrowserUse.Session?

    @Option(
        name: .customLong("token-delivery"),
        help: ArgumentHelp(
            "Where its refresh tokens go: body, or cookie, which no script can read; then its origins must be on the "
                + "server's site.",
            valueName: "delivery"
        )
    )
    var tokenDelivery: BrowserUse.TokenDelivery?

    @Option(
        name: .customLong("id-token-alg"),
        help: ArgumentHelp("What signs its ID tokens: RS256, ES256 or EdDSA.", valueName: "alg")
    )
    var idTokenAlgorithm: String?

    @Option(
        name: .customLong("refresh-idle"),
        help: ArgumentHelp("How long its unused refresh tokens live, such as 7d.", valueName: "duration")
    )
    var refreshIdle: DurationArgument?

    @Option(
        name: .customLong("refresh-absolute"),
        help: ArgumentHelp("How long it may refresh after one sign-in, such as 30d.", valueName: "duration")
    )
    var refreshAbsolute: DurationArgument?

    @Option(
        name: .customLong("resource"),
        help: ArgumentHelp("The API that its access tokens are for where a request names none.", valueName: "audience"),
        transform: Words.resource
    )
    var defaultResource: ResourceIndicator?

    @Option(
        name: .customLong("token-claim"),
        help: ArgumentHelp(
            "A claim of the person that enters its access tokens: roles, groups, entitlements or one of your own. "
                + "Repeat for several.",
            valueName: "claim"
        )
    )
    var tokenClaims: [String] = []

    @Option(
        name: .customLong("personal-token-claim"),
        help: ArgumentHelp(
            "Personal data that enters its access tokens, such as email: every API that it calls will read it.",
            valueName: "claim"
        )
    )
    var personalTokenClaims: [String] = []

    @Option(
        name: .customLong("role"),
        help: ArgumentHelp("A role of the client itself, for tokens of its own.", valueName: "role")
    )
    var roles: [String] = []

    @Option(
        name: .customLong("group"),
        help: ArgumentHelp("A group of the client itself, for tokens of its own.", valueName: "group")
    )
    var groups: [String] = []

    @Option(
        name: .customLong("entitlement"),
        help: ArgumentHelp("An entitlement of the client itself, for tokens of its own.", valueName: "entitlement")
    )
    var entitlements: [String] = []

    /// All scopes of all `--scope` together.
    var scopeSet: ScopeSet { ScopeSet(scopes.flatMap(\.scopes)) }

    /// The document of `--jwks-file`.
    func keySet() throws(Failure) -> String? {
        guard let keySetFile else { return nil }
        return try TextFile.read(keySetFile, what: "the JWK Set")
    }

    /// Sets what was given and leaves the rest.
    func apply(to client: inout RegisteredClient, keySet: String?) {
        if let name { client.name = name }
        if !redirectURIs.isEmpty { client.redirectURIs = redirectURIs }
        if !postLogoutRedirectURIs.isEmpty { client.postLogoutRedirectURIs = postLogoutRedirectURIs }
        logout.apply(to: &client)
        if !grants.isEmpty { client.grantTypes = grants }
        if !scopes.isEmpty { client.scopes = scopeSet }
        if let authenticationMethod { client.authenticationMethod = authenticationMethod }
        if let keySet { client.keySet = keySet }
        if !origins.isEmpty { client.origins = origins }
        if let pkce { client.pkce = pkce }
        if let consent { client.consent = consent }
        if let firstParty { client.isFirstParty = firstParty }
        if let browserSession {
            client.browserSession = browserSession
            // The only delivery that goes with it, unless another is asked for by name.
            client.tokenDelivery = browserSession == .tokens ? .cookie : .body
        }
        if let tokenDelivery { client.tokenDelivery = tokenDelivery }
        if let idTokenAlgorithm { client.idTokenAlgorithm = idTokenAlgorithm }
        if let refreshIdle { client.refreshIdleSeconds = refreshIdle.seconds }
        if let refreshAbsolute { client.refreshAbsoluteSeconds = refreshAbsolute.seconds }
        if let defaultResource { client.defaultResource = defaultResource }
        if !tokenClaims.isEmpty { client.tokenClaims = tokenClaims }
        if !personalTokenClaims.isEmpty { client.personalTokenClaims = personalTokenClaims }
        if !roles.isEmpty { client.roles = roles }
        if !groups.isEmpty { client.groups = groups }
        if !entitlements.isEmpty { client.entitlements = entitlements }
    }
}

/// What `client update --clear` empties.
enum ClearableClientField: String, ExpressibleByArgument, CaseIterable, Sendable {
    case postLogoutRedirectURIs = "post-logout-redirect-uris"
    case backchannelLogout = "backchannel-logout"
    case frontchannelLogout = "frontchannel-logout"
    case scopes
    case origins
    case refreshIdle = "refresh-idle"
    case refreshAbsolute = "refresh-absolute"
    case resource
    case tokenClaims = "token-claims"
    case personalTokenClaims = "personal-token-claims"
    case roles
    case groups
    case entitlements

    func clear(_ client: inout RegisteredClient) {
        switch self {
        case .postLogoutRedirectURIs: client.postLogoutRedirectURIs = []
        case .backchannelLogout: (client.backchannelLogoutURI, client.backchannelLogoutSessionRequired) = (nil, nil)
        case .frontchannelLogout: (client.frontchannelLogoutURI, client.frontchannelLogoutSessionRequired) = (nil, nil)
        case .scopes: client.scopes = []
        case .origins: client.origins = []
        case .refreshIdle: client.refreshIdleSeconds = nil
        case .refreshAbsolute: client.refreshAbsoluteSeconds = nil
        case .resource: client.defaultResource = nil
        case .tokenClaims: client.tokenClaims = []
        case .personalTokenClaims: client.personalTokenClaims = []
        case .roles: client.roles = []
        case .groups: client.groups = []
        case .entitlements: client.entitlements = []
        }
    }
}
