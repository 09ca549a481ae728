import Accounts
import JOSE
import Testing
import UpstreamLogin

/// What an operator may write of a provider.
@Suite struct DescriptionTests {
    static let sound: [UpstreamField: [String]] = [.issuer: ["https://id.example"], .clientID: ["c"]]

    func faults(_ change: [UpstreamField: [String]], secret: String? = "s") throws -> [String] {
        var fields = Self.sound
        for (field, texts) in change { fields[field] = texts }
        let name = try #require(UpstreamName("work"))
        do {
            _ = try UpstreamProvider(name, UpstreamDescription(fields), secrets: .init(clientSecret: secret))
            return []
        } catch {
            return error.faults
        }
    }

    static let slips: [(field: UpstreamField, texts: [String], fault: String)] = [
        (.issuer, ["http://id.example"], "issuer:"), (.issuer, ["https://id.example?x"], "issuer:"),
        (.issuer, ["id.example"], "issuer:"), (.issuer, [""], "issuer:"), (.clientID, ["a b"], "client_id:"),
        (.preset, ["gooogle"], "preset:"), (.signUp, ["yes"], "sign_up:"), (.enabled, ["1"], "enabled:"),
        (.domains, ["*.example.org"], "domains:"), (.authoritativeFor, ["example"], "authoritative_for:"),
        (.scopes, ["profile"], "scopes:"), (.scopes, ["openid", "a\"b"], "scopes:"),
        (.clientAuthentication, ["mac"], "client_authentication:"), (.tenant, ["common"], "tenant: belongs to"),
        (.teamID, ["T"], "team_id: belongs to"), (.api, ["https://x.example"], "api: belongs to"),
        (.clientID, ["a", "b"], "client_id: expected one value"),
    ]

    @Test("Every field is judged, and its fault names it", arguments: slips)
    func slip(_ field: UpstreamField, _ texts: [String], _ fault: String) throws {
        #expect(try faults([:]) == [])
        #expect(try faults([field: texts]).contains { $0.hasPrefix(fault) })
    }

    @Test("Only who can be the last word on a domain's addresses is taken for its authority")
    func authority() throws {
        let domain: [UpstreamField: [String]] = [.authoritativeFor: ["example.org"]]
        func isRefused(_ more: [UpstreamField: [String]]) throws -> Bool {
            var fields = domain.merging(more) { _, new in new }
            fields[.issuer] = fields[.preset] == nil ? Self.sound[.issuer] : []
            return try faults(fields.filter { !$0.value.isEmpty }).contains { $0.hasPrefix("authoritative_for:") }
        }
        #expect(try isRefused([.preset: ["github"]]))
        let tenant = "11111111-2222-3333-4444-555555555555"
        #expect(try isRefused([.preset: ["microsoft"]]))
        #expect(try isRefused([.preset: ["microsoft"], .tenant: ["consumers"]]))
        let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"
        #expect(try isRefused([.preset: ["microsoft"], .tenants: [tenant, consumers]]))
        #expect(try !isRefused([.preset: ["microsoft"], .tenants: [tenant]]))
        #expect(try !isRefused([.preset: ["microsoft"], .tenant: [tenant]]))
        #expect(try !isRefused([.preset: ["google"]]))
        #expect(try !isRefused([:]))
    }

    @Test("A secret is needed, unless the client says that it has none; all faults come at once")
    func secrets() throws {
        #expect(try faults([:], secret: nil).count == 1)
        #expect(try faults([.clientAuthentication: ["none"]], secret: nil) == [])
        #expect(try faults([.preset: ["google"], .clientAuthentication: ["none"]], secret: nil).count == 1)
        #expect(try faults([.signUp: ["x"], .enabled: ["y"]], secret: nil).count == 3)
    }

    @Test("Apple needs its team, its key's name and a key on P-256")
    func apple() throws {
        let fields: [UpstreamField: [String]] = [
            .preset: ["apple"], .clientID: ["c"], .teamID: ["T"], .keyID: ["K"],
        ]
        let name = try #require(UpstreamName("apple"))
        func make(_ key: String?) throws -> UpstreamProvider {
            try UpstreamProvider(name, UpstreamDescription(fields), secrets: .init(privateKey: key))
        }
        let good = try SigningKey.generate(.es256).privateJWK.pem()
        let provider = try make(good)
        #expect(provider.answersByForm && provider.displayName == "Apple")
        let wrong = try SigningKey.generate(.edDSA).privateJWK.pem()
        for key in [nil, "", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", wrong] {
            #expect(throws: UpstreamFaults.self) { try make(key) }
        }
    }
}
