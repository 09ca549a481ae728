import Foundation
import OAuthVocabulary
import RedisStore
import ServerHTTP
import Testing

@testable import signet

@Suite("Configuration: sources and faults")
struct ConfigurationTests {
    static let path = "signet.yaml"

    func load(
        flags: [Setting: [String]] = [:],
        file: String? = nil,
        environment: [String: String] = [:]
    ) throws -> EffectiveConfiguration {
        try EffectiveConfiguration.load(
            flags: flags,
            file: file == nil ? nil : Self.path,
            environment: environment,
            readFile: { _ throws(Failure) in file ?? "" }
        )
    }

    func faults(
        flags: [Setting: [String]] = [:],
        file: String? = nil,
        environment: [String: String] = [:]
    ) -> [String] {
        do {
            _ = try load(flags: flags, file: file, environment: environment)
            return []
        } catch {
            return (error as? ConfigurationError)?.faults ?? ["\(error)"]
        }
    }

    @Test("A flag wins over the environment, the environment over the file, the file over the standard value")
    func precedence() throws {
        let file = "listen: 127.0.0.1:1001\n"
        let environment = ["SIGNET_LISTEN": "127.0.0.1:1002"]
        let flags: [Setting: [String]] = [.listen: ["127.0.0.1:1003"]]
        #expect(try load().settings.listen.port == 8080)
        #expect(try load(file: file).settings.listen.port == 1001)
        #expect(try load(file: file, environment: environment).settings.listen.port == 1002)
        #expect(try load(flags: flags, file: file, environment: environment).settings.listen.port == 1003)
        #expect(try load().source(of: .listen) == .standard)
        #expect(try load(file: "\n\n" + file).source(of: .listen) == .file(Self.path, line: 3))
        #expect(try load(environment: environment).source(of: .listen) == .environment("SIGNET_LISTEN"))
        #expect(try load(flags: flags).source(of: .listen) == .flag("--listen"))
    }

    @Test("Every setting has the standard value that the table prints, and reads it back", arguments: Setting.all)
    func standardValues(setting: Setting) throws {
        #expect(Settings().text(of: setting) == setting.standard)
        guard !setting.standard.isEmpty else { return }
        let given = try load(environment: [setting.environmentName: setting.standard])
        #expect(given.settings == Settings())
        #expect(given.source(of: setting) == .environment(setting.environmentName))
    }

    /// A value other than the standard one for each setting.
    static let others: [(Setting, String)] = [
        (.issuer, "https://id.example"), (.listen, "[::1]:9443"), (.dataDirectory, "elsewhere"),
        (.storeAddress, "postgres://signet@db.example/signet"),
        (.storeDirectAddress, "postgres://signet@direct.example/signet"), (.storeConnections, "20"),
        (.storeRisk, RedisKeeping.settingName),
        (.storeTimeout, "2s"), (.shutdownDelay, "10s"),
        (.redisAddress, "redis://redis.example:6379/1"), (.redisKeeps, "throttle,visit"), (.redisDenylist, "on"),
        (.tlsCertificate, "c.pem"),
        (.tlsKey, "k.pem"), (.trustedProxies, "10.0.0.0/8,::1"), (.logLevel, "debug"),
        (.defaultAudience, "https://api.example"), (.accessTokenAlgorithm, "EdDSA"), (.accessTokenLifetime, "5m"),
        (.idTokenLifetime, "30m"), (.codeLifetime, "30s"), (.deviceCodeLifetime, "5m"), (.refreshIdle, "1d"),
        (.refreshAbsolute, "60d"),
        (.sessionIdle, "1h"), (.sessionAbsolute, "30d"), (.refreshRetryWindow, "0s"), (.keyRotation, "30d"),
        (.keyPublicationLead, "1h30m"), (.rsaSigner, "swift-crypto"), (.argonMemory, "64MiB"), (.argonIterations, "3"),
        (.argonParallelism, "4"),
        (.feedEntries, "5000"), (.feedStreams, "20"),
        (.feedStreamsPerAPI, "10"), (.argonThreads, "8"), (.argonQueue, "16"), (.passwordMinimum, "12"),
    ]

    @Test("Every setting can be changed, and shows what it was changed to", arguments: Setting.all)
    func everySettingIsRead(setting: Setting) throws {
        let (_, text) = try #require(Self.others.first { $0.0 == setting })
        var environment = [setting.environmentName: text]
        // A certificate and its key are only accepted together.
        if setting == .tlsCertificate { environment["SIGNET_TLS_KEY"] = "k" }
        if setting == .tlsKey { environment["SIGNET_TLS_CERT"] = "c" }
        if setting == .storeRisk { environment["SIGNET_STORE_ADDRESS"] = "redis://redis.example" }
        if setting == .redisDenylist { environment["SIGNET_REDIS_ADDRESS"] = "redis://redis.example" }
        if setting == .storeDirectAddress { environment["SIGNET_STORE_ADDRESS"] = "postgres://pooler.example/signet" }
        #expect(try load(environment: environment).settings.text(of: setting) == text)
    }

    @Test("Sessions lie in Redis only where they are named, and beside a store that loses nothing")
    func sessionsInRedis() throws {
        let redis = ["SIGNET_REDIS_ADDRESS": "redis://redis.example"]
        let named = ["SIGNET_REDIS_KEEPS": "visit,application-session"]
        func merged(_ parts: [String: String]...) -> [String: String] {
            parts.reduce(into: [:]) { all, part in all.merge(part) { $1 } }
        }
        #expect(try load(environment: redis).settings.redis.keepsSessions == false)
        #expect(try load(environment: named).settings.redis.keepsSessions == false)
        #expect(try load(environment: merged(redis, named)).settings.redis.keepsSessions)
        let risky = [
            "SIGNET_STORE_ADDRESS": "redis://redis.example", "SIGNET_STORE_RISK": RedisKeeping.settingName,
        ]
        #expect(faults(environment: merged(redis, risky)).isEmpty)
        let found = faults(environment: merged(redis, named, risky))
        #expect(found.count == 1 && found.first?.contains("application-session") == true, "\(found)")
    }

    @Test(
        "An unknown key is refused with the word that was probably meant",
        arguments: [
            ("issuerr: https://a.example", "unknown key issuerr; did you mean issuer?"),
            ("lifetime:\n  code: 1m", "unknown key lifetime; did you mean lifetimes?"),
            (
                "lifetimes:\n  acces_token: 1m",
                "unknown key lifetimes.acces_token; did you mean lifetimes.access_token?"
            ),
            ("refresh_idle: 1d", "unknown key refresh_idle; did you mean lifetimes.refresh_idle?"),
            ("tls:\n  certt: a", "unknown key tls.certt; did you mean tls.cert?"),
            ("zebra: 1", "unknown key zebra"),
        ]
    )
    func unknownKeys(file: String, expected: String) {
        let line = file.contains("\n") && expected.contains(".") && file.hasPrefix(" ") ? 2 : 1
        let found = faults(file: file)
        #expect(found.count == 1)
        #expect(found.first?.hasSuffix(expected) == true, "\(found)")
        #expect(found.first?.hasPrefix("\(Self.path), line ") == true && line >= 1)
    }

    @Test("Every fault of every source is reported at once, each with its place")
    func allAtOnce() {
        let file = """
            issuer: http://a.example/
            listenn: 1
            lifetimes:
              access_token: 15
              refresh_idle: [1d]
            tls:
              cert: chain.pem
            """
        let found = faults(
            flags: [.logLevel: ["loud"]],
            file: file,
            environment: ["SIGNET_ARGON2_MEMORY": "19", "SIGNET_ISSUE": "x", "SIGNET_KEYS_ROTATION": "1h"]
        )
        #expect(
            Set(found) == [
                "signet.yaml, line 2: unknown key listenn; did you mean listen?",
                "signet.yaml, line 5: lifetimes.refresh_idle must be one value",
                "SIGNET_ISSUE: unknown variable; did you mean SIGNET_ISSUER?",
                "issuer (signet.yaml, line 1): expected an https URL without query, fragment or trailing slash, "
                    + "got \"http://a.example/\"",
                "tls.cert and tls.key belong together: give both or neither",
                "log_level (--log-level): expected trace, debug, info, notice, warning, error or critical, got \"loud\"",
                "lifetimes.access_token (signet.yaml, line 4): expected a duration such as 90s, 15m or 7d, 1m to 1d, got \"15\"",
                "keys.rotation (SIGNET_KEYS_ROTATION): expected a duration such as 90s, 15m or 7d, 1d to 730d, got \"1h\"",
                "argon2.memory (SIGNET_ARGON2_MEMORY): expected a size such as 19MiB or 19456KiB, 8MiB to 1GiB, got \"19\"",
            ]
        )
    }

    @Test(
        "Settings that do not fit together are refused, the same without the conflict are not",
        arguments: [
            (["SIGNET_LIFETIMES_REFRESH_IDLE": "31d"], ["SIGNET_LIFETIMES_REFRESH_IDLE": "30d"]),
            (["SIGNET_LIFETIMES_SESSION_IDLE": "15d"], ["SIGNET_LIFETIMES_SESSION_IDLE": "14d"]),
            (["SIGNET_TLS_CERT": "a"], ["SIGNET_TLS_CERT": "a", "SIGNET_TLS_KEY": "b"]),
            (
                ["SIGNET_KEYS_ROTATION": "1d", "SIGNET_KEYS_PUBLICATION_LEAD": "1d"],
                ["SIGNET_KEYS_ROTATION": "2d", "SIGNET_KEYS_PUBLICATION_LEAD": "1d"]
            ),
        ]
    )
    func conflicts(refused: [String: String], accepted: [String: String]) {
        #expect(faults(environment: refused).count == 1)
        #expect(faults(environment: accepted).isEmpty)
    }

    @Test("Variables that an orchestrator makes for a service called signet are left alone")
    func foreignVariables() {
        #expect(
            faults(environment: [
                "SIGNET_PORT": "tcp://10.0.0.1:8080", "SIGNET_SERVICE_HOST": "10.0.0.1", "SIGNET_BIN": "/bin/signet",
            ]).isEmpty
        )
        #expect(faults(environment: ["SIGNET_LISTN": "x"]).count == 1)
    }

    @Test("An empty variable counts as unset, an empty key in the file is a fault")
    func emptiness() throws {
        #expect(try load(environment: ["SIGNET_ISSUER": ""]).settings.issuer == nil)
        #expect(faults(file: "issuer:\n").first?.contains("issuer has no value") == true)
        #expect(try load(file: "").settings == Settings())
        #expect(try load(file: "# nothing\n").settings == Settings())
    }

    @Test("A list is a sequence in the file and is separated by commas in the environment")
    func lists() throws {
        let file = "trusted_proxies:\n  - 10.0.0.0/8\n  - ::1\n"
        #expect(try load(file: file).settings.trustedProxies == ["10.0.0.0/8", "::1"])
        let environment = ["SIGNET_TRUSTED_PROXIES": "10.0.0.0/8, ::1"]
        #expect(try load(environment: environment).settings.trustedProxies == ["10.0.0.0/8", "::1"])
        #expect(faults(file: "trusted_proxies: [10.0.0.0/33, proxy.example]").count == 2)
    }

    @Test("What is not YAML, or not a mapping, is one fault that names the file", arguments: ["a: [", "- 1", "text"])
    func broken(file: String) {
        let found = faults(file: file)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix(Self.path) == true)
    }

    @Test("The configuration in the README is sound")
    func readme() throws {
        let root = URL(filePath: #filePath).pathComponents.prefix { $0 != "Tests" }.joined(separator: "/").dropFirst()
        let text = try String(contentsOf: URL(filePath: root + "/README.md"), encoding: .utf8)
        let block = text.components(separatedBy: "```yaml\n").dropFirst().first?.components(separatedBy: "```").first
        let settings = try load(file: try #require(block)).settings
        #expect(settings.issuer?.value == "https://id.example.org")
        #expect(settings.trustedProxies == ["127.0.0.1"])
        #expect(settings.lifetimes.refreshIdle == .days(14))
    }

    @Test("SIGNET_CONFIG names the file where no flag does")
    func configurationVariable() throws {
        var asked: [String] = []
        func load(_ file: String?) throws {
            _ = try EffectiveConfiguration.load(
                flags: [:],
                file: file,
                environment: ["SIGNET_CONFIG": "b.yaml"],
                readFile: { path throws(Failure) in
                    asked.append(path)
                    return ""
                }
            )
        }
        try load(nil)
        try load("a.yaml")
        #expect(asked == ["b.yaml", "a.yaml"])
    }
}
