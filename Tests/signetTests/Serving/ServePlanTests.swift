import AuthorizationServer
import OAuthVocabulary
import ServerHTTP
import Testing

@testable import signet

@Suite("Serving: what may be started")
struct ServePlanTests {
    func plan(_ mode: ServePlan.Mode, issuer: String? = nil, listen: String = "127.0.0.1:8080") throws -> ServePlan {
        var settings = Settings()
        settings.issuer = issuer.flatMap { IssuerURL($0) }
        settings.listen = try #require(ListenAddress(listen))
        return try ServePlan(settings, mode: mode)
    }

    @Test(
        "RFC 8414 §2: outside --dev an issuer must be named, and be https or loopback",
        arguments: [
            (nil, false), ("http://id.example", false), ("http://127.0.0.1.evil.example", false),
            ("http://10.0.0.1:8080", false),
            ("https://id.example", true), ("https://id.example/tenant", true), ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true), ("http://[::1]:8080", true),
        ] as [(String?, Bool)]
    )
    func production(issuer: String?, isAllowed: Bool) {
        let refused = refusal { _ = try plan(.production, issuer: issuer) }
        #expect((refused == nil) == isAllowed)
        #expect(refused.map(\.status) == (isAllowed ? nil : .configuration))
    }

    @Test(
        "--dev serves loopback only, because its passwords are known",
        arguments: [
            (nil, "127.0.0.1:8080", true), (nil, "[::1]:8080", true), (nil, "0.0.0.0:8080", false),
            (nil, "10.0.0.1:8080", false),
            ("https://id.example", "127.0.0.1:8080", false), ("http://localhost:8080", "127.0.0.1:8080", true),
            (nil, "127.0.0.1:65533", true), (nil, "127.0.0.1:65534", false),
        ] as [(String?, String, Bool)]
    )
    func development(issuer: String?, listen: String, isAllowed: Bool) {
        let refused = refusal { _ = try plan(.development, issuer: issuer, listen: listen) }
        #expect((refused == nil) == isAllowed)
        #expect(refused.map(\.status) == (isAllowed ? nil : .configuration))
    }

    @Test("--dev refuses with every reason at once")
    func everyReason() {
        let refused = refusal { _ = try plan(.development, issuer: "https://id.example", listen: "0.0.0.0:65535") }
        #expect(refused?.sentences.count == 3)
    }

    @Test("--dev makes an issuer of its port, and only --dev explains what was expected")
    func modes() throws {
        let development = try plan(.development, listen: "127.0.0.1:9000")
        #expect(development.issuer.value == "http://localhost:9000")
        #expect(development.provider.disclosure == .expectedAndGot)
        #expect(development.addresses.map(\.port) == [9000, 9001, 9002])
        let production = try plan(.production, issuer: "http://localhost:9000", listen: "127.0.0.1:9000")
        #expect(production.provider.disclosure == .descriptionOnly)
        #expect(production.addresses.map(\.port) == [9000])
    }

    @Test("An https issuer without TLS and without a trusted proxy is worth a note")
    func notes() throws {
        #expect(try plan(.production, issuer: "https://id.example").notes.count == 1)
        #expect(try plan(.production, issuer: "http://localhost:8080").notes.isEmpty)
        var settings = Settings()
        settings.issuer = IssuerURL("https://id.example")
        settings.trustedProxies = ["10.0.0.1"]
        #expect(try ServePlan(settings, mode: .production).notes.isEmpty)
    }

    @Test("Leftovers of a demo are named with the commands that remove them")
    func leftovers() {
        let leftovers = DemoLeftovers(people: ["demo"], clients: ["demo-app"], apis: ["http://localhost:8082"])
        let refusal = leftovers.refusal(folder: DataFolder("data"))
        #expect(refusal.status == .configuration)
        #expect(
            refusal.sentences.dropFirst().map { $0.trimmingPrefix("  ") } == [
                "signet user delete demo --data-dir data", "signet client delete demo-app --data-dir data",
                "signet api delete http://localhost:8082 --data-dir data",
            ]
        )
        #expect(DemoLeftovers().isEmpty)
        #expect(!leftovers.isEmpty)
    }
}
