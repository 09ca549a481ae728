import ArgumentParser
import AuthorizationServer
import OAuthVocabulary

struct ClientCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Register a client.",
        discussion: """
            Standard values follow from the type: a public client gets authorization_code and refresh_token; a \
            confidential one with redirect URIs the same and client_secret_basic; one without client_credentials only. \
            A device or command line (--device) is public and gets device codes and refresh tokens. Scopes are openid, profile \
            and email where people sign in, and offline_access for devices. A secret is shown once.

            Examples:
              signet client create --id web-shop --type confidential --redirect-uri https://shop.example/callback
              signet client create --id spa --type public --redirect-uri https://app.example/ --origin https://app.example
              signet client create --id notes --type public --first-party --browser-session session
              signet client create --id billing --scope invoices:read
              signet client create --id signet-cli --device
              signet client create --id legacy --redirect-uri https://old.example/cb --pkce optional --scope openid
            """
    )

    @Option(help: "The identifier; drawn at random if not given.", transform: Words.clientID)
    var id: ClientID?

    @Option(help: "Whether it can keep a secret: public or confidential (standard: confidential; public for --device).")
    var type: RegisteredClient.ClientType?

    @Flag(help: "It has no browser: it shows a code that people enter elsewhere (RFC 8628).")
    var device = false

    @OptionGroup var fields: ClientFields
    @OptionGroup var secretOptions: SecretOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let keySet = try fields.keySet()
        let bench = try await Workbench.open(try store.configuration().settings)
        guard let id = id ?? ClientID(bench.random.text(12)) else {
            throw Failure(.internalFault, "no identifier could be drawn; name one with --id")
        }
        let type = type ?? (device ? .public : .confidential)
        let method = fields.authenticationMethod ?? Self.method(type: type, hasKeys: keySet != nil)
        var client = RegisteredClient(
            id: id,
            name: fields.name ?? id.value,
            type: type,
            authenticationMethod: method,
            createdAt: bench.now
        )
        client.grantTypes = Self.grants(
            type: type,
            hasRedirectURIs: !fields.redirectURIs.isEmpty,
            browserSession: fields.browserSession ?? .none
        )
        if client.allows(.authorizationCode) || fields.browserSession != nil {
            client.scopes = [.openID, .profile, .email]
        }
        if device {
            client.grantTypes = fields.redirectURIs.isEmpty ? [] : [.authorizationCode]
            client.grantTypes += [.deviceCode, .refreshToken]
            client.scopes = [.openID, .profile, .email, .offlineAccess]
        }
        fields.apply(to: &client, keySet: keySet)

        var shown: Secret?
        if client.usesSecret {
            let secret = try secretOptions.secret(prefix: ClientSecret.prefix, random: bench.random)
            client.secretHash = ClientSecret.hash(secret.value)
            if secret.isGenerated { shown = secret.value }
        } else if secretOptions.fromStandardInput {
            throw Failure(.usage, "--secret-stdin is for client_secret_basic and client_secret_post only")
        }
        try await bench.clients.create(client, now: bench.now)
        try await bench.noteUnknownScopes(client.scopes)
        await bench.close()
        client.show(secret: shown, output: output)
    }

    static func method(type: RegisteredClient.ClientType, hasKeys: Bool) -> ClientAuthenticationMethod {
        if type == .public { return .none }
        return hasKeys ? .privateKeyJWT : .clientSecretBasic
    }

    static func grants(
        type: RegisteredClient.ClientType,
        hasRedirectURIs: Bool,
        browserSession: BrowserUse.Session
    ) -> [GrantType] {
        switch browserSession {
        // It may be registered without a way through the authorization endpoint.
        case .tokens where !hasRedirectURIs: return [.refreshToken]
        case .session: return []
        case .tokens, .none: break
        }
        return type == .public || hasRedirectURIs ? [.authorizationCode, .refreshToken] : [.clientCredentials]
    }
}

struct ClientUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change a client.",
        discussion: """
            What is given replaces what was there; lists are replaced whole. Disabling a client ends what was issued to it. \
            A client that comes to need a secret gets one, shown once.

            Examples:
              signet client update web-shop --redirect-uri https://shop.example/cb --redirect-uri https://shop.test/cb
              signet client update web-shop --disable
              signet client update spa --clear origins
            """
    )

    @Argument(help: "The client's identifier.", transform: Words.clientID) var id: ClientID
    @OptionGroup var fields: ClientFields

    @Option(
        help: ArgumentHelp(
            "Empty a field: \(ClearableClientField.allValueStrings.joined(separator: ", ")).",
            valueName: "field"
        )
    )
    var clear: [ClearableClientField] = []

    @Flag(help: "Let it be used again, or no longer.")
    var switching: Switching?

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let keySet = try fields.keySet()
        let bench = try await Workbench.open(try store.configuration().settings)
        let spare = ClientSecret.generate(random: bench.random)
        let client = try await bench.clients.update(id, now: bench.now, revocations: bench.revocations) { client in
            for field in clear { field.clear(&client) }
            fields.apply(to: &client, keySet: keySet)
            if let switching { client.status = switching == .enable ? .enabled : .disabled }
            if !client.usesSecret { client.secretHash = nil }
            if client.authenticationMethod != .privateKeyJWT { client.keySet = nil }
            if client.usesSecret && client.secretHash == nil { client.secretHash = ClientSecret.hash(spare) }
        }
        try await bench.noteUnknownScopes(client.scopes)
        await bench.close()
        let usesSpare = client.secretHash.map { ClientSecret.matches(spare, hash: $0) } ?? false
        client.show(secret: usesSpare ? spare : nil, output: output)
    }
}

/// `--enable` or `--disable`.
enum Switching: String, EnumerableFlag, Sendable {
    case enable
    case disable
}
