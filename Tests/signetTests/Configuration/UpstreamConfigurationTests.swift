import Accounts
import AuthorizationServer
import Instants
import Logging
import OAuthVocabulary
import Storage
import Testing
import UpstreamLogin

@testable import signet

@Suite("Upstream providers: in the file and on record")
struct UpstreamConfigurationTests {
    func load(_ file: String) throws -> ConfiguredUpstreams {
        try EffectiveConfiguration.load(
            flags: [:],
            file: "signet.yaml",
            environment: [:],
            readFile: { _ throws(Failure) in file }
        ).settings.upstreams
    }

    func faults(_ body: () throws -> Void) -> [String] {
        do {
            try body()
            return []
        } catch {
            return (error as? ConfigurationError)?.faults ?? ["\(error)"]
        }
    }

    static let sound = """
        upstreams:
          google:
            preset: google
            client_id: c
            client_secret_file: secret
            domains: [example.org]
            sign_up: true
          work:
            issuer: https://id.example
            client_id: c
            client_secret_env: WORK_SECRET
        """

    @Test("Providers of the file are understood, with secrets from files and variables")
    func providers() throws {
        let upstreams = try load(Self.sound)
        let providers = try upstreams.providers(environment: ["WORK_SECRET": "s"]) { _ throws(Failure) in "s3cret\n" }
        #expect(providers.map(\.name.value) == ["google", "work"])
        #expect(providers[0].rules.allowedDomains == ["example.org"] && providers[0].rules.signUp == .allowed)
        #expect(providers[1].rules.signUp == .refused && providers[1].displayName == "work")
    }

    static let bad: [(file: String, fault: String)] = [
        ("upstreams: [a]\n", "upstreams must hold providers by name"),
        ("upstreams:\n  Google: {}\n", "line 2: a provider is called by lower-case letters"),
        ("upstreams:\n  google: x\n", "upstreams.google must hold keys and values"),
        (
            "upstreams:\n  google:\n    clientid: x\n",
            "line 3: unknown key upstreams.google.clientid; did you mean client_id?"
        ),
        ("upstreams:\n  google:\n    client_secret: x\n", "client_secret_file or client_secret_env"),
        ("upstreams:\n  google:\n    client_id: [a]\n", "upstreams.google.client_id must be one value"),
        ("upstreams:\n  google:\n    domains: {a: b}\n", "upstreams.google.domains must be a list of texts"),
        ("upstream:\n  google: {}\n", "unknown key upstream; did you mean upstreams?"),
    ]

    @Test("A slip is named with its line and what was meant", arguments: bad)
    func slips(_ file: String, _ fault: String) {
        let found = faults { _ = try load(file) }
        #expect(found.contains { $0.contains(fault) }, "\(found)")
    }

    @Test("Faults of all providers come at once, and no secret is among them")
    func allFaults() throws {
        let upstreams = try load(Self.sound.replacing("sign_up: true", with: "sign_up: maybe"))
        let found = faults {
            _ = try upstreams.providers(environment: [:]) { _ throws(Failure) in "very-secret" }
        }
        #expect(found.count == 2, "\(found)")
        #expect(found.contains { $0.hasPrefix("upstreams.google.sign_up:") })
        #expect(found.contains { $0.contains("WORK_SECRET is not set") })
        #expect(!found.joined().contains("very-secret"))
    }

    @Test("Providers on record are sealed, and a running server takes what changes")
    func records() async throws {
        let temporary = try TemporaryFolder()
        var settings = Settings()
        settings.dataDirectory = temporary.path
        let bench = try await Workbench.open(settings, missing: .create)
        let records = bench.upstreamRecords
        let name = try #require(UpstreamName("work"))
        var upstream = StoredUpstream(
            name: name,
            description: UpstreamDescription([
                .issuer: ["https://id.example"], .clientID: ["c"], .domains: ["a.example", "b.example"],
            ]),
            secrets: UpstreamSecrets(clientSecret: "very-secret-indeed")
        )
        #expect(try await records.insert(upstream, now: bench.now))
        #expect(try await !records.insert(upstream, now: bench.now))
        let stored = try #require(try await records.page(now: bench.now).first)
        #expect(!String(decoding: stored.payload, as: UTF8.self).contains("very-secret"))
        let read = try #require(try await records.find(name, now: bench.now))
        #expect(read.secrets.clientSecret == "very-secret-indeed" && read.description == upstream.description)
        // Moved to another name, the secret does not open: it is bound to its provider.
        var moved = stored
        moved.payload = Array(
            String(decoding: stored.payload, as: UTF8.self).replacing("\"work\"", with: "\"evil\"").utf8
        )
        #expect(throws: StoreError.self) { try records.open(moved) }

        let register = bench.upstreamRegister
        let refresher = UpstreamRefresher(
            configured: [],
            records: records,
            register: register,
            time: bench.time,
            logger: .quiet
        )
        var last: [Record]?
        await refresher.refresh(&last)
        #expect(register.enabled.map(\.name) == [name])
        upstream.description.fields[.enabled] = ["false"]
        #expect(try await records.replace(upstream, now: bench.now))
        await refresher.refresh(&last)
        #expect(register.enabled.isEmpty && register.provider(name) != nil)
        try await records.delete(name, now: bench.now)
        await refresher.refresh(&last)
        #expect(register.provider(name) == nil)
        await bench.close()
    }
}
