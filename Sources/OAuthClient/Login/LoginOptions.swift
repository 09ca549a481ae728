/// What a login asks for (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1).
public struct LoginOptions: Sendable {
    /// The scopes; with `openid` among them the answer must have an ID token.
    public var scopes: [String]
    /// The APIs that the tokens are for (RFC 8707 §2).
    public var resources: [String]
    /// `login`, `none`, `consent` or `select_account`.
    public var prompt: String?
    /// How long ago the person may have signed in; the ID token must then say when it was.
    public var maximumAge: Duration?
    /// One of these `acr` values must be in the ID token.
    public var requiredACR: [String]
    /// Whom the person probably is.
    public var loginHint: String?
    /// Languages of the pages, the best first.
    public var uiLocales: [String]
    /// Further parameters; those that the library sets itself are refused.
    public var parameters: [String: String]

    /// A login with OpenID Connect, unless the scopes say otherwise.
    public init(
        scopes: [String] = ["openid"],
        resources: [String] = [],
        prompt: String? = nil,
        maximumAge: Duration? = nil,
        requiredACR: [String] = [],
        loginHint: String? = nil
    ) {
        self.scopes = scopes
        self.resources = resources
        self.prompt = prompt
        self.maximumAge = maximumAge
        self.requiredACR = requiredACR
        self.loginHint = loginHint
        uiLocales = []
        parameters = [:]
    }

    static let reserved: Set<String> = [
        "client_id", "client_secret", "code_challenge", "code_challenge_method", "max_age", "acr_values", "login_hint",
        "nonce", "prompt", "redirect_uri", "request", "request_uri", "resource", "response_type", "scope", "state",
        "ui_locales",
    ]
}
