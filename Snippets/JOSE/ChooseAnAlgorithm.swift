// The code of the guide "Choose an algorithm", in its order. It runs from top to bottom: what is hidden checks what the
// guide says.

import JOSE

// snippet.hide
let now = Instant(secondsSinceEpoch: 1_800_000_000)
// snippet.show

// snippet.generate
let key = try SigningKey.generate(.es256)
// snippet.end
// snippet.hide
precondition(key.algorithm == .es256 && key.publicJWK.members["alg"] == "ES256")
// snippet.show

// snippet.names
// Sign under the name that most libraries know, and accept both.
let ours = try SigningKey.generate(.edDSA)
let accepted: [SignatureAlgorithm] = [.ed25519, .edDSA, .es256]
// snippet.end
// snippet.hide
precondition(ours.algorithm.name == "EdDSA" && accepted.allSatisfy { !$0.isSymmetric })
// snippet.show

// snippet.configured
/// A list that somebody configured, read before the first token comes.
func algorithms(named names: [String]) throws -> [SignatureAlgorithm] {
    try names.map { name in
        guard let algorithm = SignatureAlgorithm(name: name),
            !algorithm.isSymmetric
        else {
            let reason = "expected a public-key algorithm, got \(name)"
            throw JOSEError(.algorithmRefused, claim: "alg", reason: reason)
        }
        return algorithm
    }
}
// snippet.end
// snippet.hide
let configured = try algorithms(named: ["ES256", "PS256"])
precondition(configured == [.es256, .ps256])
precondition((try? algorithms(named: ["HS256"])) == nil && (try? algorithms(named: ["none"])) == nil)
// snippet.show

// snippet.symmetric
// The same program writes and reads these tokens. Nobody else has the key.
let stateKey = try SigningKey.generate(.hs256)
let stateClaims = RegisteredClaims(
    issuer: "https://shop.example",
    expiresAt: now + .seconds(600)
)
let state = try JWT.signed(stateClaims.members, type: "state+jwt", by: stateKey)
let returned = try UnverifiedToken(state).verified(
    by: KeySet([stateKey.verificationKey]),
    expecting: Expectations(
        issuer: .exactly("https://shop.example"),
        audience: .unchecked,
        type: .exactly("state+jwt"),
        algorithms: [.hs256],
        now: now
    )
)
// snippet.end
// snippet.hide
precondition(returned.keyID == stateKey.keyID)
// snippet.show

// snippet.floor
let short: JSONObject = ["kty": "oct", "k": "dG9vIHNob3J0", "alg": "HS256"]
do {
    _ = try SigningKey(JWK(short))
    // snippet.hide
    preconditionFailure("a short key passed")
    // snippet.show
} catch {
    // key-invalid (k): expected 32 to 1024 bytes, got 9
    // snippet.hide
    precondition(error.description == "key-invalid (k): expected 32 to 1024 bytes, got 9")
    // snippet.show
}
// snippet.end

// snippet.nested
// The reader's key: what is encrypted to its public half only the reader opens.
let readerKey = try DecryptionKey.generate(.ecdhES, curve: .x25519)

// Sign first, then encrypt: the signature says who speaks, the encryption says
// who may read.
let claims: JSONObject = ["iss": "https://id.example", "sub": "ada"]
let signed = try JWT.signed(claims, type: "JWT", by: ours)
let sealed = try JWT.encrypted(
    signed: signed,
    to: readerKey.encryptionKey,
    encryption: .a256GCM
)

// Opening gives a token that nobody has verified yet.
let opened = try UnopenedToken(sealed).opened(
    by: DecryptionKeySet([readerKey]),
    keyManagement: [.ecdhES],
    contentEncryption: [.a256GCM]
)
let verified = try opened.verified(
    by: KeySet([ours.verificationKey]),
    expecting: Expectations(
        issuer: .exactly("https://id.example"),
        audience: .unchecked,
        type: .exactly("JWT"),
        algorithms: [.edDSA],
        now: now,
        expiry: .unchecked
    )
)
// snippet.end
// snippet.hide
precondition(verified.subject == "ada")
// snippet.show
