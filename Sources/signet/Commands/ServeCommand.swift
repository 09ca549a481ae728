import ArgumentParser

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server.",
        discussion: """
            The data folder is made if it is missing: the database, and the master key, without which the database is \
            worth nothing; back up both, and not to the same place. SIGTERM or Ctrl-C finishes what was begun and stops.

            --dev is for trying things: a demo application and a demo API on the next two ports, a person with a known \
            password, answers that say what was expected and what came. Outside --dev the issuer must be named and must \
            be https or loopback.

            Examples:
              signet serve --dev
              signet serve --issuer https://id.example.org --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem
              signet serve --config /etc/signet.yaml
            """
    )

    @Flag(help: "Start with a demo and with known passwords, on loopback only.") var dev = false
    @Option(help: ArgumentHelp("The address to serve on.", valueName: "host:port")) var listen: String?
    @Option(help: ArgumentHelp("The URL that names this server.", valueName: "url")) var issuer: String?
    @Option(name: .customLong("tls-cert"), help: ArgumentHelp("The certificate chain, PEM.", valueName: "file"))
    var tlsCertificate: String?
    @Option(name: .customLong("tls-key"), help: ArgumentHelp("Its private key, PEM.", valueName: "file"))
    var tlsKey: String?
    @Option(
        name: .customLong("trusted-proxy"),
        help: ArgumentHelp(
            "A proxy whose X-Forwarded-* headers are believed. Repeat for several.",
            valueName: "network"
        )
    )
    var trustedProxies: [String] = []
    @Option(name: .customLong("log-level"), help: ArgumentHelp("\(Setting.logLevel.about).", valueName: "level"))
    var logLevel: String?
    @OptionGroup var store: StoreOptions

    func run() async throws {
        var flags: [Setting: [String]] = [.trustedProxies: trustedProxies]
        for (setting, text) in [
            (Setting.listen, listen), (.issuer, issuer), (.tlsCertificate, tlsCertificate), (.tlsKey, tlsKey),
            (.logLevel, logLevel),
        ] {
            flags[setting] = text.map { [$0] } ?? []
        }
        let settings = try store.configuration(flags: flags).settings
        let plan = try ServePlan(settings, mode: dev ? .development : .production)
        try await Serving(plan: plan, console: .standard).run()
    }
}
