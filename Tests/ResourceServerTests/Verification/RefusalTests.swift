// What is refused of a token, with the code, the status and the words of each: RFC 9068 §4, RFC 6750 §3.1.

import IssuerConnection
import JOSE
import ResourceServer
import ResourceServerTesting
import Testing

@Suite("A token that is not good is refused", .timeLimit(.minutes(5)))
struct RefusalTests {
    /// A flaw, and what it is called.
    struct Case: Sendable, CustomTestStringConvertible {
        let flaw: TokenFlaw
        let code: TokenRefusal.Code
        let words: String
        var testDescription: String { flaw.description }

        init(_ flaw: TokenFlaw, _ code: TokenRefusal.Code, _ words: String = "the access token is not valid here") {
            self.flaw = flaw
            self.code = code
            self.words = words
        }
    }

    static let cases: [Case] =
        [
            Case(.expired, .tokenExpired, "the access token expired"),
            Case(.notYetValid, .tokenNotYetValid, "the access token is not valid yet"),
            Case(.issuedInFuture, .tokenNotYetValid, "the access token is not valid yet"),
            Case(.wrongIssuer, .tokenInvalid), Case(.issuerWithSlash, .tokenInvalid),
            Case(.wrongAudience, .tokenInvalid),
            Case(.idToken, .tokenInvalid), Case(.logoutToken, .tokenInvalid), Case(.securityEvent, .tokenInvalid),
            Case(.statusList, .tokenInvalid), Case(.untyped, .tokenInvalid),
            Case(.boundToKey, .tokenBound, "the access token is bound to a key"),
            Case(.noneAlgorithm, .tokenInvalid), Case(.unsigned, .tokenInvalid), Case(.wrongKey, .tokenInvalid),
            Case(.unknownKeyID, .keyUnknown), Case(.tamperedSignature, .tokenInvalid),
            Case(.tamperedClaims, .tokenInvalid),
            Case(.symmetricWithPublicKey, .tokenInvalid), Case(.embeddedKey, .tokenInvalid),
            Case(.keyAddress, .keyUnknown),
            Case(.criticalExtension, .tokenInvalid),
            Case(.truncated, .tokenInvalid), Case(.garbledClaims, .tokenMalformed, "the access token is malformed"),
        ]
        + ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "rev"].map {
            Case(.missing($0), .tokenMalformed, "the access token is malformed")
        }

    @Test(
        "RFC 9068 §4, RFC 6750 §3.1: what is wrong is refused with 401, and its twin without the flaw passes",
        arguments: cases
    )
    func refused(_ expected: Case) async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let good = try issuer.token(scope: "orders:read")
            let broken = try issuer.token(scope: "orders:read", with: expected.flaw)
            #expect(try await verifier.authorize(authorization: "Bearer \(good)").get().subject == "person-1")
            let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer \(broken)"))
            #expect(refusal.code == expected.code)
            #expect(refusal.status == 401)
            #expect(refusal.error == "invalid_token")
            #expect(refusal.errorDescription == expected.words)
            #expect(!"\(verifier.headers(for: refusal))".contains(broken))
        }
    }

    @Test("Every flaw of the kit is in the table")
    func complete() {
        #expect(Set(TokenFlaw.all.map(\.description)) == Set(Self.cases.map(\.flaw.description)))
        #expect(Self.cases.count == TokenFlaw.all.count)
    }

    @Test(
        "FIELD F22, CVE-2019-3868, GHSA-7fpj-9hr8-28vh: a token of another type is no access token",
        arguments: [TokenFlaw.idToken, .logoutToken, .securityEvent, .statusList, .untyped]
    )
    func otherTypes(_ flaw: TokenFlaw) async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(with: flaw)
            #expect(try await refusal(of: verifier.authorize(authorization: "Bearer \(token)")).code == .tokenInvalid)
            let written = TokenFlaw("the long form of the type") { $0.header["typ"] = "application/AT+JWT" }
            let twin = try issuer.token(with: written)
            #expect(try await verifier.authorize(authorization: "Bearer \(twin)").get().clientID == "client-1")
        }
    }

    @Test("FIELD F23, CVE-2024-47077: a token of another issuer is refused although the same key signed it")
    func otherIssuer() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(with: .wrongIssuer)
            #expect(try await refusal(of: verifier.authorize(authorization: "Bearer \(token)")).code == .tokenInvalid)
            #expect(throws: Never.self) { try verifier.verify(try issuer.token()) }
        }
    }

    @Test("FIELD H27, CVE-2024-49755, RFC 7800 §3: a token that is bound to a key is no bearer token")
    func bound() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(with: .boundToKey)
            #expect(await verifier.code(token) == .tokenBound)
            let opaque = issuer.opaqueToken { $0.others = ["cnf": ["jkt": "x"]] }
            #expect(await verifier.code(opaque) == .tokenBound)
            let (twin, opaqueTwin) = (try issuer.token(), issuer.opaqueToken())
            #expect(await verifier.code(twin) == nil)
            #expect(await verifier.code(opaqueTwin) == nil)
        }
    }

    @Test("An audience among several is enough; one that only looks like it is not")
    func audiences() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let several = try issuer.token { $0.audience = ["https://api.test", "https://other.test"] }
            let longer = try issuer.token { $0.audience = ["https://api.test.evil", "https://api.test/"] }
            #expect(try verifier.verify(several).audience.count == 2)
            #expect(throws: TokenRefusal.self) { try verifier.verify(longer) }
        }
    }

    @Test("A symmetric algorithm stays refused when it is configured")
    func symmetric() async throws {
        let issuer = try TestIssuer()
        var configuration = VerifierConfiguration(revocation: .feed(issuer.credentials))
        configuration.algorithms = [.hs256, .es256]
        try await issuer.withVerifier(configured: configuration) { verifier in
            let token = try issuer.token(with: .symmetricWithPublicKey)
            #expect(try await refusal(of: verifier.authorize(authorization: "Bearer \(token)")).code == .tokenInvalid)
            #expect(throws: Never.self) { try verifier.verify(try issuer.token()) }
        }
    }

    @Test("Only the configured algorithms count")
    func pinned() async throws {
        let issuer = try TestIssuer()
        let same = issuer.verifier { $0.algorithms = [.es256] }
        #expect(await same.code(try issuer.token()) == nil)
        let other = try TestIssuer(algorithm: .edDSA)
        let verifier = other.verifier { $0.algorithms = [.es256, .edDSA] }
        #expect(await verifier.code(try other.token()) == nil)
        let narrow = other.verifier { $0.algorithms = [.es256] }
        #expect(await narrow.code(try other.token()) != nil)
    }

    @Test("The leeway admits a clock that is a little off, and no more")
    func leeway() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier {
            $0 = VerifierConfiguration(revocation: .none)
            $0.leeway = .seconds(5)
        }
        await verifier.refreshKeys()
        let token = try issuer.token { $0.lifetime = .seconds(60) }
        issuer.clock.advance(by: .seconds(64))
        #expect(throws: Never.self) { try verifier.verify(token) }
        issuer.clock.advance(by: .seconds(1))
        #expect(await verifier.code(token) == .tokenExpired)
    }
}
