// `signet upstream`: providers by which people may sign in besides their password here. Those of the configuration file are
// listed and tested; those on record are made, changed and removed too. Owns what it prints; what the fields mean is UpstreamLogin's.

import Accounts
import ArgumentParser
import AuthorizationServer
import FoundationEssentials
import JOSE
import OAuthVocabulary
import UpstreamLogin

struct UpstreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upstream",
        abstract: "Let people sign in with somebody else: Google, Apple, Microsoft, GitHub, any OpenID provider.",
        discussion: """
            Providers stand in the configuration file under `upstreams`, by name, or are made by `create`. A running server \
            takes what these commands change within a second.

            FIELDS:
            \(UpstreamField.allCases.map { "  \($0.rawValue)\n      \($0.about)" }.joined(separator: "\n"))
            """,
        subcommands: [
            UpstreamCreate.self, UpstreamList.self, UpstreamShow.self, UpstreamUpdate.self, UpstreamEnable.self,
            UpstreamDisable.self, UpstreamDelete.self, UpstreamTest.self,
        ]
    )
}

/// `--field`, and the two ways in which a secret comes in.
struct UpstreamFieldOptions: ParsableArguments {
    @Option(
        name: .customLong("field"),
        help: ArgumentHelp(
            "A field and its value. Repeat for several, also for the values of a list.",
            valueName: "name=value"
        )
    )
    var fields: [UpstreamFieldArgument] = []
    @Flag(name: .customLong("client-secret-stdin"), help: "Read the client secret from standard input.")
    var readsSecret = false

    /// The description with what the options say in the place of what it said, and the secrets that came with them.
    func applied(
        to description: UpstreamDescription,
        _ secrets: UpstreamSecrets
    ) throws -> (UpstreamDescription, UpstreamSecrets) {
        var given = UpstreamDescription()
        for argument in fields { given.fields[argument.field, default: []].append(argument.value) }
        // On record a secret itself is kept, and not where it came from.
        var secrets = secrets
        let read = try UpstreamSecrets(given, environment: ProcessInfo.processInfo.environment) {
            path throws(Failure) in
            try TextFile.read(path, what: "the secret")
        }
        secrets.clientSecret = read.clientSecret ?? secrets.clientSecret
        secrets.privateKey = read.privateKey ?? secrets.privateKey
        if readsSecret { secrets.clientSecret = try SecretInput.firstLine(of: "client secret").exposed }
        var description = description
        for (field, texts) in given.fields { description.fields[field] = texts }
        for field in [UpstreamField.clientSecretFile, .clientSecretVariable, .privateKeyFile] {
            description.fields[field] = nil
        }
        return (description, secrets)
    }
}

/// `name=value` of a provider.
struct UpstreamFieldArgument: ExpressibleByArgument, Sendable {
    var field: UpstreamField
    var value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="),
            let field = UpstreamField(rawValue: String(argument[..<equals]))
        else { return nil }
        self.field = field
        value = String(argument[argument.index(after: equals)...])
    }
}

extension UpstreamName: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
}

struct UpstreamCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Add a provider.",
        discussion: """
            Examples:
              signet upstream create google --field preset=google --field client_id=123 --client-secret-stdin < secret.txt
              signet upstream create work --field issuer=https://id.example.org --field client_id=signet --field sign_up=true
            """
    )

    @Argument(help: "What it is called in addresses: lower-case letters, digits, hyphens.") var name: UpstreamName
    @OptionGroup var options: UpstreamFieldOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try store.configuration().settings
        guard settings.upstreams.descriptions[name] == nil else { throw Failure.isInFile(name) }
        let (description, secrets) = try options.applied(to: UpstreamDescription(), UpstreamSecrets())
        let upstream = StoredUpstream(name: name, description: description, secrets: secrets)
        let provider = try upstream.checked()
        let bench = try await Workbench.open(settings)
        guard try await bench.upstreamRecords.page(now: bench.now).count < UpstreamRecords.maximumCount,
            try await bench.upstreamRecords.insert(upstream, now: bench.now)
        else { throw Failure(.data, "there is a provider \(name) already, or there are too many") }
        let redirectURI = bench.upstreamRegister.redirectURI(name)
        await bench.close()
        ShownUpstream(provider, description, source: "on record", redirectURI: redirectURI).show(output: output)
    }
}

struct UpstreamUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change a provider that is on record.",
        discussion: "Example:\n  signet upstream update google --field domains=example.org --remove sign_up"
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var options: UpstreamFieldOptions
    @Option(help: ArgumentHelp("A field that goes back to its standard value.", valueName: "name"))
    var remove: [UpstreamField] = []
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await name.change(store, output) { upstream in
            let (description, secrets) = try options.applied(to: upstream.description, upstream.secrets)
            upstream.description = description
            upstream.secrets = secrets
            for field in remove { upstream.description.fields[field] = nil }
        }
    }
}

extension UpstreamField: ExpressibleByArgument {}

struct UpstreamEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Switch a provider on.",
        discussion: "Example:\n  signet upstream enable google"
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await name.change(store, output) { $0.description.fields[.enabled] = ["true"] }
    }
}

struct UpstreamDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Switch a provider off: nobody signs in by it, and logins that are under way end without one.",
        discussion: "Example:\n  signet upstream disable google"
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await name.change(store, output) { $0.description.fields[.enabled] = ["false"] }
    }
}

struct UpstreamDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a provider.",
        discussion: """
            Links of people stay on record and open nothing; a provider of the same name and issuer brings them back.

            Example:
              signet upstream delete google
            """
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try store.configuration().settings
        guard settings.upstreams.descriptions[name] == nil else { throw Failure.isInFile(name) }
        let bench = try await Workbench.open(settings)
        guard try await bench.upstreamRecords.find(name, now: bench.now) != nil else { throw Failure.unknown(name) }
        try await bench.upstreamRecords.delete(name, now: bench.now)
        await bench.close()
        output.confirm("the provider \(name) is gone", ["deleted": .string(name.value)])
    }
}

extension UpstreamName {
    /// Changes a provider on record and shows it.
    fileprivate func change(
        _ store: StoreOptions,
        _ output: OutputOptions,
        _ edit: (inout StoredUpstream) throws -> Void
    ) async throws {
        let settings = try store.configuration().settings
        guard settings.upstreams.descriptions[self] == nil else { throw Failure.isInFile(self) }
        let bench = try await Workbench.open(settings)
        guard var upstream = try await bench.upstreamRecords.find(self, now: bench.now) else {
            throw Failure.unknown(self)
        }
        try edit(&upstream)
        let provider = try upstream.checked()
        guard try await bench.upstreamRecords.replace(upstream, now: bench.now) else {
            throw Failure(.unavailable, "the provider was changed at the same time: try again")
        }
        let redirectURI = bench.upstreamRegister.redirectURI(self)
        await bench.close()
        ShownUpstream(provider, upstream.description, source: "on record", redirectURI: redirectURI).show(
            output: output
        )
    }
}

extension StoredUpstream {
    /// The provider, or every fault of its description as this program says it.
    fileprivate func checked() throws(Failure) -> UpstreamProvider {
        do {
            return try provider
        } catch {
            throw Failure(.data, ["the provider \(name) has faults:"] + error.faults.map { "  \($0)" })
        }
    }
}

extension Failure {
    static func unknown(_ name: UpstreamName) -> Failure { Failure(.notOnRecord, "there is no provider \(name)") }

    fileprivate static func isInFile(_ name: UpstreamName) -> Failure {
        Failure(.data, "the provider \(name) stands in the configuration file: change it there")
    }
}
