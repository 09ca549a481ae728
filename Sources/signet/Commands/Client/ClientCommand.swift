// `signet client`: registers applications, in the words of RFC 7591 §2. A secret is shown once, when it is made.
// Owns what it prints; the record is AuthorizationServer's.

import ArgumentParser
import AuthorizationServer
import JOSE
import OAuthVocabulary

struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "Register applications and look after them.",
        subcommands: [
            ClientCreate.self, ClientList.self, ClientShow.self, ClientUpdate.self, ClientRotateSecret.self,
            ClientDelete.self,
        ]
    )
}

struct ClientList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the clients.",
        discussion: "Example:\n  signet client list --json"
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let clients = try await bench.allClients().sorted { $0.id.value < $1.id.value }
        await bench.close()
        let console = Console.standard
        guard !output.json else { return console.say(.array(clients.map { $0.json() })) }
        var table = Table("CLIENT", "NAME", "TYPE", "STATUS", "GRANTS")
        for client in clients {
            table.rows.append([
                client.id.value, client.name, client.type.rawValue, client.status.rawValue,
                client.grantTypes.map(\.value).joined(separator: " "),
            ])
        }
        table.show(on: console)
    }
}

struct ClientShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a client.",
        discussion: "Example:\n  signet client show web-shop"
    )

    @Argument(help: "The client's identifier.", transform: Words.clientID) var id: ClientID
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let client = try await bench.client(id)
        await bench.close()
        client.show(output: output)
    }
}

struct ClientDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a client and end everything that was issued to it.",
        discussion: "Example:\n  signet client delete web-shop"
    )

    @Argument(help: "The client's identifier.", transform: Words.clientID) var id: ClientID
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        try await bench.clients.delete(id, now: bench.now, revocations: bench.revocations)
        await bench.close()
        output.confirm("client \(id) is deleted; its tokens are revoked", ["client_id": .string(id.value)])
    }
}

struct ClientRotateSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-secret",
        abstract: "Replace a client's secret; the old one stops working at once.",
        discussion: """
            Refresh tokens of the client end with its old secret.

            Examples:
              signet client rotate-secret web-shop
              signet client rotate-secret web-shop --secret-stdin < secret.txt
            """
    )

    @Argument(help: "The client's identifier.", transform: Words.clientID) var id: ClientID
    @OptionGroup var secretOptions: SecretOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let secret = try secretOptions.secret(prefix: ClientSecret.prefix, random: bench.random)
        let client = try await bench.clients.update(id, now: bench.now, revocations: bench.revocations) { client in
            guard client.usesSecret else {
                throw Failure(.data, "client \(id) has no secret: it authenticates by \(client.authenticationMethod)")
            }
            client.secretHash = ClientSecret.hash(secret.value)
        }
        await bench.close()
        client.show(secret: secret.isGenerated ? secret.value : nil, output: output)
    }
}

/// Where a secret comes from.
struct SecretOptions: ParsableArguments {
    @Flag(
        name: .customLong("secret-stdin"),
        help: "Read the secret from the first line of standard input instead of making one."
    )
    var fromStandardInput = false

    func secret(
        prefix: String,
        random: any RandomSource
    ) throws(Failure) -> (value: Secret, isGenerated: Bool) {
        guard fromStandardInput else { return (ClientSecret.generate(prefix: prefix, random: random), true) }
        let secret = try SecretInput.firstLine(of: "secret")
        guard secret.exposed.utf8.count >= ClientSecret.minimumLength else {
            throw Failure(
                .data,
                "the secret must have at least \(ClientSecret.minimumLength) bytes, because it is checked without a slow "
                    + "hash: leave --secret-stdin out and let signet make one"
            )
        }
        guard secret.exposed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Failure(.data, "the secret must be visible ASCII without spaces (RFC 6749 appendix A.2)")
        }
        return (secret, false)
    }
}

extension RegisteredClient {
    var usesSecret: Bool { [.clientSecretBasic, .clientSecretPost].contains(authenticationMethod) }
}

extension Workbench {
    func client(_ id: ClientID) async throws -> RegisteredClient {
        guard let stored = try await clients.find(id, now: now) else {
            throw RegistrationError.unknown("there is no client with the identifier \(id)")
        }
        return stored.content
    }

    func allClients() async throws -> [RegisteredClient] {
        var all: [RegisteredClient] = []
        while true {
            let page = try await clients.list(after: all.last?.id, limit: 500, now: now)
            all += page
            if page.count < 500 { return all }
        }
    }

    /// Says which scopes no API offers yet: registering them is no fault, because the API may come later.
    func noteUnknownScopes(_ scopes: ScopeSet, on console: Console = .standard) async throws {
        let foreign = scopes.scopes.filter { !Scope.ofOpenIDConnect.contains($0) }
        for (scope, owner) in zip(foreign, try await apis.owners(of: foreign, now: now)) where owner == nil {
            console.note("note: no API offers the scope \(scope) yet; until one does, asking for it is refused")
        }
    }
}
