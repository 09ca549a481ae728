package import Instants
package import JOSE
package import OAuthVocabulary

/// What the checks of an authorization request decide upon: the request as it came, and everything that had to be
/// loaded.
package struct AuthorizationContext: Sendable {
    package var parameters: Parameters
    /// The client that the request names, if it is on record.
    package var client: Stored<RegisteredClient>?
    /// What scope and resource need, or why it cannot be had: a check says so at its place in the order.
    package var access: Result<AccessResolution.Material, OAuthError>
    /// The server's own keys, for hints.
    package var keys: KeySet
    package var configuration: ProviderConfiguration
    package var now: Instant

    package init(
        parameters: Parameters,
        client: Stored<RegisteredClient>?,
        access: Result<AccessResolution.Material, OAuthError>,
        keys: KeySet,
        configuration: ProviderConfiguration,
        now: Instant
    ) {
        self.parameters = parameters
        self.client = client
        self.access = access
        self.keys = keys
        self.configuration = configuration
        self.now = now
    }
}

extension AuthorizationContext {
    /// Every parameter that the authorization endpoint knows; others are ignored (RFC 6749 §3.1) and never kept.
    package static let parameterNames: Set<String> = [
        "client_id", "redirect_uri", "state", "response_mode", "response_type", "request", "request_uri",
        "registration",
        "code_challenge", "code_challenge_method", "scope", "resource", "nonce", "login_hint", "prompt", "max_age",
        "id_token_hint", "ui_locales",
    ]

    /// Reads the client, and what its scopes and resource mean.
    package static func load(
        _ parameters: Parameters,
        from reader: Reader,
        services: Services
    ) async throws(OAuthError) -> AuthorizationContext {
        var client: Stored<RegisteredClient>?
        if let id = parameters["client_id"].flatMap(ClientID.init) { client = try await reader.client(id) }
        return try await load(parameters, client: client, from: reader, services: services)
    }

    /// Reads what the scopes and the resource mean for a client that is known.
    package static func load(
        _ parameters: Parameters,
        client: Stored<RegisteredClient>?,
        from reader: Reader,
        services: Services
    ) async throws(OAuthError) -> AuthorizationContext {
        var access: Result<AccessResolution.Material, OAuthError> = .failure(.internalFault("no client to resolve for"))
        if let client {
            do throws(OAuthError) {
                access = .success(
                    try await reader.accessMaterial(
                        scope: parameters["scope"],
                        resources: parameters.all("resource"),
                        client: client.content
                    )
                )
            } catch {
                access = .failure(error)
            }
        }
        return AuthorizationContext(
            parameters: parameters,
            client: client,
            access: access,
            keys: services.keyring.current.published,
            configuration: services.configuration,
            now: reader.now
        )
    }
}

/// What the checks have established so far.
package struct AuthorizationDraft: Sendable {
    package var client: Stored<RegisteredClient>?
    package var redirectURI: RedirectURI?
    package var state: String?
    package var responseMode = ResponseMode.query
    package var codeChallenge: String?
    package var access: ResolvedAccess?
    package var resource: ResourceIndicator?
    package var nonce: String?
    package var loginHint: String?
    package var prompts: Set<Prompt> = []
    package var maximumAge: Duration?
    package var hintedSubject: Subject?
    package var uiLocales: [String] = []

    package init() {}

    /// Where an error may be sent, as far as that is known.
    package var reply: AuthorizationReply? {
        redirectURI.map { AuthorizationReply(redirectURI: $0, mode: responseMode, state: state) }
    }
}

/// An authorization request of which every check holds.
package struct AuthorizationRequest: Sendable {
    package let client: Stored<RegisteredClient>
    package let reply: AuthorizationReply
    /// The S256 challenge; `nil` only for an exempt client.
    package let codeChallenge: String?
    package let access: ResolvedAccess
    /// The API that the request named or that its scopes belong to.
    package let resource: ResourceIndicator?
    package let nonce: String?
    package let loginHint: String?
    package let prompts: Set<Prompt>
    package let maximumAge: Duration?
    /// The person that `id_token_hint` names.
    package let hintedSubject: Subject?
    package let uiLocales: [String]

    /// `nil` if a check that establishes what cannot be missing has not run.
    init?(_ draft: AuthorizationDraft) {
        guard let client = draft.client, let reply = draft.reply, let access = draft.access else { return nil }
        self.client = client
        self.reply = reply
        self.access = access
        codeChallenge = draft.codeChallenge
        resource = draft.resource
        nonce = draft.nonce
        loginHint = draft.loginHint
        prompts = draft.prompts
        maximumAge = draft.maximumAge
        hintedSubject = draft.hintedSubject
        uiLocales = draft.uiLocales
    }
}
