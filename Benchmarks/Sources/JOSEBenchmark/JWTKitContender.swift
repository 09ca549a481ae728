internal import Crypto
internal import Foundation
@_spi(PostQuantum) internal import JWTKit

/// jwt-kit as its manual shows it: a key collection with the key under its `kid`, and a payload that checks its claims.
///
/// A key in the collection has one algorithm, which is the allow-list.
struct JWTKitContender: Contender {
    func operations(for algorithm: String, with material: Material) async throws -> Operations? {
        let collection = JWTKeyCollection()
        let keyID = JWKIdentifier(string: material.keyID)
        guard try await add(algorithm, to: collection, as: keyID, material) else { return nil }
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        let claims = try decoder.decode(Claims.self, from: Data(material.bytes("claims")))
        var header = JWTHeader()
        header.typ = Material.type
        let typed = header
        return Operations(
            verify: { token in
                .asynchronous { try await collection.verify(token, as: Claims.self).subject.value.utf8.count }
            },
            sign: .asynchronous { try await collection.sign(claims, kid: keyID, header: typed).utf8.count },
            signedToken: { try await collection.sign(claims, kid: keyID, header: typed) }
        )
    }

    private func add(
        _ algorithm: String,
        to collection: JWTKeyCollection,
        as keyID: JWKIdentifier,
        _ material: Material
    ) async throws -> Bool {
        let digests: [String: DigestAlgorithm] = ["256": .sha256, "384": .sha384, "512": .sha512]
        let digest = digests[String(algorithm.dropFirst(2)), default: .sha256]
        switch algorithm {
        case "HS256", "HS384", "HS512":
            let key = HMACKey(from: try material.bytes("secret"))
            await collection.add(hmac: key, digestAlgorithm: digest, kid: keyID)
        case "RS256", "RS384", "RS512":
            let key = try Insecure.RSA.PrivateKey(pem: material.text("private.pem"))
            await collection.add(rsa: key, digestAlgorithm: digest, kid: keyID)
        case "PS256", "PS384", "PS512":
            let key = try Insecure.RSA.PrivateKey(pem: material.text("private.pem"))
            await collection.add(pss: key, digestAlgorithm: digest, kid: keyID)
        case "ES256":
            await collection.add(ecdsa: try ES256PrivateKey(pem: material.text("private.pem")), kid: keyID)
        case "ES384":
            await collection.add(ecdsa: try ES384PrivateKey(pem: material.text("private.pem")), kid: keyID)
        case "ES512":
            await collection.add(ecdsa: try ES512PrivateKey(pem: material.text("private.pem")), kid: keyID)
        case "EdDSA":
            let key = try Curve25519.Signing.PrivateKey(rawRepresentation: material.jwkMember("d"))
            await collection.add(eddsa: EdDSA.PrivateKey(backing: key), kid: keyID)
        case "ML-DSA-65":
            let key = try MLDSA65PrivateKey(seedRepresentation: material.jwkMember("priv"))
            await collection.add(mldsa: key, kid: keyID)
        default:
            return false
        }
        return true
    }

    private struct Claims: JWTPayload {
        let issuer: IssuerClaim
        let subject: SubjectClaim
        let audience: AudienceClaim
        let expiration: ExpirationClaim
        let issuedAt: IssuedAtClaim
        let tokenID: IDClaim
        let clientID: String
        let scope: String
        let authenticatedAt: Int
        let authenticationClass: String

        enum CodingKeys: String, CodingKey {
            case issuer = "iss"
            case subject = "sub"
            case audience = "aud"
            case expiration = "exp"
            case issuedAt = "iat"
            case tokenID = "jti"
            case clientID = "client_id"
            case scope
            case authenticatedAt = "auth_time"
            case authenticationClass = "acr"
        }

        func verify(using _: some JWTAlgorithm) throws {
            guard issuer.value == Material.issuer else {
                throw JWTError.claimVerificationFailure(failedClaim: issuer, reason: "another issuer")
            }
            try audience.verifyIntendedAudience(includes: Material.audience)
            try expiration.verifyNotExpired()
        }
    }
}
