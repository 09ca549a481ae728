import Accounts
import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer
@testable import ServerHTTP

/// Every act that ends a right, with accounts, sessions and protocol put together as a server has them.
@Suite struct EndingActTests {
    enum Act: String, CaseIterable, Sendable {
        case accessTokenRevoked, refreshTokenRevoked, codeReplayed, refreshTokenReused
        case sessionClosed, allSessionsClosed, crowdedOut
        case passwordChanged, personDisabled, personDeleted
        case clientDisabled, clientKeyChanged, clientDeleted
        case consentWithdrawn, keyRetired, operatorRevokesEverything

        var cause: EndingCause {
            switch self {
            case .accessTokenRevoked, .refreshTokenRevoked: .revoked
            case .codeReplayed: .codeReplay
            case .refreshTokenReused: .refreshReuse
            case .sessionClosed, .allSessionsClosed, .crowdedOut: .signedOut
            case .passwordChanged: .passwordChanged
            case .personDisabled: .personDisabled
            case .personDeleted: .personDeleted
            case .clientDisabled: .clientDisabled
            case .clientKeyChanged: .clientCredentialsChanged
            case .clientDeleted: .clientDeleted
            case .consentWithdrawn: .consentWithdrawn
            case .keyRetired: .keyRetired
            case .operatorRevokesEverything: .operatorAct
            }
        }

        /// Whether another person's token at the same client stays good.
        var sparesOthers: Bool {
            switch self {
            case .clientDisabled, .clientKeyChanged, .clientDeleted, .keyRetired, .operatorRevokesEverything: false
            default: true
            }
        }
    }

    struct Holder {
        var subject: Subject
        var session: SessionID
        var cookie: Secret
        var code: String
        var access: String
        var refresh: String
    }

    static let secret = "signet_cs_correct-horse-battery-staple-0123456789"
    static let nonce = "bm9uY2Utb2YtdGhlLXJlYWRlcg"

    @Test(arguments: Act.allCases)
    func `Every act that ends a right is in the feed before it is acknowledged, with its cause`(_ act: Act) async throws
    {
        let world = try await HTTPWorld()
        var api = RegisteredAPI(
            audience: try #require(ResourceIndicator(HTTPWorld.https)),
            name: "API",
            credentialID: try #require(ClientID("api")),
            secretHash: ClientSecret.hash(Secret(Self.secret)),
            createdAt: world.now
        )
        api.scopes = []
        try await world.services.apis.create(api, now: world.now)
        try await world.client {
            $0.type = .confidential
            $0.authenticationMethod = .clientSecretPost
            $0.secretHash = ClientSecret.hash(Secret(Self.secret))
        }
        try await world.services.feed.prepare()
        let holder = try await signIn("ada", world)
        let other = try await signIn("bob", world)
        #expect(try await refuses(holder.access, world) == false)
        #expect(try await refuses(other.access, world) == false)
        try await perform(act, holder, world)
        #expect(try await refuses(holder.access, world))
        #expect(try await refuses(other.access, world) == !act.sparesOthers)
        let endings = try await FeedLog(store: world.store).batches(after: 0, now: world.now).flatMap(\.endings)
        #expect(Set(endings.map(\.cause)) == [act.cause])
    }

    private func perform(_ act: Act, _ holder: Holder, _ world: HTTPWorld) async throws {
        let app = try #require(ClientID("app"))
        let services = world.services
        switch act {
        case .accessTokenRevoked:
            #expect(
                try await world.post(
                    "/revoke",
                    ["token": holder.access, "client_id": "app", "client_secret": Self.secret]
                ).status == 200
            )
        case .refreshTokenRevoked:
            #expect(
                try await world.post(
                    "/revoke",
                    ["token": holder.refresh, "client_id": "app", "client_secret": Self.secret]
                ).status == 200
            )
        case .codeReplayed:
            #expect(try await redeem(holder.code, world).status == 400)
        case .refreshTokenReused:
            #expect(try await refresh(holder, world).status == 200)
            world.time.advance(by: .seconds(60))
            #expect(try await refresh(holder, world).status == 400)
        case .sessionClosed: try await world.sessions.close(holder.session, now: world.now)
        case .allSessionsClosed: try await world.sessions.closeAll(of: holder.subject, now: world.now)
        case .crowdedOut:
            let browser = TestBrowser(world)
            browser.set(SignInTests.sessionCookie, holder.cookie.exposed)
            for name in ["bea", "cem", "dan", "eve", "fay"] {
                try await world.person(name)
                let page = try await browser.openSignIn(HeaderTests.authorize + "&prompt=login")
                #expect(try await browser.signIn(page, username: name).status == 303)
            }
        case .passwordChanged:
            try await world.people.setPassword(holder.subject, to: Secret("another long password"), now: world.now)
        case .personDisabled: try await world.people.disable(holder.subject, now: world.now)
        case .personDeleted: try await world.people.delete(holder.subject, now: world.now)
        case .clientDisabled:
            _ = try await services.clients.update(app, now: world.now, revocations: services.revocations) {
                $0.status = .disabled
            }
        case .clientKeyChanged:
            _ = try await services.clients.update(app, now: world.now, revocations: services.revocations) {
                $0.secretHash = ClientSecret.hash(Secret("signet_cs_another"))
            }
        case .clientDeleted: try await services.clients.delete(app, now: world.now, revocations: services.revocations)
        case .consentWithdrawn:
            #expect(try await services.consents.withdraw(subject: holder.subject, client: app, now: world.now))
        case .keyRetired:
            let keys = SigningKeys(store: world.store, keys: services.keys, configuration: services.configuration)
            let keyID = try #require(try UnverifiedToken(holder.access).header["kid"]?.stringValue)
            let record = SigningKeyRecord(
                keyID: keyID,
                algorithm: "ES256",
                sealedPrivateJWK: [],
                publicJWK: "{}",
                createdAt: world.now,
                activeFrom: world.now
            )
            let stored = Record(key: SigningKeyRecord.key(keyID), payload: try record.encoded())
            #expect(try await world.store.apply([.insert(stored)], now: world.now) == .applied)
            try await keys.retire(keyID, now: world.now)
        case .operatorRevokesEverything:
            try await services.revocations.apply(ending: Ending(.everything, because: .operatorAct), now: world.now)
        }
    }

    // MARK: - Tokens

    private func signIn(_ name: String, _ world: HTTPWorld) async throws -> Holder {
        let person = try await world.people.create(NewPerson(username: name), password: nil, now: world.now)
        let (cookie, session) = try await world.sessions.create(
            for: person,
            amr: ["pwd"],
            acr: "1",
            now: world.now,
            replacing: []
        )
        let code = AuthorizationCodeRecord(
            client: try #require(ClientID("app")),
            redirectURI: "https://app.example/callback",
            codeChallenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            nonce: nil,
            scope: try #require(ScopeSet(parameter: "openid offline_access")),
            resource: nil,
            subject: person.subject,
            session: session.id,
            authentication: AuthenticationEvent(at: world.now, acr: "1", amr: ["pwd"]),
            family: try world.services.random.familyID(),
            issuedAt: world.now
        )
        let text = "signet_ac_\(name)"
        let insertion = try code.insertion(code: text, lifetime: .seconds(60))
        #expect(try await world.store.apply([insertion], now: world.now) == .applied)
        let answer = try JSONObject(parsing: try await redeem(text, world).bytes)
        return Holder(
            subject: person.subject,
            session: session.id,
            cookie: cookie,
            code: text,
            access: try #require(answer["access_token"]?.stringValue),
            refresh: try #require(answer["refresh_token"]?.stringValue)
        )
    }

    private func redeem(_ code: String, _ world: HTTPWorld) async throws -> TestAnswer {
        try await world.post(
            "/token",
            [
                "grant_type": "authorization_code", "code": code, "client_id": "app", "client_secret": Self.secret,
                "redirect_uri": "https://app.example/callback",
                "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ]
        )
    }

    private func refresh(_ holder: Holder, _ world: HTTPWorld) async throws -> TestAnswer {
        try await world.post(
            "/token",
            [
                "grant_type": "refresh_token", "refresh_token": holder.refresh, "client_id": "app",
                "client_secret": Self.secret,
            ]
        )
    }

    /// Whether a reader who takes a snapshot now refuses the token.
    private func refuses(_ token: String, _ world: HTTPWorld) async throws -> Bool {
        let snapshot = try await world.services.feed.snapshot(audience: HTTPWorld.https, nonce: Self.nonce)
        let end = try #require(snapshot.firstIndex(of: UInt8(ascii: "\n")))
        let entries = try #require(FeedEntry.entries(in: Array(snapshot[(end + 1)...])))
        let unverified = try UnverifiedToken(token)
        let claim = try #require(unverified.unverifiedClaims["rev"]?.stringValue.flatMap { RevocationClaim($0) })
        let key = try #require(unverified.header["kid"]?.stringValue)
        return entries.contains { entry in
            switch entry.kind {
            case .handle: claim.handles.contains(entry.handle) && claim.issuedAt <= entry.notBefore
            case .everything: claim.issuedAt <= entry.notBefore
            default: entry.handle == FeedEntry.handle(ofKey: key)
            }
        }
    }
}
