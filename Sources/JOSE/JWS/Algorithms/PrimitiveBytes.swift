// Room: the families of signature algorithms (RFC 7518 §3, RFC 8037 §3.1, RFC 9964), a folder each. This file is the
// bridge to swift-crypto, which owns the primitives: it hands over spans without copying them and takes signatures back
// as bytes. Nowhere else does the module name `Data`.

internal import Crypto
internal import CryptoExtras
internal import FoundationEssentials

extension Span where Element == UInt8 {
    /// The digest of these bytes.
    func digest<Hash: HashFunction>(by hash: Hash.Type) -> Hash.Digest {
        var hash = Hash()
        unsafe withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        return hash.finalize()
    }
}

extension SymmetricKey {
    /// A copy of the key's bytes.
    var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}

extension HMAC {
    /// The MAC over `message` from the state that holds the key.
    func code(for message: Span<UInt8>) -> MAC {
        var mac = self
        unsafe message.withUnsafeBytes { unsafe mac.update(data: $0) }
        return mac.finalize()
    }
}

extension HashedAuthenticationCode {
    /// The code, copied at once: as a sequence it would come byte by byte.
    var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

    /// Whether `other` is this code, in a time that depends on its length only.
    @inline(never)
    func isEqual(to other: Span<UInt8>) -> Bool {
        guard byteCount == other.count else { return false }
        return unsafe withUnsafeBytes { own in
            var difference: UInt8 = 0
            for index in other.indices {
                unsafe difference |= own[index] ^ other[index]
            }
            return difference == 0
        }
    }
}

// MARK: RSA

extension _RSA.Signing.PublicKey {
    func isValid<Hash: HashFunction>(
        _ signature: Span<UInt8>,
        for message: Span<UInt8>,
        hash: Hash.Type,
        padding: _RSA.Signing.Padding
    ) -> Bool {
        let signature = unsafe signature.withUnsafeBytes {
            unsafe _RSA.Signing.RSASignature(rawRepresentation: $0)
        }
        return isValidSignature(signature, for: message.digest(by: hash), padding: padding)
    }
}

extension _RSA.Signing.PrivateKey {
    func sign<Hash: HashFunction>(
        _ message: Span<UInt8>,
        hash: Hash.Type,
        padding: _RSA.Signing.Padding
    ) throws -> [UInt8] {
        [UInt8](try signature(for: message.digest(by: hash), padding: padding).rawRepresentation)
    }
}

extension _RSA.Signing.PrivateKey {
    /// Hands over the RSAPrivateKey in DER (RFC 8017 §A.1.2), and overwrites it when that is done.
    func withDER<Result>(_ use: (Span<UInt8>) throws -> Result) rethrows -> Result {
        var der = derRepresentation
        defer { der.resetBytes(in: der.startIndex..<der.endIndex) }
        return try use(der.span)
    }
}

// MARK: ECDSA

/// A signature of a NIST curve: r and s side by side.
protocol NISTSignature {
    init<D: DataProtocol>(rawRepresentation: D) throws
    var rawRepresentation: Data { get }
}

/// A public key of a NIST curve, as swift-crypto has one type for each.
protocol NISTPublicKey: Sendable {
    associatedtype Signature: NISTSignature
    init<D: ContiguousBytes>(rawRepresentation: D) throws
    var rawRepresentation: Data { get }
    func isValidSignature<D: Digest>(_ signature: Signature, for digest: D) -> Bool
}

/// A private key of a NIST curve, as swift-crypto has one type for each.
protocol NISTPrivateKey: Sendable {
    associatedtype PublicKey: NISTPublicKey
    init(compactRepresentable: Bool)
    init<D: ContiguousBytes>(rawRepresentation: D) throws
    var rawRepresentation: Data { get }
    var publicKey: PublicKey { get }
    func signature<D: Digest>(for digest: D) throws -> PublicKey.Signature
}

extension P256.Signing.ECDSASignature: NISTSignature {}
extension P384.Signing.ECDSASignature: NISTSignature {}
extension P521.Signing.ECDSASignature: NISTSignature {}
extension P256.Signing.PublicKey: NISTPublicKey {}
extension P384.Signing.PublicKey: NISTPublicKey {}
extension P521.Signing.PublicKey: NISTPublicKey {}
extension P256.Signing.PrivateKey: NISTPrivateKey {}
extension P384.Signing.PrivateKey: NISTPrivateKey {}
extension P521.Signing.PrivateKey: NISTPrivateKey {}

extension NISTPublicKey {
    /// x and y side by side, in their full size.
    var point: [UInt8] { [UInt8](rawRepresentation) }

    func isValid<Hash: HashFunction>(
        _ signature: Span<UInt8>,
        for message: Span<UInt8>,
        hash: Hash.Type
    ) -> Bool {
        guard let signature = unsafe signature.withUnsafeBytes({ unsafe try? Signature(rawRepresentation: $0) }) else {
            return false
        }
        return isValidSignature(signature, for: message.digest(by: hash))
    }
}

extension NISTPrivateKey {
    /// The private number, in its full size.
    var secret: [UInt8] { [UInt8](rawRepresentation) }

    func sign<Hash: HashFunction>(_ message: Span<UInt8>, hash: Hash.Type) throws -> [UInt8] {
        [UInt8](try signature(for: message.digest(by: hash)).rawRepresentation)
    }
}

// MARK: Ed25519

extension Curve25519.Signing.PublicKey {
    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        unsafe signature.withUnsafeBytes { signature in
            unsafe message.withUnsafeBytes { unsafe isValidSignature(signature, for: $0) }
        }
    }
}

extension Curve25519.Signing.PrivateKey {
    func sign(_ message: Span<UInt8>) throws -> [UInt8] {
        [UInt8](try unsafe message.withUnsafeBytes { unsafe try signature(for: $0) })
    }
}

// MARK: ML-DSA

/// A public key of an ML-DSA parameter set, as swift-crypto has one type for each.
protocol LatticePublicKey: Sendable {
    init<D: DataProtocol>(rawRepresentation: D) throws
    var rawRepresentation: Data { get }
    func isValidSignature<S: DataProtocol, D: DataProtocol>(_ signature: S, for data: D) -> Bool
}

/// A private key of an ML-DSA parameter set, as swift-crypto has one type for each.
protocol LatticePrivateKey: Sendable {
    associatedtype PublicKey: LatticePublicKey
    init() throws
    init<D: DataProtocol>(seedRepresentation: D, publicKey: PublicKey?) throws
    var seedRepresentation: Data { get }
    var publicKey: PublicKey { get }
    func signature<D: DataProtocol>(for data: D) throws -> Data
}

extension MLDSA65.PublicKey: LatticePublicKey {}
extension MLDSA87.PublicKey: LatticePublicKey {}
extension MLDSA65.PrivateKey: LatticePrivateKey {}
extension MLDSA87.PrivateKey: LatticePrivateKey {}

extension LatticePublicKey {
    var bytes: [UInt8] { [UInt8](rawRepresentation) }

    func isValid(_ signature: Span<UInt8>, for message: Span<UInt8>) -> Bool {
        unsafe signature.withUnsafeBytes { signature in
            unsafe message.withUnsafeBytes { unsafe isValidSignature(signature, for: $0) }
        }
    }
}

extension LatticePrivateKey {
    var seed: [UInt8] { [UInt8](seedRepresentation) }

    func sign(_ message: Span<UInt8>) throws -> [UInt8] {
        [UInt8](try unsafe message.withUnsafeBytes { unsafe try signature(for: $0) })
    }
}
