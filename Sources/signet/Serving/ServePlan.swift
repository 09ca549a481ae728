// Room: a running server, from settings to shutdown: what may be started at all, what runs beside the listener, the
// demo of `serve --dev`, and what is printed at the start. Owns the record kinds `clock` and `served-configuration`.

import Accounts
import AuthorizationServer
import OAuthVocabulary
import ServerHTTP

/// What `serve` is going to do, after the rules of what may be started.
struct ServePlan: Sendable {
    enum Mode: Hashable, Sendable {
        case development
        case production
    }

    let mode: Mode
    let settings: Settings
    let issuer: IssuerURL

    /// Refuses what must not run; every reason at once.
    init(_ settings: Settings, mode: Mode) throws(Failure) {
        let issuer =
            settings.issuer ?? (mode == .development ? IssuerURL("http://localhost:\(settings.listen.port)") : nil)
        let faults =
            switch mode {
            case .development: Self.developmentFaults(settings, issuer: issuer)
            case .production: Self.productionFaults(issuer: issuer)
            }
        guard let issuer, faults.isEmpty else { throw Failure(.configuration, faults) }
        self.mode = mode
        self.settings = settings
        self.issuer = issuer
    }

    private static func developmentFaults(_ settings: Settings, issuer: IssuerURL?) -> [String] {
        var faults: [String] = []
        if !settings.listen.isLoopback {
            faults.append(
                "serve --dev listens on loopback only, because its passwords are known: got \(settings.listen)"
            )
        }
        if let issuer, !issuer.parts.isLoopback {
            faults.append("serve --dev is for an issuer on localhost only: got \(issuer)")
        }
        if settings.listen.port > 65_533 {
            faults.append(
                "serve --dev needs the two ports after \(settings.listen.port) for its demo: choose a lower one"
            )
        }
        return faults
    }

    private static func productionFaults(issuer: IssuerURL?) -> [String] {
        guard let issuer else {
            return [
                "the issuer must be named: give --issuer https://…, SIGNET_ISSUER or `issuer` in the configuration file "
                    + "(or try `signet serve --dev`)"
            ]
        }
        guard !issuer.isHTTPS, !issuer.parts.isLoopback else { return [] }
        // RFC 8414 §2: "The authorization server's issuer identifier, which is a URL that uses the "https" scheme"
        return [
            "the issuer \(issuer) is plain http: name an https URL, with --tls-cert and --tls-key or behind a proxy that "
                + "speaks TLS"
        ]
    }

    var provider: ProviderConfiguration {
        var configuration = settings.provider(issuer: issuer)
        if mode == .development { configuration.disclosure = .expectedAndGot }
        return configuration
    }

    /// Where something is going to listen: the server, and with `--dev` its demo on the next two ports.
    var addresses: [ListenAddress] {
        let listen = settings.listen
        guard mode == .development else { return [listen] }
        return [
            listen, ListenAddress(host: "127.0.0.1", port: listen.port + 1),
            ListenAddress(host: "127.0.0.1", port: listen.port + 2),
        ]
    }

    /// What an operator should know although nothing is wrong yet.
    var notes: [String] {
        guard mode == .production, issuer.isHTTPS, settings.tlsCertificate == nil, settings.trustedProxies.isEmpty
        else { return [] }
        return [
            "the issuer is https, and neither --tls-cert nor trusted_proxies is set: a proxy must speak TLS, and until it "
                + "is named in trusted_proxies every request seems to come from its address"
        ]
    }
}

/// What `serve --dev` left in a store: known passwords, which must not be reachable.
struct DemoLeftovers: Hashable, Sendable {
    var people: [String] = []
    var clients: [String] = []
    var apis: [String] = []

    var isEmpty: Bool { people.isEmpty && clients.isEmpty && apis.isEmpty }

    func refusal(folder: DataFolder) -> Failure {
        let commands =
            people.map { "signet user delete \($0)" } + clients.map { "signet client delete \($0)" }
            + apis.map { "signet api delete \($0)" }
        return Failure(
            .configuration,
            ["the data folder \(folder.path) holds what serve --dev made; begin with a new folder, or remove it:"]
                + commands.map { "  \($0) --data-dir \(folder.path)" }
        )
    }
}

extension Workbench {
    func demoLeftovers() async throws -> DemoLeftovers {
        DemoLeftovers(
            people: try await people.demoPeople(now: now).map(\.username).sorted(),
            clients: try await allClients().filter { $0.origin == .demo }.map(\.id.value).sorted(),
            apis: try await allAPIs().filter { $0.origin == .demo }.map(\.audience.value).sorted()
        )
    }
}
