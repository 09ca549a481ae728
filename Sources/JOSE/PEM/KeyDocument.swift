// Room: keys as files. PEM (RFC 7468) around DER: SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 5480, RFC 8410), PKCS#8
// (RFC 5958), PKCS#1 (RFC 8017) and SEC1 (RFC 5915). Owns both directions, and the proof that the two halves of a key
// belong together; the encoding rules of DER are swift-asn1's.

internal import SwiftASN1

extension JWK {
    /// The longest DER that is read.
    ///
    /// The longest key of the table is an ML-DSA-87 private key with its expanded form, at 4.9 KB.
    static let maximumDERBytes = 16 * 1024

    /// Reads a key from PEM (RFC 7468): exactly one block, nothing but white space around it.
    ///
    /// Accepted are `PUBLIC KEY` (SubjectPublicKeyInfo), `PRIVATE KEY` (PKCS#8), `RSA PUBLIC KEY`, `RSA PRIVATE KEY`
    /// (PKCS#1) and `EC PRIVATE KEY` (SEC1), each with the contents that its label announces.
    ///
    /// - Throws: `malformed` for what is not one such block; otherwise what ``init(der:)`` throws. The reason says what to
    ///   do about a certificate or an encrypted key.
    public init(pem text: String) throws(JOSEError) {
        let document = try PEMText(text)
        let structure = try KeyStructure(der: document.der)
        // The label names the type of the contents (RFC 7468 §2): where the two disagree, one reader goes by the label and
        // the next by the bytes.
        guard structure.label == document.label else {
            throw JOSEError(
                .malformed,
                reason: "PEM: the label is \(document.label), the contents are those of a \(structure.label)"
            )
        }
        try self.init(structure)
    }

    /// Reads a key from DER: one of the structures that ``init(pem:)`` lists, told apart by their shape.
    ///
    /// The JWK has the members of the key and no `kid`. A key of id-RSASSA-PSS brings its one algorithm as `alg`, and so
    /// does one of ML-DSA; every other is free for what its type allows.
    ///
    /// - Throws: `malformed` for anything that is not DER to the last byte; `tooLarge`; `keyUnsupported` for a key of
    ///   another algorithm, curve or form, encrypted ones included; `keyInvalid` for a point that is not on its curve, a
    ///   weak RSA key, or halves that do not belong together.
    public init(der bytes: [UInt8]) throws(JOSEError) {
        try self.init(try KeyStructure(der: bytes))
    }

    /// The key in PEM: a private key as PKCS#8 `PRIVATE KEY`, a public one as `PUBLIC KEY`.
    ///
    /// A private key comes out with its secret: take ``publicJWK`` first for the public half. The members `kid`, `use`,
    /// `key_ops` and `alg` have no place in PEM and are lost.
    ///
    /// - Throws: what ``der()`` throws.
    public func pem() throws(JOSEError) -> String {
        PEMText(label: isPrivate ? KeyStructure.Label.privateKey : .publicKey, der: try der()).text
    }

    /// The key in DER: a private key as PKCS#8 (RFC 5958), a public one as SubjectPublicKeyInfo.
    ///
    /// - Throws: `keyUnsupported` for a symmetric key or an unknown curve; `keyInvalid` for a key that ``init(der:)``
    ///   would refuse.
    public func der() throws(JOSEError) -> [UInt8] {
        let key = try KeyMaterial(self)
        return try asn1("the key") {
            var serializer = DER.Serializer()
            if let secret = try key.privateKey() {
                try serializer.serialize(PrivateKeyInfo(algorithm: try key.algorithm(), privateKey: secret))
            } else {
                try serializer.serialize(
                    SubjectPublicKeyInfo(algorithm: try key.algorithm(), publicKey: try key.publicKey())
                )
            }
            return serializer.serializedBytes
        }
    }

    private init(_ structure: KeyStructure) throws(JOSEError) {
        let jwk = try JWK(try structure.members())
        self = try JWK(try KeyMaterial(jwk).members)
    }
}
