// What a refusal says on the wire: RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1.

import JOSE
import Testing

@testable import ResourceServer

@Suite("A challenge says what is needed and repeats nothing")
struct ChallengeTests {
    static let codes: [TokenRefusal.Code] = [
        .tokenMissing, .requestMalformed, .tokenMalformed, .tokenInvalid, .keyUnknown, .tokenExpired, .tokenNotYetValid,
        .tokenRevoked, .tokenBound, .scopeInsufficient, .claimInsufficient, .authenticationInsufficient,
        .keysUnavailable, .revocationStale, .introspectionNeeded, .introspectionUnavailable,
    ]

    @Test("RFC 6750 §3: error and description keep to their characters", arguments: codes)
    func characters(_ code: TokenRefusal.Code) {
        let refusal = TokenRefusal(code)
        for text in [refusal.error, refusal.errorDescription].compactMap(\.self) {
            #expect(text.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
            #expect(!text.isEmpty)
        }
        #expect((refusal.error == nil) == (refusal.errorDescription == nil))
    }

    @Test("Whose fault it is decides the status: 503 has no challenge and says when to come again", arguments: codes)
    func statuses(_ code: TokenRefusal.Code) {
        let refusal = TokenRefusal(code)
        #expect([400, 401, 403, 503].contains(refusal.status))
        #expect((refusal.challenge() == nil) == (refusal.status == 503))
        #expect((refusal.retryAfter != nil) == (refusal.status == 503))
        let names = refusal.headers().map(\.name)
        #expect(names.contains("Cache-Control"))
        #expect(names.contains("WWW-Authenticate") != names.contains("Retry-After"))
    }

    @Test("RFC 6750 §3.1: a scope that lacks is a 403 that names it")
    func scope() {
        var refusal = TokenRefusal(.scopeInsufficient)
        refusal.scope = ["orders:read", "orders:write"]
        #expect(refusal.status == 403)
        let expected =
            #"Bearer error="insufficient_scope", error_description="the access token lacks a scope", "#
            + #"scope="orders:read orders:write""#
        #expect(refusal.challenge() == expected)
    }

    @Test("RFC 9470 §3: a step-up names the contexts and the age")
    func stepUp() {
        var refusal = TokenRefusal(.authenticationInsufficient)
        refusal.acrValues = ["urn:mfa", "urn:passkey"]
        refusal.maximumAge = .seconds(300)
        #expect(refusal.status == 401)
        let expected =
            #"Bearer error="insufficient_user_authentication", "#
            + #"error_description="another authentication of the person is needed", "#
            + #"acr_values="urn:mfa urn:passkey", max_age="300""#
        #expect(refusal.challenge() == expected)
    }

    @Test("RFC 9728 §5.1: the address of the metadata")
    func metadata() {
        let challenge = TokenRefusal(.tokenMissing).challenge(resourceMetadata: "https://a.test/.well-known/x")
        #expect(challenge == #"Bearer resource_metadata="https://a.test/.well-known/x""#)
    }

    @Test("RFC 6750 §3: a challenge has a parameter even where there is nothing to say")
    func never() {
        #expect(TokenRefusal(.tokenMissing).challenge() == #"Bearer realm="resource""#)
    }

    @Test(
        "What a caller puts into a challenge cannot end it or begin another header",
        arguments: [
            (#"a"b"#, #""a\"b""#), (#"a\"#, #""a\\""#), ("a\r\nSet-Cookie: x", #""a??Set-Cookie: x""#),
            ("a\u{0}b", #""a?b""#), ("ä", #""?""#), ("plain", #""plain""#),
        ]
    )
    func quoting(_ text: String, _ expected: String) {
        #expect(TokenRefusal.quotedString(text) == expected)
    }

    @Test("A scope that is none does not get into the challenge")
    func scopeCharacters() {
        var refusal = TokenRefusal(.scopeInsufficient)
        refusal.scope = ["a\" realm=\"b", "orders:read"]
        #expect(refusal.challenge()?.contains(#"scope="orders:read""#) == true)
    }

    @Test("What the verifier found is for the log only")
    func detail() {
        let refusal = TokenRefusal(JOSEError(.claimInvalid, claim: "iss", reason: "expected 'a', got 'b'"))
        #expect(refusal.description.contains("got 'b'"))
        #expect(refusal.headers().allSatisfy { !$0.value.contains("got") })
    }
}
