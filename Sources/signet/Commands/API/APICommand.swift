// `signet api`: registers APIs and their scopes, the audiences of access tokens (RFC 8707, RFC 9068).
// Owns what it prints; the record is AuthorizationServer's.

import ArgumentParser
import AuthorizationServer
import JOSE
import OAuthVocabulary

struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Register APIs and look after them.",
        subcommands: [
            APICreate.self, APIList.self, APIShow.self, APIUpdate.self, APIRotateSecret.self, APIDelete.self,
        ]
    )
}

/// What `api create` and `api update` can set.
struct APIFields: ParsableArguments {
    @Option(help: "The name that people read before they consent.")
    var name: String?

    @Option(
        name: .customLong("scope"),
        help: ArgumentHelp(
            "A scope and what a person reads before consenting to it. Repeat for several.",
            valueName: "name=description"
        )
    )
    var scopes: [ScopeDescriptionArgument] = []

    @Option(
        name: .customLong("token-format"),
        help: "jwt, which the API verifies itself, or opaque, which it introspects."
    )
    var tokenFormat: RegisteredAPI.TokenFormat?

    @Option(
        name: .customLong("token-claim"),
        help: ArgumentHelp(
            "A claim of the person that enters its access tokens: roles, groups, entitlements or one of your own.",
            valueName: "claim"
        )
    )
    var tokenClaims: [String] = []

    @Option(
        name: .customLong("personal-token-claim"),
        help: ArgumentHelp("Personal data that enters its access tokens, such as email.", valueName: "claim")
    )
    var personalTokenClaims: [String] = []

    @Flag(
        name: .customLong("status-list"),
        inversion: .prefixedNo,
        help:
            "Whether its JWT access tokens name their place in a status list, for verifiers that do not follow the feed."
    )
    var statusList: Bool?

    func apply(to api: inout RegisteredAPI) {
        if let name { api.name = name }
        if !scopes.isEmpty { api.scopes = scopes.map(\.description) }
        if let tokenFormat { api.tokenFormat = tokenFormat }
        if !tokenClaims.isEmpty { api.tokenClaims = tokenClaims }
        if !personalTokenClaims.isEmpty { api.personalTokenClaims = personalTokenClaims }
        if let statusList { api.statusList = statusList }
    }
}

struct APICreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Register an API: its audience, and the scopes that belong to it.",
        discussion: """
            The API gets credentials of its own, with which it follows the revocation feed and introspects tokens; the \
            secret is shown once.

            Examples:
              signet api create --audience https://orders.example --name Orders --scope 'orders:read=See your orders'
              signet api create --audience https://vault.example --name Vault --token-format opaque --token-claim roles
              signet api create --audience https://cms.example --name CMS --status-list
            """
    )

    @Option(help: "The URI that names it: the aud of its tokens.", transform: Words.resource) var audience:
        ResourceIndicator
    @OptionGroup var fields: APIFields
    @Option(
        name: .customLong("credential-id"),
        help: ArgumentHelp(
            "What it authenticates as at the revocation feed and introspection; drawn at random if not given.",
            valueName: "id"
        ),
        transform: Words.clientID
    )
    var credentialID: ClientID?
    @OptionGroup var secretOptions: SecretOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let secret = try secretOptions.secret(prefix: ClientSecret.apiPrefix, random: bench.random)
        guard let credentialID = credentialID ?? ClientID("api-" + bench.random.text(9)) else {
            throw Failure(.internalFault, "no identifier could be drawn; name one with --credential-id")
        }
        var api = RegisteredAPI(
            audience: audience,
            name: fields.name ?? audience.value,
            credentialID: credentialID,
            secretHash: ClientSecret.hash(secret.value),
            createdAt: bench.now
        )
        fields.apply(to: &api)
        try await bench.apis.create(api, now: bench.now)
        await bench.close()
        api.show(secret: secret.isGenerated ? secret.value : nil, output: output)
    }
}

struct APIList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the APIs.",
        discussion: "Example:\n  signet api list --json"
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let apis = try await bench.allAPIs().sorted { $0.audience.value < $1.audience.value }
        await bench.close()
        let console = Console.standard
        guard !output.json else { return console.say(.array(apis.map { $0.json() })) }
        var table = Table("AUDIENCE", "NAME", "TOKENS", "SCOPES")
        for api in apis {
            table.rows.append([
                api.audience.value, api.name, api.tokenFormat.rawValue,
                api.scopes.map(\.scope.value).joined(separator: " "),
            ])
        }
        table.show(on: console)
    }
}

struct APIShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show an API.",
        discussion: "Example:\n  signet api show https://orders.example"
    )

    @Argument(help: "The API's audience.", transform: Words.resource) var audience: ResourceIndicator
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let stored = try await bench.apis.find(audience, now: bench.now)
        await bench.close()
        guard let stored else { throw RegistrationError.unknown("there is no API with the audience \(audience)") }
        stored.content.show(output: output)
    }
}

struct APIUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change an API.",
        discussion: """
            What is given replaces what was there; lists are replaced whole.

            Examples:
              signet api update https://orders.example --scope 'orders:read=See orders' --scope 'orders:write=Place orders'
              signet api update https://orders.example --no-status-list
            """
    )

    enum Clearable: String, ExpressibleByArgument, CaseIterable, Sendable {
        case scopes
        case tokenClaims = "token-claims"
        case personalTokenClaims = "personal-token-claims"
    }

    @Argument(help: "The API's audience.", transform: Words.resource) var audience: ResourceIndicator
    @OptionGroup var fields: APIFields
    @Option(
        help: ArgumentHelp("Empty a field: \(Clearable.allValueStrings.joined(separator: ", ")).", valueName: "field")
    )
    var clear: [Clearable] = []
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let api = try await bench.apis.update(audience, now: bench.now) { api in
            for field in clear {
                switch field {
                case .scopes: api.scopes = []
                case .tokenClaims: api.tokenClaims = []
                case .personalTokenClaims: api.personalTokenClaims = []
                }
            }
            fields.apply(to: &api)
        }
        await bench.close()
        api.show(output: output)
    }
}

struct APIRotateSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-secret",
        abstract: "Replace an API's secret; the old one stops working at once.",
        discussion: "Example:\n  signet api rotate-secret https://orders.example"
    )

    @Argument(help: "The API's audience.", transform: Words.resource) var audience: ResourceIndicator
    @OptionGroup var secretOptions: SecretOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let secret = try secretOptions.secret(prefix: ClientSecret.apiPrefix, random: bench.random)
        let api = try await bench.apis.update(audience, now: bench.now) {
            $0.secretHash = ClientSecret.hash(secret.value)
        }
        await bench.close()
        api.show(secret: secret.isGenerated ? secret.value : nil, output: output)
    }
}

struct APIDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove an API; no token is issued for it any more.",
        discussion: "Example:\n  signet api delete https://orders.example"
    )

    @Argument(help: "The API's audience.", transform: Words.resource) var audience: ResourceIndicator
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        try await bench.apis.delete(audience, now: bench.now)
        await bench.close()
        output.confirm("API \(audience) is deleted", ["audience": .string(audience.value)])
    }
}
