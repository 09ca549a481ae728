import Accounts
import ArgumentParser
import AuthorizationServer
import FoundationEssentials
import JOSE
import OAuthVocabulary
import UpstreamLogin

/// A provider as it is printed: never with a secret.
struct ShownUpstream {
    let provider: UpstreamProvider
    let description: UpstreamDescription
    let source: String
    let redirectURI: String

    init(_ provider: UpstreamProvider, _ description: UpstreamDescription, source: String, redirectURI: String) {
        self.provider = provider
        self.description = description
        self.source = source
        self.redirectURI = redirectURI
    }

    var state: String { provider.state == .enabled ? "enabled" : "disabled" }

    private var rules: String { provider.rules.signUp == .allowed ? "true" : "false" }

    var json: JSONObject {
        var object: JSONObject = [
            "name": .string(provider.name.value), "display_name": .string(provider.displayName),
            "preset": .string(provider.preset.rawValue), "state": .string(state), "issuer": .string(provider.issuer),
            "client_id": .string(provider.clientID), "scopes": .array(provider.scopes.map { .string($0) }),
            "sign_up": .bool(provider.rules.signUp == .allowed), "redirect_uri": .string(redirectURI),
            "source": .string(source),
        ]
        object["domains"] = .array(provider.rules.allowedDomains.sorted().map { .string($0) })
        object["authoritative_for"] = .array(provider.rules.authoritativeDomains.sorted().map { .string($0) })
        return object
    }

    func show(output: OutputOptions, on console: Console = .standard) {
        guard !output.json else { return console.say(.object(json)) }
        var card = Card()
        card.add("name", provider.name.value)
        card.add("shown as", provider.displayName)
        card.add("preset", provider.preset.rawValue)
        card.add("state", state)
        card.add("issuer", provider.issuer)
        card.add("client id", provider.clientID)
        card.add("scopes", provider.scopes.joined(separator: " "))
        card.add("sign up", rules)
        card.add("domains", provider.rules.allowedDomains.sorted())
        card.add("authoritative for", provider.rules.authoritativeDomains.sorted())
        card.add("redirect URI", redirectURI)
        card.add("source", source)
        card.show(on: console)
    }
}

extension Workbench {
    /// A register without providers, for what follows from the issuer alone.
    var upstreamRegister: UpstreamRegister { UpstreamRegister(issuer: provider.issuer) }

    /// Every provider that a server with these settings would have, by name.
    func shownUpstreams() async throws -> [ShownUpstream] {
        let configured = try settings.upstreamProviders()
        let register = upstreamRegister
        var shown = configured.map { provider in
            ShownUpstream(
                provider,
                settings.upstreams.descriptions[provider.name] ?? UpstreamDescription(),
                source: "file",
                redirectURI: register.redirectURI(provider.name)
            )
        }
        for stored in try await upstreamRecords.list(now: now)
        where !configured.contains(where: { $0.name == stored.name }) {
            shown.append(
                ShownUpstream(
                    try stored.provider,
                    stored.description,
                    source: "on record",
                    redirectURI: register.redirectURI(stored.name)
                )
            )
        }
        return shown.sorted { $0.provider.name.value < $1.provider.name.value }
    }
}

extension Settings {
    /// The providers of the configuration file, with their secrets.
    func upstreamProviders() throws -> [UpstreamProvider] {
        do {
            return try upstreams.providers(environment: ProcessInfo.processInfo.environment) { path throws(Failure) in
                try TextFile.read(path, what: "the secret")
            }
        } catch let error as ConfigurationError {
            throw error.failure
        }
    }
}

struct UpstreamList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the providers.",
        discussion: "Example:\n  signet upstream list --json"
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let shown = try await bench.shownUpstreams()
        await bench.close()
        let console = Console.standard
        guard !output.json else { return console.say(.array(shown.map { .object($0.json) })) }
        var table = Table("NAME", "SHOWN AS", "STATE", "ISSUER", "SOURCE")
        for upstream in shown {
            table.rows.append([
                upstream.provider.name.value, upstream.provider.displayName, upstream.state, upstream.provider.issuer,
                upstream.source,
            ])
        }
        table.show(on: console)
    }
}

struct UpstreamShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a provider, without its secrets.",
        discussion: "Example:\n  signet upstream show google"
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let shown = try await bench.shownUpstreams().first { $0.provider.name == name }
        await bench.close()
        guard let shown else { throw Failure.unknown(name) }
        shown.show(output: output)
    }
}

struct UpstreamTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Ask a provider for its metadata and say what is wrong.",
        discussion: "Nobody is signed in, and no secret is sent.\n\nExample:\n  signet upstream test google"
    )

    @Argument(help: "The provider.") var name: UpstreamName
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let shown = try await bench.shownUpstreams().first { $0.provider.name == name }
        let register = bench.upstreamRegister
        await bench.close()
        guard let shown else { throw Failure.unknown(name) }
        try register.replace(with: [shown.provider])
        let check = await register.check(name)
        let console = Console.standard
        if output.json {
            console.say(
                .object([
                    "provider": .string(name.value), "sound": .bool(check.faults.isEmpty),
                    "findings": .array(check.findings.map { .string($0) }),
                    "faults": .array(check.faults.map { .string($0) }),
                ])
            )
        } else {
            for finding in check.findings { console.say(finding) }
            if check.faults.isEmpty { console.say("the provider can be used") }
        }
        guard !check.faults.isEmpty else { return }
        throw Failure(
            check.isTransient ? .unavailable : .configuration,
            ["the provider \(name) cannot be used:"] + check.faults.map { "  \($0)" }
        )
    }
}
