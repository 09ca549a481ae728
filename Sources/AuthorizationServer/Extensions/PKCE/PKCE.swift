// PKCE, RFC 7636: what ties a code to whoever asked for it. S256 only; `plain` is refused (OAuth 2.1 §4.1.1).
// Owns the challenge's syntax and the verification that the code grant calls. Stores nothing: the challenge is in the
// code's record.

import JOSE
import OAuthVocabulary

/// Proof Key for Code Exchange.
package struct PKCEFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.addMetadata("code_challenge_methods_supported", [.string(PKCE.method)])
    }
}

/// The decisions of RFC 7636.
package enum PKCE {
    /// The only `code_challenge_method`.
    package static let method = "S256"
    /// How long a verifier may be, in characters (RFC 7636 §4.1).
    package static let verifierLength = 43...128

    /// Whether the text is what S256 makes: 32 bytes in base64url without padding, 43 characters (RFC 7636 §4.2).
    package static func isChallenge(_ text: String) -> Bool {
        guard text.utf8.count == 43, let bytes = try? Base64URL.decode(text) else { return false }
        return bytes.count == 32
    }

    /// Whether the text has the length and the characters of a verifier: ALPHA / DIGIT / "-" / "." / "_" / "~".
    package static func isVerifier(_ text: String) -> Bool {
        verifierLength.contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || "-._~".utf8.contains(byte)
            }
    }

    /// Verifies what the token request brought against what the authorization request left with the code.
    ///
    /// Throws `invalid_grant` unless both are absent, or the verifier is the one behind the challenge.
    package static func verify(challenge: String?, verifier: String?) throws(OAuthError) {
        switch (challenge, verifier) {
        case (nil, nil): return
        case (nil, .some):
            // OAuth 2.1 §4.1.3: without this a challenge stripped on the way in goes unnoticed (CVE-2024-23647).
            throw .invalidGrant(
                "code_verifier was sent but the authorization request had no code_challenge",
                detail: "a verifier without a challenge"
            )
        case (.some, nil):
            // RFC 7636 §4.6; leaving the verifier out must not leave the check out (CVE-2023-48228).
            throw .invalidGrant("code_verifier is required for this code", detail: "a challenge without a verifier")
        case (.some(let challenge), .some(let verifier)):
            guard isVerifier(verifier) else {
                throw .invalidGrant(
                    "code_verifier must be 43 to 128 unreserved characters",
                    detail: "\(verifier.utf8.count) bytes"
                )
            }
            // RFC 7636 §4.6: "If the values are not equal, an error response indicating "invalid_grant" … MUST be
            // returned."
            guard Secret(Digest.sha256Text(verifier)) == Secret(challenge) else {
                throw .invalidGrant("code_verifier does not match the code_challenge", detail: "S256 mismatch")
            }
        }
    }
}
