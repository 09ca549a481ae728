import Accounts
import AuthorizationServer
import JOSE
import OAuthVocabulary
import ResourceServer
import ServerHTTP
import Storage

/// What `serve --dev` registers, every record marked as a demo's: a person, an API, and three clients that are allowed
/// nothing that an operator's own are not.
struct DemoRecords: Sendable {
    static let username = "demo"
    static let password = "correct horse"
    static let applicationID = "demo-app"
    /// The README's walk with curl, which holds its refresh token itself.
    static let terminalID = "demo-terminal"
    static let serviceID = "demo-service"
    /// What the demo API authenticates as at introspection and the revocation feed.
    static let apiID = "demo-api"

    let configuration: DemoConfiguration
    /// The secret of `demo-service`.
    let serviceSecret: Secret
    /// What the demo API follows the revocation feed with; nothing where the API of that audience is the operator's own.
    let apiCredentials: APICredentials?

    private struct Words {
        var commandLine: ClientID
        var audience: ResourceIndicator
        var ordersScope: Scope
        var application: ClientID
        var terminal: ClientID
        var service: ClientID
        var api: ClientID
        var redirectURI: RedirectURI
        var postLogoutRedirectURI: RedirectURI
    }

    /// Registers what is missing and puts right what a start on other ports left.
    static func prepare(_ bench: Workbench, plan: ServePlan) async throws -> DemoRecords {
        let port = plan.settings.listen.port
        let configuration = DemoConfiguration(
            issuer: plan.issuer.value,
            clientID: applicationID,
            host: "localhost",
            applicationPort: port + 1,
            apiPort: port + 2,
            audience: "http://localhost:\(port + 2)",
            scopes: ["openid", "profile", "email", "offline_access", DemoConfiguration.ordersScope]
        )
        guard let audience = ResourceIndicator(configuration.audience),
            let ordersScope = Scope(DemoConfiguration.ordersScope), let application = ClientID(applicationID),
            let terminal = ClientID(terminalID), let service = ClientID(serviceID), let api = ClientID(apiID),
            let commandLine = ClientID(LoginCommand.standardClient),
            let redirectURI = RedirectURI(configuration.redirectURI),
            let postLogoutRedirectURI = RedirectURI(configuration.postLogoutRedirectURI)
        else { throw Failure(.internalFault, "a word of the demo is malformed") }
        let words = Words(
            commandLine: commandLine,
            audience: audience,
            ordersScope: ordersScope,
            application: application,
            terminal: terminal,
            service: service,
            api: api,
            redirectURI: redirectURI,
            postLogoutRedirectURI: postLogoutRedirectURI
        )
        try await preparePerson(bench)
        let apiCredentials = try await prepareAPI(bench, words)
        try await prepareApplication(bench, words, origin: configuration.applicationOrigin)
        try await prepareTerminal(bench, words)
        try await prepareCommandLine(bench, words)
        return DemoRecords(
            configuration: configuration,
            serviceSecret: try await prepareService(bench, words),
            apiCredentials: apiCredentials
        )
    }

    private static func preparePerson(_ bench: Workbench) async throws {
        let people = bench.people
        guard try await people.find(username: username, now: bench.now) == nil else { return }
        let claims: JSONObject = [
            "given_name": "Demo", "family_name": "Person", "locale": "en", "zoneinfo": "Europe/Berlin",
        ]
        let person = NewPerson(
            username: username,
            email: "demo@example.org",
            emailVerification: .verified,
            name: "Demo Person",
            claims: claims,
            roles: ["customer"],
            groups: ["demo"],
            origin: .demo
        )
        _ = try await people.create(person, password: Secret(password), now: bench.now)
    }

    private static func prepareAPI(_ bench: Workbench, _ words: Words) async throws -> APICredentials? {
        for api in try await bench.allAPIs() where api.origin == .demo && api.audience != words.audience {
            try await bench.apis.delete(api.audience, now: bench.now)
        }
        let secret = try bench.folder.demoSecret(
            bench.folder.demoAPISecretFile,
            prefix: ClientSecret.apiPrefix,
            random: bench.random
        )
        let secretHash = ClientSecret.hash(secret)
        let credentials = APICredentials(clientID: words.api.value, secret: secret.exposed)
        if let present = try await bench.apis.find(words.audience, now: bench.now)?.content {
            // An operator's own API with this audience keeps its own credentials.
            let isCurrent = present.credentialID == words.api && ClientSecret.matches(secret, hash: present.secretHash)
            guard present.origin == .demo, !isCurrent else { return isCurrent ? credentials : nil }
            _ = try await bench.apis.update(words.audience, now: bench.now) { api in
                api.credentialID = words.api
                api.secretHash = secretHash
            }
            return credentials
        }
        var api = RegisteredAPI(
            audience: words.audience,
            name: "Demo orders",
            credentialID: words.api,
            secretHash: secretHash,
            createdAt: bench.now
        )
        api.origin = .demo
        api.scopes = [RegisteredAPI.ScopeDescription(scope: words.ordersScope, text: "See your orders")]
        api.tokenClaims = ["roles"]
        try await bench.apis.create(api, now: bench.now)
        return credentials
    }

    private static func prepareApplication(_ bench: Workbench, _ words: Words, origin: String) async throws {
        try await register(
            RegisteredClient(
                id: words.application,
                name: "Demo application",
                type: .public,
                authenticationMethod: .none,
                createdAt: bench.now
            ),
            on: bench
        ) { client in
            client.redirectURIs = [words.redirectURI]
            client.postLogoutRedirectURIs = [words.postLogoutRedirectURI]
            client.grantTypes = [.authorizationCode, .refreshToken]
            client.scopes = [.openID, .profile, .email, .offlineAccess, words.ordersScope]
            client.origins = [origin]
            client.isFirstParty = true
            client.tokenDelivery = .cookie
        }
    }

    /// What anybody has who is no page of ours: refresh tokens in the answer.
    private static func prepareTerminal(_ bench: Workbench, _ words: Words) async throws {
        try await register(
            RegisteredClient(
                id: words.terminal,
                name: "Demo terminal",
                type: .public,
                authenticationMethod: .none,
                createdAt: bench.now
            ),
            on: bench
        ) { client in
            client.redirectURIs = [words.redirectURI]
            client.grantTypes = [.authorizationCode, .refreshToken]
            client.scopes = [.openID, .profile, .email, .offlineAccess, words.ordersScope]
        }
    }

    /// What `signet login` signs in as; one of the operator's own stays as it is.
    private static func prepareCommandLine(_ bench: Workbench, _ words: Words) async throws {
        let present = try await bench.clients.find(words.commandLine, now: bench.now)?.content
        guard present.map({ $0.origin == .demo }) ?? true else { return }
        try await register(
            RegisteredClient(
                id: words.commandLine,
                name: "Signet command line",
                type: .public,
                authenticationMethod: .none,
                createdAt: bench.now
            ),
            on: bench
        ) { client in
            client.grantTypes = [.deviceCode, .refreshToken]
            client.scopes = [.openID, .profile, .email, .offlineAccess, words.ordersScope]
        }
    }

    /// The secret lies beside the database, mode 0600, so that a walk by curl can read it.
    private static func prepareService(_ bench: Workbench, _ words: Words) async throws -> Secret {
        let secret = try bench.folder.demoSecret(bench.folder.demoServiceSecretFile, random: bench.random)
        try await register(
            RegisteredClient(
                id: words.service,
                name: "Demo service",
                type: .confidential,
                authenticationMethod: .clientSecretBasic,
                createdAt: bench.now
            ),
            on: bench
        ) { client in
            client.grantTypes = [.clientCredentials]
            client.scopes = [words.ordersScope]
            client.secretHash = ClientSecret.hash(secret)
        }
        return secret
    }

    private static func register(
        _ new: RegisteredClient,
        on bench: Workbench,
        _ edit: (inout RegisteredClient) -> Void
    ) async throws {
        var wanted = new
        wanted.origin = .demo
        edit(&wanted)
        guard let present = try await bench.clients.find(new.id, now: bench.now)?.content else {
            return try await bench.clients.create(wanted, now: bench.now)
        }
        guard present.origin == .demo else {
            throw Failure(
                .data,
                "the client \(new.id) is your own, and serve --dev needs that identifier: use another data folder"
            )
        }
        var changed = present
        edit(&changed)
        guard changed != present else { return }
        _ = try await bench.clients.update(new.id, now: bench.now, revocations: bench.revocations) { edit(&$0) }
    }
}

extension DataFolder {
    var demoServiceSecretFile: String { path + "/demo-service.secret" }
    /// With this secret the demo API, and what is built beside it, follows the revocation feed.
    var demoAPISecretFile: String { path + "/demo-api.secret" }

    /// Reads a secret of the demo, or makes it.
    func demoSecret(
        _ path: String,
        prefix: String = ClientSecret.prefix,
        random: any RandomSource
    ) throws(Failure) -> Secret {
        let bytes: [UInt8]
        do {
            if try Files.status(path) == nil {
                let secret = ClientSecret.generate(prefix: prefix, random: random)
                try Files.create(path, mode: 0o600, content: Array((secret.exposed + "\n").utf8))
            }
            bytes = try Files.read(path, limit: 1024)
        } catch {
            throw Failure(
                .inputOutput,
                "\(path) cannot be read or made (\(error)): remove it, or use another data folder"
            )
        }
        let secret = String(String(decoding: bytes, as: UTF8.self).prefix { !$0.isWhitespace })
        guard secret.utf8.count >= ClientSecret.minimumLength else {
            throw Failure(.data, "\(path) holds no secret: remove it, and serve --dev makes another")
        }
        return Secret(secret)
    }
}
