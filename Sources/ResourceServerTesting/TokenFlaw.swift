internal import Instants
public import JOSE

/// One thing that is wrong with a token; everything else about it is right.
///
/// The list is open: a flaw of your own is a name and a change.
public struct TokenFlaw: Sendable, CustomStringConvertible {
    /// What is wrong.
    public let description: String
    let apply: @Sendable (inout TokenDraft) throws(JOSEError) -> Void

    /// A flaw of this name.
    public init(_ name: String, _ apply: @escaping @Sendable (inout TokenDraft) throws(JOSEError) -> Void) {
        description = name
        self.apply = apply
    }

    // MARK: - Time

    /// It expired an hour ago.
    public static let expired = TokenFlaw("expired") { draft in
        draft.claims["iat"] = .integer(draft.now.secondsSinceEpoch - 7_200)
        draft.claims["exp"] = .integer(draft.now.secondsSinceEpoch - 3_600)
    }
    /// It counts from the next hour on.
    public static let notYetValid = TokenFlaw("not yet valid") { draft in
        draft.claims["nbf"] = .integer(draft.now.secondsSinceEpoch + 3_600)
        draft.claims["exp"] = .integer(draft.now.secondsSinceEpoch + 7_200)
    }
    /// It says that it was issued in an hour.
    public static let issuedInFuture = TokenFlaw("issued in the future") { draft in
        draft.claims["iat"] = .integer(draft.now.secondsSinceEpoch + 3_600)
        draft.claims["exp"] = .integer(draft.now.secondsSinceEpoch + 7_200)
    }

    // MARK: - From whom, for whom, what

    /// It names another issuer.
    public static let wrongIssuer = TokenFlaw("wrong issuer") { $0.claims["iss"] = "https://other-issuer.test" }
    /// It names the issuer with a slash behind.
    public static let issuerWithSlash = TokenFlaw("issuer with a slash") { draft in
        draft.claims["iss"] = .string((draft.claims["iss"]?.stringValue ?? "") + "/")
    }
    /// It is for another API.
    public static let wrongAudience = TokenFlaw("wrong audience") { $0.claims["aud"] = "https://other-api.test" }
    /// Its type is that of an ID token.
    public static let idToken = typed("JWT")
    /// Its type is that of a logout token (OIDC Back-Channel Logout §2.4).
    public static let logoutToken = typed("logout+jwt")
    /// Its type is that of a security event (RFC 8417 §2.3).
    public static let securityEvent = typed("secevent+jwt")
    /// Its type is that of a status list.
    public static let statusList = typed("statuslist+jwt")
    /// It has no type.
    public static let untyped = TokenFlaw("untyped") { $0.header["typ"] = nil }
    /// It is bound to a key (RFC 7800 §3), and comes without a proof.
    public static let boundToKey = TokenFlaw("bound to a key") { draft in
        draft.claims["cnf"] = ["jkt": .string(draft.foreign.publicJWK.thumbprint())]
    }

    private static func typed(_ type: String) -> TokenFlaw {
        TokenFlaw("of type \(type)") { $0.header["typ"] = .string(type) }
    }

    /// It lacks a claim.
    public static func missing(_ claim: String) -> TokenFlaw {
        TokenFlaw("without \(claim)") { $0.claims[claim] = nil }
    }

    // MARK: - Signature

    /// It is not signed, and says so.
    public static let noneAlgorithm = TokenFlaw("algorithm none") { draft in
        draft.header["alg"] = "none"
        draft.signer = nil
    }
    /// It has an empty signature.
    public static let unsigned = TokenFlaw("without a signature") { $0.signer = nil }
    /// Another key signed under the name of the issuer's.
    public static let wrongKey = TokenFlaw("signed by another key") { $0.signer = $0.foreign }
    /// It names a key that the issuer does not have.
    public static let unknownKeyID = TokenFlaw("unknown kid") { draft in
        draft.header["kid"] = "nobody"
        draft.signer = draft.foreign
    }
    /// Its signature was changed.
    public static let tamperedSignature = TokenFlaw("tampered signature") { draft in
        draft.finish = { token in
            // The first character of the signature: none of its bits is left over.
            var parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard let first = parts.last?.first else { return token }
            parts[parts.count - 1] = (first == "A" ? "B" : "A") + parts[parts.count - 1].dropFirst()
            return parts.joined(separator: ".")
        }
    }
    /// Its scope was widened after it was signed.
    public static let tamperedClaims = TokenFlaw("tampered claims") { draft in
        var wider = draft.claims
        wider["scope"] = "admin"
        let claims = Base64URL.encode(wider.serialized())
        draft.finish = { token in
            var parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            parts[1] = claims
            return parts.joined(separator: ".")
        }
    }
    /// A symmetric key signed that is the text of the issuer's public one.
    public static let symmetricWithPublicKey = TokenFlaw("HS256 with the public key") { draft throws(JOSEError) in
        let bytes = draft.published.publicJWK.members.serialized()
        let jwk = try JWK(["kty": "oct", "k": .string(Base64URL.encode(bytes)), "kid": .string(draft.published.keyID)])
        draft.signer = try SigningKey(jwk, algorithm: .hs256)
        draft.header["alg"] = "HS256"
    }
    /// It brings its own key along in the header (CVE-2018-0114).
    public static let embeddedKey = TokenFlaw("embedded jwk") { draft in
        draft.header["jwk"] = .object(draft.foreign.publicJWK.members)
        draft.signer = draft.foreign
    }
    /// It says from where to fetch its key.
    public static let keyAddress = TokenFlaw("jku") { draft in
        draft.header["jku"] = "https://attacker.test/jwks"
        draft.header["kid"] = .string(draft.foreign.keyID)
        draft.signer = draft.foreign
    }
    /// It demands an extension that nobody knows (RFC 7515 §4.1.11).
    public static let criticalExtension = TokenFlaw("unknown crit") { draft in
        draft.header["crit"] = ["urn:test:unknown"]
        draft.header["urn:test:unknown"] = true
    }

    // MARK: - Form

    /// Its last part is cut off.
    public static let truncated = TokenFlaw("truncated") { draft in
        draft.finish = { token in String(token.prefix((token.lastIndex(of: ".").map(token.distance(to:))) ?? 0)) }
    }
    /// Its claims are no JSON.
    public static let garbledClaims = TokenFlaw("claims that are no JSON") { draft in
        let signer = draft.signer
        let header = Base64URL.encode(draft.header.serialized())
        let input = header + "." + Base64URL.encode(Array("{\"iss\":".utf8))
        let signature = try? signer?.sign(Array(input.utf8))
        draft.finish = { _ in input + "." + Base64URL.encode(signature ?? []) }
    }

    /// Every flaw of this list, for a test's arguments.
    public static let all: [TokenFlaw] =
        [
            expired, notYetValid, issuedInFuture, wrongIssuer, issuerWithSlash, wrongAudience, idToken, logoutToken,
            securityEvent, statusList, untyped, boundToKey, noneAlgorithm, unsigned, wrongKey, unknownKeyID,
            tamperedSignature, tamperedClaims, symmetricWithPublicKey, embeddedKey, keyAddress, criticalExtension,
            truncated, garbledClaims,
        ] + ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "rev"].map(missing)
}

extension String {
    fileprivate func distance(to index: Index) -> Int { distance(from: startIndex, to: index) }
}
