import Instants
import IssuerConnection
import JOSE
import Testing

@testable import OAuthClient

/// OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6: which logout tokens an application believes.
@Suite struct LogoutTokenTests {
    static let event = "http://schemas.openid.net/event/backchannel-logout"
    static let now = Instant(secondsSinceEpoch: 1_800_000_000)
    let issuer: FakeIssuer
    let clock = SetClock()
    let party: RelyingParty

    init() throws {
        issuer = try FakeIssuer()
        party = LoginTests.party(issuer, clock)
    }

    static let claims: JSONObject = [
        "iss": .string(FakeIssuer.url), "aud": "app", "sub": "alice", "sid": "session-1", "iat": 1_800_000_000,
        "exp": 1_800_000_120, "jti": "token-1", "events": .object([event: .object([:])]),
    ]

    /// The claims with one changed, or with `nil` left out.
    static func claims(_ name: String, _ value: JSON?) -> JSONObject {
        var claims = Self.claims.without(name)
        if let value { claims[name] = value }
        return claims
    }

    @Test func `§2.6: a token that says what it must is believed, with a person, a session or both`() async throws {
        let both = try await party.logoutToken(issuer.idToken(Self.claims, type: "logout+jwt"))
        #expect(both.subject == "alice" && both.sessionID == "session-1" && both.tokenID == "token-1")
        #expect(both.expiresAt == Self.now + .seconds(180))
        let session = try await party.logoutToken(issuer.idToken(Self.claims("sub", nil), type: "logout+jwt"))
        #expect(session.subject == nil && session.sessionID == "session-1")
        let person = try await party.logoutToken(issuer.idToken(Self.claims("sid", nil), type: "logout+jwt"))
        #expect(person.subject == "alice" && person.sessionID == nil)
        // What else an issuer says in it changes nothing.
        let more = Self.claims("events", .object([Self.event: ["x": 1], "urn:other": [:]]))
        #expect(try await party.logoutToken(issuer.idToken(more, type: "logout+jwt")) == both)
    }

    @Test(arguments: ["logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "JWT"])
    func `§2.4: the type is a recommendation, so an issuer without it is understood`(_ type: String) async throws {
        #expect(try await party.logoutToken(issuer.idToken(Self.claims, type: type)).subject == "alice")
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var what: String
        var claims: JSONObject
        var type = "logout+jwt"
        var testDescription: String { what }

        init(_ what: String, _ name: String, _ value: JSON?) {
            self.what = what
            claims = LogoutTokenTests.claims(name, value)
        }

        init(type: String) {
            what = "typ \(type)"
            claims = LogoutTokenTests.claims
            self.type = type
        }
    }

    static let broken: [Broken] = [
        Broken("another issuer", "iss", "https://evil.example"),
        Broken("the issuer with a slash", "iss", .string(FakeIssuer.url + "/")),
        Broken("no issuer", "iss", nil),
        Broken("another audience", "aud", "other"),
        Broken("our audience among strangers", "aud", ["app", "other"]),
        Broken("no audience", "aud", nil),
        Broken("an audience that only begins like ours", "aud", "app2"),
        Broken("expired", "exp", 1_799_999_939),
        Broken("no expiry", "exp", nil),
        Broken("an expiry that is a text", "exp", "1800000120"),
        Broken("issued in the future", "iat", 1_800_000_061),
        Broken("issued long ago", "iat", 1_799_999_000),
        Broken("no time of issue", "iat", nil),
        Broken("a nonce", "nonce", "n"),
        Broken("an empty nonce", "nonce", ""),
        Broken("a nonce that is null", "nonce", .null),
        Broken("no events", "events", nil),
        Broken("events that are no object", "events", .string(event)),
        Broken("events in a list", "events", [.string(event)]),
        Broken("another event", "events", ["http://schemas.openid.net/event/backchannel-logout/": [:]]),
        Broken("an event that is no object", "events", .object([event: true])),
        Broken("an event that is null", "events", .object([event: .null])),
        Broken("no identifier", "jti", nil),
        Broken("an empty identifier", "jti", ""),
        Broken("an identifier that is a number", "jti", 1),
        Broken("an identifier without end", "jti", .string(String(repeating: "j", count: 256))),
        Broken("an empty person", "sub", ""),
        Broken("a person that is a number", "sub", 7),
        Broken("a person that is null", "sub", .null),
        Broken("a session that is a list", "sid", ["session-1"]),
        Broken("an empty session", "sid", ""),
        Broken(type: "at+jwt"), Broken(type: "secevent+jwt"), Broken(type: "application/at+jwt"),
        Broken(type: "statuslist+jwt"), Broken(type: "dpop+jwt"), Broken(type: ""),
    ]

    @Test(arguments: broken)
    func `§2.6, FIELD F22, GHSA-7fpj-9hr8-28vh: one wrong claim makes it worthless`(_ row: Broken) async throws {
        let token = try issuer.idToken(row.claims, type: row.type)
        let error = await #expect(throws: OAuthClientError.self) { try await party.logoutToken(token) }
        #expect(error?.code == .tokenInvalid && error?.isTransient == false)
        #expect(!"\(error as Any)".contains("alice"))
    }

    @Test func `§2.6: neither a person nor a session is nobody`() async throws {
        let claims = Self.claims.without("sub").without("sid")
        let token = try issuer.idToken(claims, type: "logout+jwt")
        await #expect(throws: OAuthClientError.self) { try await party.logoutToken(token) }
    }

    @Test func `An ID token with a nonce, an access token and a token that strangers signed sign nobody out`()
        async throws
    {
        let idToken = try issuer.idToken(
            ["iss": .string(FakeIssuer.url), "aud": "app", "sub": "alice", "iat": 1_800_000_000, "exp": 1_800_000_300]
        )
        let stranger = try SigningKey.generate(.es256, keyID: "k1")
        let renamed = try SigningKey.generate(.es256, keyID: "k2")
        let good = try issuer.idToken(Self.claims, type: "logout+jwt")
        let parts = good.split(separator: ".").map(String.init)
        let unsigned = Base64URL.encode(Array(#"{"alg":"none","typ":"logout+jwt"}"#.utf8)) + ".\(parts[1])."
        let attempts = [
            idToken, try issuer.idToken(Self.claims, by: stranger, type: "logout+jwt"),
            try issuer.idToken(Self.claims, by: renamed, type: "logout+jwt"), unsigned,
            "\(parts[0]).\(parts[1]).\(String(parts[2].reversed()))", "\(parts[0]).\(parts[1])", good + ".x", "", "x",
        ]
        for attempt in attempts {
            let error = await #expect(throws: OAuthClientError.self) { try await party.logoutToken(attempt) }
            #expect(error?.code == .tokenInvalid, "\(attempt)")
        }
        #expect(try await party.logoutToken(good).tokenID == "token-1")
    }

    @Test func `A logout token is no ID token, at a login as anywhere else`() async throws {
        let start = try await party.start()
        var claims = Self.claims
        claims["nonce"] = Received.query(of: start.url)["nonce"].map(JSON.string)
        let token = try issuer.idToken(claims, type: "logout+jwt")
        issuer.on("/token") { _ in .tokens("at", 600, ["id_token": .string(token)]) }
        let error = await #expect(throws: OAuthClientError.self) {
            try await party.finish(start.pending, query: LoginTests.answer(start))
        }
        #expect(error?.code == .tokenInvalid)
    }

    @Test func `Keys that cannot be had are trouble on the way, not a bad token`() async throws {
        issuer.on("/jwks") { _ throws(TransportError) in throw TransportError(.unreachable, reason: "down") }
        let token = try issuer.idToken(Self.claims, type: "logout+jwt")
        let error = await #expect(throws: OAuthClientError.self) { try await party.logoutToken(token) }
        #expect(error?.isTransient == true)
    }
}

extension JSONObject {
    /// The same members but one.
    func without(_ name: String) -> JSONObject {
        var left: JSONObject = [:]
        for (member, value) in self where member != name { left[member] = value }
        return left
    }
}
