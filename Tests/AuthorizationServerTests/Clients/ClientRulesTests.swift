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
        Fault(sentence: "the front-channel logout URI must have") {
            $0.frontchannelLogoutURI = LogoutURI("https://app.example.evil.test/bye")
        },
        Fault(sentence: "the front-channel logout URI must have") {
            $0.frontchannelLogoutURI = LogoutURI("https://app.example:8443/bye")
        },
        Fault(sentence: "the front-channel logout URI must have") {
            $0.frontchannelLogoutURI = LogoutURI("http://localhost/bye")
        },
        Fault(sentence: "back-channel logout with a session needs") { $0.backchannelLogoutSessionRequired = true },
        Fault(sentence: "front-channel logout with a session needs") { $0.frontchannelLogoutSessionRequired = true },
        Fault(sentence: "the refresh idle lifetime") { $0.refreshIdleSeconds = 0 },
    ]

    @Test(arguments: faults)
    func `An unsound client is refused with a sentence, its sound twin is not`(_ fault: Fault) throws {
        let issuer = IssuerURL(TestWorld.issuer)
        var client = try Self.sound()
        try ClientRules.check(client, issuer: IssuerURL(TestWorld.issuer))
        fault.edit(&client)
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client, issuer: issuer) }
        #expect(error?.description.contains(fault.sentence) == true, "\(String(describing: error))")
    }

    static func inBrowsers() throws -> RegisteredClient {
        var client = try sound()
        client.type = .public
        client.authenticationMethod = .none
        client.secretHash = nil
        client.isFirstParty = true
        client.browserSession = .tokens
        client.tokenDelivery = .cookie
        client.origins = ["https://app.id.example"]
        return client
    }

    static let browserFaults: [Fault] = [
        Fault(sentence: "it must be first-party") { $0.isFirstParty = false },
        Fault(sentence: "the token delivery must be cookie") { $0.tokenDelivery = .body },
        Fault(sentence: "has no refresh token to deliver") { $0.browserSession = .session },
        Fault(sentence: "refresh tokens in cookies are for public clients") {
            $0.type = .confidential
            $0.authenticationMethod = .clientSecretBasic
            $0.secretHash = ClientSecret.hash(Secret(TestWorld.secret))
        },
        Fault(sentence: "only to a client with the grant refresh_token") { $0.grantTypes = [.authorizationCode] },
        Fault(sentence: "https://evil.example is not") { $0.origins.append("https://evil.example") },
        Fault(sentence: "http://app.id.example is not") { $0.origins.append("http://app.id.example") },
    ]

    @Test(arguments: browserFaults)
    func `What a client keeps in browsers must be sound`(_ fault: Fault) throws {
        var client = try Self.inBrowsers()
        let issuer = IssuerURL(TestWorld.issuer)
        try ClientRules.check(client, issuer: issuer)
        fault.edit(&client)
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client, issuer: issuer) }
        #expect(error?.description.contains(fault.sentence) == true, "\(String(describing: error))")
    }

    @Test func `Before the issuer is known no origin is on its site, and a client without origins is sound`() throws {
        var client = try Self.inBrowsers()
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client, issuer: nil) }
        #expect(error?.description.contains("not known before the issuer is") == true)
        client.origins = []
        try ClientRules.check(client, issuer: nil)
    }

    @Test func `A browser session needs no grant of the token endpoint beyond its refresh`() throws {
        var client = try Self.inBrowsers()
        client.redirectURIs = []
        client.grantTypes = [.refreshToken]
        try ClientRules.check(client, issuer: IssuerURL(TestWorld.issuer))
        client.browserSession = .session
        client.tokenDelivery = .body
        client.grantTypes = []
        try ClientRules.check(client, issuer: IssuerURL(TestWorld.issuer))
    }

    @Test func `A client for devices needs no redirect URI, and may refresh`() throws {
        let issuer = IssuerURL(TestWorld.issuer)
        var client = try Self.sound()
        client.redirectURIs = []
        client.grantTypes = [.deviceCode, .refreshToken]
        try ClientRules.check(client, issuer: issuer)
        client.grantTypes = [.deviceCode]
        client.redirectURIs = [RedirectURI(TestWorld.redirectURI)].compactMap { $0 }
        #expect(throws: RegistrationError.self, "a redirect URI is only for codes") {
            try ClientRules.check(client, issuer: issuer)
        }
    }

    @Test func `A device keeps no cookies`() throws {
        var client = try Self.inBrowsers()
        client.grantTypes.append(.deviceCode)
        let issuer = IssuerURL(TestWorld.issuer)
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client, issuer: issuer) }
        #expect(
            error?.description == "a device takes its refresh token out of the answer: the token delivery must be body"
        )
    }

    @Test func `All faults are told at once`() throws {
        let issuer = IssuerURL(TestWorld.issuer)
        var client = try Self.sound()
        client.name = ""
        client.grantTypes = []
        client.origins = ["*"]
        let error = #expect(throws: RegistrationError.self) { try ClientRules.check(client, issuer: issuer) }
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
