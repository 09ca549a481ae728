import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// What cannot be put on record: every fault at once, each beside a sound twin.
@Suite struct ClientRulesTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var sentence: String
        var edit: @Sendable (inout RegisteredClient) -> Void
        var testDescription: String { sentence }
    }

    static func sound() throws -> RegisteredClient {
        var client = RegisteredClient(
            id: try #require(ClientID("web")),
            name: "Web",
            type: .confidential,
            authenticationMethod: .clientSecretBasic,
            createdAt: TestWorld.start
        )
        client.secretHash = ClientSecret.hash(Secret(TestWorld.secret))
        client.grantTypes = [.authorizationCode, .refreshToken]
        client.redirectURIs = [RedirectURI(TestWorld.redirectURI)].compactMap { $0 }
        client.scopes = [.openID]
        return client
    }

    static let faults: [Fault] = [
        Fault(sentence: "the name must have") { $0.name = "" },
        Fault(sentence: "a public client keeps no secret") { $0.type = .public },
        Fault(sentence: "a confidential client must authenticate") { $0.authenticationMethod = .none },
        Fault(sentence: "needs a client secret") { $0.secretHash = nil },
        Fault(sentence: "private_key_jwt needs a JWK Set") { $0.authenticationMethod = .privateKeyJWT },
        Fault(sentence: "holds a private or symmetric key") { $0.keySet = #"{"keys":[{"kty":"oct","k":"AAAA"}]}"# },
        Fault(sentence: "holds a private or symmetric key") { $0.keySet = #"{"keys":[{"kty":"EC","d":"AAAA"}]}"# },
        Fault(sentence: "at least one grant type") { $0.grantTypes = [] },
        Fault(sentence: "needs at least one redirect URI") { $0.redirectURIs = [] },
        Fault(sentence: "redirect URIs are only for") { $0.grantTypes = [.clientCredentials] },
        Fault(sentence: "refresh_token needs authorization_code") { $0.grantTypes = [.refreshToken] },
        Fault(sentence: "the ID token algorithm must be") { $0.idTokenAlgorithm = "HS256" },
        Fault(sentence: "an origin must be") { $0.origins = ["https://app.example/"] },
        Fault(sentence: "an origin must be") { $0.origins = ["*"] },
        Fault(sentence: "PKCE can be optional only") {
            $0.pkce = .optional
            $0.scopes = []
        },
        Fault(sentence: "the refresh idle lifetime") { $0.refreshIdleSeconds = 0 },
    ]

    @Test(arguments: faults)
    func `An unsound client is refused with a sentence, its sound twin is not`(_ fault: Fault) throws {
        var client = try Self.sound()
        try ClientRules.check(client)
        fault.edit(&client)
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client) }
        #expect(error?.description.contains(fault.sentence) == true, "\(String(describing: error))")
    }

    @Test func `All faults are told at once`() throws {
        var client = try Self.sound()
        client.name = ""
        client.grantTypes = []
        client.origins = ["*"]
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client) }
        guard case .unsound(let sentences) = error else { throw TestFailure() }
        #expect(sentences.count == 4)
    }

    @Test func `An identifier and a scope are taken once`() async throws {
        let world = try await TestWorld()
        _ = try await world.publicClient()
        await #expect(throws: RegistrationError.self) { _ = try await world.publicClient() }
        _ = try await world.ordersAPI()
        await #expect(throws: RegistrationError.self) {
            try await world.otherAPI("https://api.example/second", scope: "orders:read")
        }
        try await world.otherAPI("https://api.example/second", scope: "second:read")
        await #expect(throws: RegistrationError.self) {
            _ = try await world.services.apis.update(
                #require(ResourceIndicator("https://api.example/second")),
                now: world.now
            ) { $0.scopes += [.init(scope: try #require(Scope("orders:read")), text: "x")] }
        }
    }
}
