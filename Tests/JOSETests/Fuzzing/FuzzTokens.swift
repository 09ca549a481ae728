import Instants
import JOSE

/// Signed tokens under fixed keys, those of RFC 7515 A.1 and A.3, RFC 8037 A and OIDC Core §6.1.
enum FuzzTokens {
    static let hmacJWK: JSONObject = [
        "kty": "oct", "kid": "h",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    ]

    private static let publicJWKs: [JSONObject] = [
        [
            "kty": "EC", "crv": "P-256", "kid": "e", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        ],
        ["kty": "OKP", "crv": "Ed25519", "kid": "o", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"],
        [
            "kty": "RSA", "kid": "k2bdc", "e": "AQAB",
            "n": """
            y9Lqv4fCp6Ei-u2-ZCKq83YvbFEk6JMs_pSj76eMkddWRuWX2aBKGHAtKlE5P7_vn__PCKZWePt3vGkB6ePgzAFu08NmKemwE5bQI0e6kIC\
            htt_6KzT5OaaXDFI6qCLJmk51Cc4VYFaxgqevMncYrzaW_50mZ1yGSFIQzLYP8bijAHGVjdEFgZaZEN9lsn_GdWLaJpHrB3ROlS50E45wxr\
            lg9xMncVb8qDPuXZarvghLL0HzOuYRadBJVoWZowDNTpKpk2RklZ7QaBO7XDv3uR7s_sf2g-bAjSYxYUGsqkNA9b3xVW53am_UZZ3tZbFTI\
            h557JICWKHlWj5uzeJXaw
            """,
        ],
    ]

    static let algorithms: [SignatureAlgorithm] = [.hs256, .es256, .edDSA, .rs256]

    /// The payloads that were signed with these keys where they were published, and by those who used them again.
    static let signedPayloads: [[UInt8]] = [
        "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
        "Example of Ed25519 signing",
        "$.02", "This is the payload string!",
    ].map { Array($0.utf8) }

    static let keys = Result {
        KeySet(try ([hmacJWK] + publicJWKs).map { try VerificationKey(JWK($0)) })
    }

    static let hmacKey = Result { try SigningKey(JWK(hmacJWK)) }

    /// A token verifies only if its header and payload are those that were signed, whatever its text.
    static func token(_ input: [UInt8]) throws {
        let text = String(decoding: input, as: UTF8.self)
        let keys = try keys.get()
        let token = try? UnverifiedToken(text)
        guard let jws = try? UnverifiedJWS(text) else {
            return try Violation.unless(token == nil, "a token is a JWS")
        }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        try Violation.unless(parts.count == 3, "a compact JWS has three parts")
        let header = try JSONObject(parsing: Base64URL.decode(String(parts[0])))
        try Violation.unless(header == jws.header, "the header is the first part")
        try Violation.unless(Base64URL.encode(jws.unverifiedPayload) == parts[1], "the payload is the second part")
        if let token {
            let claims = try JSONObject(parsing: jws.unverifiedPayload)
            try Violation.unless(claims == token.unverifiedClaims, "the claims are the payload")
        }
        guard let verified = try? jws.verified(by: keys, algorithms: algorithms) else { return }
        try Violation.unless(verified.payload == jws.unverifiedPayload, "what is verified is what was parsed")
        let isSigned = signedPayloads.contains(verified.payload) || verified.keyID == "k2bdc"
        try Violation.unless(isSigned, "only what was signed verifies")
        try Violation.unless(verified.header["crit"] == nil, "crit is not understood")
        if verified.algorithm == .hs256 {
            let signature = try hmacKey.get().sign(Array("\(parts[0]).\(parts[1])".utf8))
            try Violation.unless(Base64URL.encode(signature) == parts[2], "one text of a MAC verifies")
        }
    }

    private static let now = Instant(secondsSinceEpoch: 1_800_000_000)

    private static let expectations = Expectations(
        issuer: .exactly("https://issuer.example"),
        audience: .exactly("https://api.example"),
        type: .exactly("at+jwt"),
        algorithms: [.hs256],
        now: now,
        maximumAge: .seconds(3600),
        requiredClaims: ["sub"]
    )

    /// A header, a zero byte and a payload, signed as they are: what verifies has everything that is expected of it.
    static func claims(_ input: [UInt8]) throws {
        let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return }
        let signingInput = Base64URL.encode(parts[0]) + "." + Base64URL.encode(parts[1])
        let token = signingInput + "." + Base64URL.encode(try hmacKey.get().sign(Array(signingInput.utf8)))
        guard let parsed = try? UnverifiedToken(token),
            let verified = try? parsed.verified(by: keys.get(), expecting: expectations)
        else { return }
        let header = try JSONObject(parsing: Array(parts[0]))
        let claims = try JSONObject(parsing: Array(parts[1]))
        try Violation.unless(verified.header == header && verified.claims == claims, "what was signed comes out")
        try Violation.unless(header["alg"] == "HS256", "the key decides the algorithm")
        try Violation.unless(header["kid"] == nil || header["kid"] == "h", "the key is the one that is named")
        try Violation.unless(header["crit"] == nil, "crit is not understood")
        let type = header["typ"]?.stringValue?.lowercased()
        try Violation.unless(type == "at+jwt" || type == "application/at+jwt", "the type is the expected one")
        try Violation.unless(claims["iss"] == "https://issuer.example", "the issuer is the expected one")
        let audience = claims["aud"]?.arrayValue ?? [claims["aud"] ?? .null]
        try Violation.unless(audience.contains("https://api.example"), "the audience is among them")
        try Violation.unless(audience.allSatisfy { $0.stringValue != nil }, "audiences are texts")
        try Violation.unless(claims["sub"]?.stringValue != nil, "the subject is required")
        let (expiry, issued) = (seconds(claims["exp"]), seconds(claims["iat"]))
        try Violation.unless(expiry.map { $0 > 1_800_000_000 } == true, "it has not expired")
        try Violation.unless(issued.map { $0 <= 1_800_000_000 && $0 >= 1_799_996_400 } == true, "it is not too old")
        try Violation.unless(claims["nbf"] == nil || seconds(claims["nbf"]).map { $0 <= 1_800_000_000 } == true, "nbf")
    }

    /// A date of a token; a fraction of a millisecond is cut off.
    private static func seconds(_ value: JSON?) -> Double? {
        switch value {
        case .integer(let seconds): Double(seconds)
        case .number(let seconds): (seconds * 1000).rounded(.towardZero) / 1000
        default: nil
        }
    }
}
