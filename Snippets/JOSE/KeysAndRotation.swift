// The code of the guide "Keys and rotation", in its order. It runs from top to bottom: what is hidden checks what the
// guide says.

import JOSE

// snippet.hide
let now = Instant(secondsSinceEpoch: 1_800_000_000)
let expectations = Expectations(
    issuer: .exactly("https://id.example"),
    audience: .unchecked,
    type: .exactly("JWT"),
    algorithms: [.es256],
    now: now
)
let claims = RegisteredClaims(issuer: "https://id.example", expiresAt: now + .seconds(300)).members
// snippet.show

// snippet.generate
let current = try SigningKey.generate(.es256)
// snippet.end
// snippet.hide
precondition(current.keyID == current.publicJWK.thumbprint())
// snippet.show

// snippet.publish
/// The JWK Set to publish: public halves only.
func jwks(_ keys: [SigningKey]) -> [UInt8] {
    let entries = keys.map { JSON.object($0.publicJWK.members) }
    let set: JSONObject = ["keys": .array(entries)]
    return set.serialized()
}
// snippet.end
// snippet.hide
precondition(!String(decoding: jwks([current]), as: UTF8.self).contains("\"d\""))
// snippet.show

// snippet.rotate
/// An issuer's keys: only `current` signs, all of them are published.
struct IssuerKeyRing {
    var next: SigningKey?
    var current: SigningKey
    var retired: [SigningKey] = []

    var published: [SigningKey] { [next, current].compactMap(\.self) + retired }

    /// Step 1: the new key is published, and nothing is signed with it yet.
    mutating func announce(_ key: SigningKey) {
        next = key
    }

    /// Step 2, when every copy of the old set is out of date: the new key signs.
    mutating func activate() {
        guard let key = next else { return }
        retired.append(current)
        current = key
        next = nil
    }

    /// Step 3, when the last token that it signed has expired: the old key goes.
    mutating func remove(_ keyID: String) {
        retired.removeAll { $0.keyID == keyID }
    }
}
// snippet.end
// snippet.hide
var ring = IssuerKeyRing(current: current)
let old = try JWT.signed(claims, type: "JWT", by: ring.current)
let replacement = try SigningKey.generate(.es256)
ring.announce(replacement)
let announced = try KeySet(parsing: jwks(ring.published))
precondition(announced.keys.count == 2 && ring.current.keyID == current.keyID)
ring.activate()
precondition(ring.current.keyID == replacement.keyID)
let new = try JWT.signed(claims, type: "JWT", by: ring.current)
// A reader with the set of step 1 verifies the tokens of step 2, and one with the set of step 2 those of step 1.
_ = try UnverifiedToken(new).verified(by: announced, expecting: expectations)
_ = try UnverifiedToken(old).verified(by: KeySet(parsing: jwks(ring.published)), expecting: expectations)
ring.remove(current.keyID)
do {
    _ = try UnverifiedToken(old).verified(by: KeySet(parsing: jwks(ring.published)), expecting: expectations)
    preconditionFailure("a removed key verified")
} catch {
    precondition(error.code == .keyUnknown)
}
// snippet.show

// snippet.thumbprint
let name = current.publicJWK.thumbprint()
let uri = current.publicJWK.thumbprintURI()
// snippet.end
// snippet.hide
precondition(uri == "urn:ietf:params:oauth:jwk-thumbprint:sha-256:" + name && name.utf8.count == 43)
let pem = try current.privateJWK.pem()
// snippet.show

// snippet.import
// PEM says nothing about algorithm and `kid`: the caller names the one,
// the thumbprint is the other.
let imported = try SigningKey(JWK(pem: pem), algorithm: .es256)
// snippet.end
// snippet.hide
precondition(imported.keyID == current.keyID)
// snippet.show

// snippet.export
// For a peer that wants PEM: the public half, `-----BEGIN PUBLIC KEY-----`.
let publicPEM = try imported.publicJWK.pem()
// snippet.end
// snippet.hide
precondition(publicPEM.hasPrefix("-----BEGIN PUBLIC KEY-----\n"))
// snippet.show

// snippet.store
// The whole key as bytes, to be encrypted before they are written anywhere.
let secret = imported.privateJWK.members.serialized()
let restored = try SigningKey(JWK(parsing: secret))
// snippet.end
// snippet.hide
precondition(restored.keyID == current.keyID && restored.algorithm == .es256)
precondition(!"\(restored) \(restored.privateJWK)".contains(imported.privateJWK.members["d"]?.stringValue ?? "\""))
// snippet.show

// snippet.ambiguous
let twins = KeySet([
    try SigningKey.generate(.es256, keyID: "2026").verificationKey,
    try SigningKey.generate(.es256, keyID: "2026").verificationKey,
])
// A token with `kid` 2026 is refused: key-ambiguous. Neither key is tried.
// snippet.end
// snippet.hide
let vague = try JWT.signed(claims, type: "JWT", by: SigningKey.generate(.es256, keyID: "2026"))
do {
    _ = try UnverifiedToken(vague).verified(by: twins, expecting: expectations)
    preconditionFailure("an ambiguous kid passed")
} catch {
    precondition(error.code == .keyAmbiguous)
}
// snippet.show
