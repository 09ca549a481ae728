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
        case "keygen": .object(try SigningKey.generate(signatureAlgorithm()).privateJWK.members)
        case "public": .object(try jwk().publicJWK.members)
        case "sign": try sign()
        case "verify": try verify()
        case "thumbprint": .string(try jwk().thumbprint())
        default: throw RequestError(reason: "unknown op")
        }
    }

    /// `jwk`, `alg`, `claims` → the token.
    private func sign() throws -> JSON {
        let key = try SigningKey(jwk(), algorithm: signatureAlgorithm())
        return .string(try JWT.signed(object("claims"), type: "JWT", by: key))
    }

    /// `jwk`, `alg`, `token`, `issuer`, `audience` → the claims.
    private func verify() throws -> JSON {
        let algorithm = try signatureAlgorithm()
        let expectations = Expectations(
            issuer: .exactly(try text("issuer")),
            audience: .exactly(try text("audience")),
            type: .exactly("JWT"),
            algorithms: [algorithm],
            now: Instant(secondsSinceEpoch: Int64(Date().timeIntervalSince1970))
        )
        let keys = KeySet([try VerificationKey(jwk(), algorithm: algorithm)])
        return .object(try UnverifiedToken(text("token")).verified(by: keys, expecting: expectations).claims)
    }
}
