internal import SwiftASN1

/// The numbers of an RSAPrivateKey, which swift-crypto exports in no other form than this DER (RFC 8017 §A.1.2).
enum PKCS1 {
    /// The integers of a two-prime RSAPrivateKey after its version: n, e, d, p, q, dp, dq, qi; big-endian, without
    /// leading zeros.
    ///
    /// - Throws: `malformed` if the bytes are anything else.
    static func integers(inPrivateKey der: [UInt8]) throws(JOSEError) -> [[UInt8]] {
        try asn1("the RSA private key") { try RSAPrivateKeyStructure(derEncoded: der).numbers.map(\.bytes) }
    }
}
