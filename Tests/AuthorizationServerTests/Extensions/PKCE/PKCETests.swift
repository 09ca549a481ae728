import OAuthVocabulary
import Testing

@testable import AuthorizationServer

/// RFC 7636 §4.1 to §4.6, FIELD B7.
@Suite struct PKCETests {
    static let verifier = TestWorld.verifier
    static let challenge = TestWorld.challenge

    @Test func `The example of RFC 7636 appendix B verifies`() throws {
        try PKCE.verify(challenge: Self.challenge, verifier: Self.verifier)
    }

    @Test func `A code without a challenge needs no verifier`() throws {
        try PKCE.verify(challenge: nil, verifier: nil)
    }

    static let mismatch = "code_verifier does not match the code_challenge"
    static let syntax = "code_verifier must be 43 to 128 unreserved characters"

    @Test(
        arguments: [
            (challenge, nil, "code_verifier is required for this code"),  // CVE-2023-48228
            // CVE-2024-23647
            (nil, verifier, "code_verifier was sent but the authorization request had no code_challenge"),
            (challenge, String(verifier.dropLast()) + "A", mismatch),
            (challenge, challenge, mismatch),  // `plain` in disguise
            (challenge, verifier + "a", mismatch),
            (challenge, String(verifier.dropLast()), syntax),
            (challenge, String(repeating: "a", count: 129), syntax),
            (challenge, verifier.dropLast() + "=", syntax),
            (challenge, verifier.dropLast() + "é", syntax),
            (challenge, "", syntax),
        ] as [(String?, String?, String)]
    )
    func `Anything but the verifier behind the challenge is refused`(
        _ challenge: String?,
        _ verifier: String?,
        _ description: String
    ) {
        let error = #expect(throws: OAuthError.self) { try PKCE.verify(challenge: challenge, verifier: verifier) }
        #expect(error?.code == .invalidGrant)
        #expect(error?.description == description)
    }

    @Test func `A verifier may have 43 to 128 unreserved characters`() {
        for length in [43, 128] { #expect(PKCE.isVerifier(String(repeating: "~", count: length))) }
        for length in [42, 129] { #expect(!PKCE.isVerifier(String(repeating: "~", count: length))) }
    }

    @Test func `A challenge is 32 bytes in canonical base64url`() {
        #expect(PKCE.isChallenge(Self.challenge))
        // The last character of 43 carries four bits that count; the two others must be zero.
        #expect(!PKCE.isChallenge(Self.challenge.dropLast() + "N"))
        #expect(!PKCE.isChallenge(""))
    }
}
