internal import Crypto
internal import CryptoExtras
internal import Foundation

/// swift-crypto on the same bytes, with everything around it left out: the signature is decoded beforehand, nothing is
/// parsed, no claim is looked at, signing does not encode.
///
/// The keyed state of an HMAC is made once.
struct RawContender: Contender {
    func operations(for algorithm: String, with material: Material) throws -> Operations? {
        switch algorithm {
        case "HS256": try hmac(SHA256.self, material)
        case "HS384": try hmac(SHA384.self, material)
        case "HS512": try hmac(SHA512.self, material)
        case "RS256": try rsa(SHA256.self, .insecurePKCS1v1_5, material)
        case "RS384": try rsa(SHA384.self, .insecurePKCS1v1_5, material)
        case "RS512": try rsa(SHA512.self, .insecurePKCS1v1_5, material)
        case "PS256": try rsa(SHA256.self, .PSS, material)
        case "PS384": try rsa(SHA384.self, .PSS, material)
        case "PS512": try rsa(SHA512.self, .PSS, material)
        case "ES256": try p256(material)
        case "ES384": try p384(material)
        case "ES512": try p521(material)
        case "EdDSA": try ed25519(material)
        case "ML-DSA-65": try mldsa65(material)
        default: nil
        }
    }

    /// The operations from the primitive's two, over the signature and the message that `material` has.
    private func operations(
        _ material: Material,
        isValid: @escaping (_ token: String) -> () throws -> Bool,
        sign: @escaping (_ message: [UInt8]) throws -> [UInt8]
    ) throws -> Operations {
        let message = try material.goodParts().message
        return Operations(
            verify: { token in
                let isValid = isValid(token)
                return .synchronous {
                    guard try isValid() else { throw Refused() }
                    return 1
                }
            },
            sign: .synchronous { try sign(message).count },
            signedToken: {
                let signature = Data(try sign(message)).base64EncodedString()
                return String(decoding: message, as: UTF8.self) + "."
                    + signature.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
        )
    }

    private func hmac<H: HashFunction>(_: H.Type, _ material: Material) throws -> Operations {
        let keyed = HMAC<H>(key: SymmetricKey(data: try material.bytes("secret")))
        return try operations(
            material,
            isValid: { token in
                let (message, code) = material.parts(of: token)
                return {
                    var mac = keyed
                    mac.update(data: message)
                    return mac.finalize() == code
                }
            },
            sign: { message in
                var mac = keyed
                mac.update(data: message)
                return Array(mac.finalize())
            }
        )
    }

    private func rsa<H: HashFunction>(
        _: H.Type,
        _ padding: _RSA.Signing.Padding,
        _ material: Material
    ) throws -> Operations {
        let privateKey = try _RSA.Signing.PrivateKey(pemRepresentation: material.text("private.pem"))
        let publicKey = try _RSA.Signing.PublicKey(pemRepresentation: material.text("public.pem"))
        return try operations(
            material,
            isValid: { token in
                let (message, bytes) = material.parts(of: token)
                let signature = _RSA.Signing.RSASignature(rawRepresentation: bytes)
                return { publicKey.isValidSignature(signature, for: H.hash(data: message), padding: padding) }
            },
            sign: { message in
                Array(try privateKey.signature(for: H.hash(data: message), padding: padding).rawRepresentation)
            }
        )
    }

    private func p256(_ material: Material) throws -> Operations {
        let privateKey = try P256.Signing.PrivateKey(pemRepresentation: material.text("private.pem"))
        let publicKey = privateKey.publicKey
        return try operations(
            material,
            isValid: { token in
                let (message, bytes) = material.parts(of: token)
                return {
                    publicKey.isValidSignature(try P256.Signing.ECDSASignature(rawRepresentation: bytes), for: message)
                }
            },
            sign: { message in Array(try privateKey.signature(for: message).rawRepresentation) }
        )
    }

    private func p384(_ material: Material) throws -> Operations {
        let privateKey = try P384.Signing.PrivateKey(pemRepresentation: material.text("private.pem"))
        let publicKey = privateKey.publicKey
        return try operations(
            material,
            isValid: { token in
                let (message, bytes) = material.parts(of: token)
                return {
                    publicKey.isValidSignature(try P384.Signing.ECDSASignature(rawRepresentation: bytes), for: message)
                }
            },
            sign: { message in Array(try privateKey.signature(for: message).rawRepresentation) }
        )
    }

    private func p521(_ material: Material) throws -> Operations {
        let privateKey = try P521.Signing.PrivateKey(pemRepresentation: material.text("private.pem"))
        let publicKey = privateKey.publicKey
        return try operations(
            material,
            isValid: { token in
                let (message, bytes) = material.parts(of: token)
                return {
                    publicKey.isValidSignature(try P521.Signing.ECDSASignature(rawRepresentation: bytes), for: message)
                }
            },
            sign: { message in Array(try privateKey.signature(for: message).rawRepresentation) }
        )
    }

    private func ed25519(_ material: Material) throws -> Operations {
        let privateKey = try Curve25519.Signing.PrivateKey(rawRepresentation: material.jwkMember("d"))
        let publicKey = privateKey.publicKey
        return try operations(
            material,
            isValid: { token in
                let (message, signature) = material.parts(of: token)
                return { publicKey.isValidSignature(signature, for: message) }
            },
            sign: { message in Array(try privateKey.signature(for: message)) }
        )
    }

    private func mldsa65(_ material: Material) throws -> Operations {
        let privateKey = try MLDSA65.PrivateKey(seedRepresentation: material.jwkMember("priv"), publicKey: nil)
        let publicKey = privateKey.publicKey
        return try operations(
            material,
            isValid: { token in
                let (message, signature) = material.parts(of: token)
                return { publicKey.isValidSignature(signature, for: message) }
            },
            sign: { message in Array(try privateKey.signature(for: message)) }
        )
    }

    private struct Refused: Error {}
}
