import Foundation
import Instants
import JOSE

/// What was asked for could not be understood; the tests, not the peer, are at fault.
struct RequestError: Error {
    let reason: String
}

/// A request: `op` and its arguments.
struct Request {
    let members: JSONObject

    func text(_ name: String) throws -> String {
        guard let value = members[name]?.stringValue else { throw RequestError(reason: "no text \(name)") }
        return value
    }

    func object(_ name: String) throws -> JSONObject {
        guard let value = members[name]?.objectValue else { throw RequestError(reason: "no object \(name)") }
        return value
    }

    func jwk() throws -> JWK { try JWK(object("jwk")) }

    func signatureAlgorithm() throws -> SignatureAlgorithm {
        guard let algorithm = SignatureAlgorithm(name: try text("alg")) else {
            throw RequestError(reason: "unknown alg")
        }
        return algorithm
    }

    func result() throws -> JSON {
        switch try text("op") {
        case "algorithms": .array(SignatureAlgorithm.all.map { .string($0.name) })
        case "keyManagement": .array(KeyManagementAlgorithm.all.map { .string($0.name) })
        case "contentEncryption": .array(ContentEncryptionAlgorithm.all.map { .string($0.name) })
        case "curves": .array(KeyAgreementCurve.all.map { .string($0.name) })
        case "keygen": try generate()
        case "public": .object(try jwk().publicJWK.members)
        case "sign": try sign()
        case "verify": try verify()
        case "signJSON": try signJSON()
        case "verifyJSON": try verifyJSON()
        case "encrypt": try encrypt()
        case "decrypt": try decrypt()
        case "openNested": try openNested()
        case "thumbprint": .string(try jwk().thumbprint())
        case "thumbprintURI": .string(try jwk().thumbprintURI())
        case "toPEM": .string(try jwk().pem())
        case "fromPEM": .object(try JWK(pem: text("pem")).members)
        default: throw RequestError(reason: "unknown op")
        }
    }

    /// `alg`, and for encryption `kind` (the curve) and `enc` → a private JWK.
    private func generate() throws -> JSON {
        guard let algorithm = KeyManagementAlgorithm(name: try text("alg")) else {
            return .object(try SigningKey.generate(signatureAlgorithm()).privateJWK.members)
        }
        let key = try DecryptionKey.generate(
            algorithm,
            curve: KeyAgreementCurve(name: try text("kind")) ?? .p256,
            contentEncryption: members["enc"]?.stringValue.flatMap { ContentEncryptionAlgorithm(name: $0) }
        )
        return .object(key.privateJWK.members)
    }

    /// `jwk`, `alg`, `claims` → the token.
    private func sign() throws -> JSON {
        let key = try SigningKey(jwk(), algorithm: signatureAlgorithm())
        return .string(try JWT.signed(object("claims"), type: "JWT", by: key))
    }

    /// `jwk`, `alg`, `text` → a JWS in flattened JSON serialization.
    private func signJSON() throws -> JSON {
        let key = try SigningKey(jwk(), algorithm: signatureAlgorithm())
        return .object(try JWS.flattened(Array(text("text").utf8), by: ContentSigner(key)))
    }

    /// `jwk`, `alg`, `jws` → the payload.
    private func verifyJSON() throws -> JSON {
        let algorithm = try signatureAlgorithm()
        let keys = KeySet([try VerificationKey(jwk(), algorithm: algorithm)])
        let verified = try UnverifiedSignedContent(parsing: object("jws").serialized())
            .verified(by: keys, algorithms: [algorithm], requiring: .all)
        return .string(String(decoding: verified.payload, as: UTF8.self))
    }

    /// `jwk`, `alg`, `token`, `issuer`, `audience` → the claims.
    private func verify() throws -> JSON {
        try claims(of: UnverifiedToken(text("token")))
    }

    private func claims(of token: UnverifiedToken) throws -> JSON {
        let algorithm = try signatureAlgorithm()
        let expectations = Expectations(
            issuer: .exactly(try text("issuer")),
            audience: .exactly(try text("audience")),
            type: .exactly("JWT"),
            algorithms: [algorithm],
            now: Instant(secondsSinceEpoch: Int64(Date().timeIntervalSince1970))
        )
        let keys = KeySet([try VerificationKey(jwk(), algorithm: algorithm)])
        return .object(try token.verified(by: keys, expecting: expectations).claims)
    }
}

extension Request {
    private func keyManagement(_ name: String) throws -> KeyManagementAlgorithm {
        guard let algorithm = KeyManagementAlgorithm(name: try text(name)) else {
            throw RequestError(reason: "unknown \(name)")
        }
        return algorithm
    }

    private func contentEncryption() throws -> ContentEncryptionAlgorithm {
        guard let algorithm = ContentEncryptionAlgorithm(name: try text("enc")) else {
            throw RequestError(reason: "unknown enc")
        }
        return algorithm
    }

    /// `jwk`, `alg`, `enc`, `text` → the JWE; with `cty` JWT, the text is a signed token to be nested.
    private func encrypt() throws -> JSON {
        let key = try EncryptionKey(jwk(), algorithm: keyManagement("alg"))
        let text = try text("text")
        if members["cty"] == "JWT" {
            return .string(try JWT.encrypted(signed: text, to: key, encryption: contentEncryption()))
        }
        return .string(try JWE.encrypted(Array(text.utf8), to: key, encryption: contentEncryption()))
    }

    /// `jwk`, `alg`, `enc`, `token` → the plaintext.
    private func decrypt() throws -> JSON {
        let algorithm = try keyManagement("alg")
        let opened = try UnopenedJWE(text("token")).opened(
            by: DecryptionKeySet([DecryptionKey(jwk(), algorithm: algorithm)]),
            keyManagement: [algorithm],
            contentEncryption: [contentEncryption()]
        )
        return .string(String(decoding: opened.plaintext, as: UTF8.self))
    }

    /// `token`; `encryptionJWK`, `encryptionAlg`, `enc`; and for the signature inside what `verify` takes → the claims.
    private func openNested() throws -> JSON {
        let algorithm = try keyManagement("encryptionAlg")
        let token = try UnopenedToken(text("token")).opened(
            by: DecryptionKeySet([DecryptionKey(JWK(object("encryptionJWK")), algorithm: algorithm)]),
            keyManagement: [algorithm],
            contentEncryption: [contentEncryption()]
        )
        return try claims(of: token)
    }
}
