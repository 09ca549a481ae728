import Instants
import JOSE
import Testing

@testable import signet

/// The demo API accepts exactly the access tokens that RFC 9068 §4 lets it accept.
@Suite struct BearerCheckTests {
    private let fixture: DemoFixture
    private let check = BearerCheck(issuer: DemoFixture.issuer, audience: DemoFixture.audience, scope: "orders:read")

    init() throws { fixture = try DemoFixture() }

    @Test func `a good token passes`() throws {
        let verified = try verify(try fixture.token())
        #expect(verified.subject == "person-1")
    }

    @Test(
        "a token that differs in one claim is refused",
        arguments: [
            ("iss", "http://localhost:8080/", "claim-invalid"), ("iss", "https://evil.example", "claim-invalid"),
            ("aud", "http://localhost:8083", "claim-invalid"), ("aud", "demo", "claim-invalid"),
            ("sub", nil, "claim-missing"), ("client_id", nil, "claim-missing"), ("jti", nil, "claim-missing"),
            ("iss", nil, "claim-missing"), ("aud", nil, "claim-missing"), ("exp", nil, "claim-missing"),
        ] as [(String, String?, String)]
    )
    func differentClaim(name: String, value: String?, code: String) throws {
        let token = try fixture.token { $0[name] = value.map { .string($0) } }
        let refusal = try #require(throws: BearerRefusal.self) { try verify(token) }
        #expect(refusal.status == 401)
        #expect(refusal.challenge(realm: "r")?.contains("error=\"invalid_token\"") == true)
        #expect(refusal.detail.contains(code), "\(refusal.detail)")
    }

    @Test func `an expired token is refused, a token in its last second passes`() throws {
        let seconds = DemoFixture.now.secondsSinceEpoch
        let refusal = #expect(throws: BearerRefusal.self) {
            try verify(try fixture.token { $0["exp"] = .integer(seconds - 5) })
        }
        #expect(refusal?.description == "The access token has expired.")
        #expect(throws: Never.self) { try verify(try fixture.token { $0["exp"] = .integer(seconds - 4) }) }
    }

    @Test(
        "FIELD F22, GHSA-7fpj-9hr8-28vh: a token of another type is no access token",
        arguments: ["JWT", "jwt", "logout+jwt", "dpop+jwt"]
    )
    func wrongType(type: String) throws {
        let refusal = #expect(throws: BearerRefusal.self) { try verify(try fixture.token(type: type)) }
        #expect(refusal?.detail.contains("type-invalid") == true)
    }

    @Test(
        "the twin: the type is compared without case and with its prefix",
        arguments: ["AT+JWT", "application/at+jwt"]
    )
    func rightType(type: String) throws {
        #expect(throws: Never.self) { try verify(try fixture.token(type: type)) }
    }

    @Test func `FIELD F20: a token that says alg none is refused`() throws {
        let parts = try fixture.token().split(separator: ".")
        let header: JSONObject = ["alg": "none", "typ": "at+jwt", "kid": "key-1"]
        let unsigned = "\(Base64URL.encode(header.serialized())).\(parts[1])."
        #expect(throws: BearerRefusal.self) { try verify(unsigned) }
    }

    @Test func `FIELD F20, CVE-2026-11800: a token signed with the public key as a secret is refused`() throws {
        let secret = fixture.key.publicJWK.members.serialized()
        let jwk = try JWK(["kty": "oct", "kid": "key-1", "k": .string(Base64URL.encode(secret))])
        let forged = try JWT.signed(DemoFixture.claims, type: "at+jwt", by: SigningKey(jwk, algorithm: .hs256))
        #expect(throws: BearerRefusal.self) { try verify(forged) }
    }

    @Test func `a token signed by a key of the same name is refused`() throws {
        let other = try SigningKey.generate(.es256, keyID: "key-1")
        let forged = try JWT.signed(DemoFixture.claims, type: "at+jwt", by: other)
        let refusal = #expect(throws: BearerRefusal.self) { try verify(forged) }
        #expect(refusal?.detail.contains("signature-invalid") == true)
    }

    @Test("a token without the scope gets 403", arguments: ["openid", "orders:read-all", "orders", "", nil])
    func missingScope(scope: String?) throws {
        let token = try fixture.token { $0["scope"] = scope.map { .string($0) } }
        let refusal = #expect(throws: BearerRefusal.self) { try verify(token) }
        #expect(refusal == .insufficientScope("orders:read"))
        #expect(refusal?.status == 403)
        #expect(refusal?.challenge(realm: "r")?.hasSuffix("scope=\"orders:read\"") == true)
    }

    @Test(
        "a request without a usable header is told so (RFC 6750 §3.1)",
        arguments: [
            ([], 401, nil), (["Basic eDp5"], 401, nil), (["Bearer"], 400, "invalid_request"),
            (["Bearer "], 400, "invalid_request"), (["Bearer a b"], 400, "invalid_request"),
            (["Bearer a,b"], 400, "invalid_request"), (["Bearer x.y.z", "Bearer x.y.z"], 400, "invalid_request"),
            (["Bearer opaque"], 401, "invalid_token"), (["Bearer x.y.z"], 401, "invalid_token"),
        ] as [([String], Int, String?)]
    )
    func header(authorization: [String], status: Int, code: String?) throws {
        let refusal = try #require(throws: BearerRefusal.self) { try check.token(in: authorization) }
        #expect(refusal.status == status)
        #expect(refusal.code == code)
        // Without credentials the challenge names no error.
        #expect((refusal.challenge(realm: "r") == "Bearer realm=\"r\"") == (code == nil))
    }

    @Test("the twin: the scheme is compared without case", arguments: ["Bearer", "bearer", "BEARER"])
    func scheme(scheme: String) throws {
        let token = try fixture.token()
        #expect(throws: Never.self) { try check.token(in: ["\(scheme) \(token)"]) }
    }

    @discardableResult
    private func verify(_ token: String) throws -> VerifiedToken {
        let parsed = try check.token(in: ["Bearer \(token)"])
        return try check.verified(parsed, by: KeySet([fixture.key.verificationKey]), now: DemoFixture.now)
    }
}
