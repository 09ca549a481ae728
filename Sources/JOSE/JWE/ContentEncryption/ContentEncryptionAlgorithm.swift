// Room: content encryption of JWE (RFC 7518 §5): authenticated encryption of the plaintext and of the header beside it.
// Owns the table of algorithms and one file for each family of primitives: AES-GCM, AES-CBC with HMAC.

internal import Crypto

/// A content encryption algorithm by its registered name (RFC 7518 §5.1).
public struct ContentEncryptionAlgorithm: Sendable, CustomStringConvertible {
    /// The `enc` value.
    public let name: String
    /// How long the content encryption key is.
    let keyBytes: Int
    private let family: ContentEncryptionFamily

    private init(_ name: String, _ family: ContentEncryptionFamily, keyBytes: Int) {
        self.name = name
        self.family = family
        self.keyBytes = keyBytes
    }

    /// AES-GCM with a 128-bit key (RFC 7518 §5.3).
    public static let a128GCM = ContentEncryptionAlgorithm("A128GCM", .gcm, keyBytes: 16)
    /// AES-GCM with a 256-bit key (RFC 7518 §5.3).
    public static let a256GCM = ContentEncryptionAlgorithm("A256GCM", .gcm, keyBytes: 32)
    /// AES-CBC with a 128-bit key and HMAC-SHA-256 cut to 128 bits (RFC 7518 §5.2.3).
    public static let a128CBCHS256 = ContentEncryptionAlgorithm("A128CBC-HS256", .cbcHMAC(.sha256), keyBytes: 32)
    /// AES-CBC with a 256-bit key and HMAC-SHA-512 cut to 256 bits (RFC 7518 §5.2.5).
    public static let a256CBCHS512 = ContentEncryptionAlgorithm("A256CBC-HS512", .cbcHMAC(.sha512), keyBytes: 64)

    /// The table: every algorithm that this module encrypts and decrypts with.
    public static let all: [ContentEncryptionAlgorithm] = [a128GCM, a256GCM, a128CBCHS256, a256CBCHS512]

    /// The algorithm of this registered name, if it is in the table.
    ///
    /// Names are case-sensitive (RFC 7516 §4.1.2).
    public init?(name: String) {
        guard let row = Self.all.first(where: { isSameText($0.name, name) }) else { return nil }
        self = row
    }

    /// The registered name.
    public var description: String { name }
}

extension ContentEncryptionAlgorithm: Hashable {
    /// Whether both have the same name.
    public static func == (left: ContentEncryptionAlgorithm, right: ContentEncryptionAlgorithm) -> Bool {
        left.name == right.name
    }

    /// Feeds the name to the hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

/// The primitives behind the table; one file a family.
private enum ContentEncryptionFamily: Sendable {
    case gcm
    case cbcHMAC(AESCBCHMAC.Hash)
}

/// Encrypted content with what it takes to open it, the key apart.
package struct SealedContent: Hashable, Sendable {
    package var initializationVector: [UInt8]
    package var ciphertext: [UInt8]
    package var tag: [UInt8]

    package init(initializationVector: [UInt8], ciphertext: [UInt8], tag: [UInt8]) {
        self.initializationVector = initializationVector
        self.ciphertext = ciphertext
        self.tag = tag
    }
}

extension ContentEncryptionAlgorithm {
    /// A new content encryption key.
    ///
    /// RFC 7516 §5.1 asks for a random one for each message.
    func newKey() -> SymmetricKey {
        SymmetricKey(size: SymmetricKeySize(bitCount: keyBytes * 8))
    }

    private var initializationVectorBytes: Int {
        switch family {
        case .gcm: AESGCM.initializationVectorBytes
        case .cbcHMAC: AESCBCHMAC.initializationVectorBytes
        }
    }

    /// Encrypts under a new initialization vector.
    func seal(_ plaintext: [UInt8], with key: SymmetricKey, authenticating data: [UInt8]) throws(JOSEError)
        -> SealedContent
    {
        // swift-crypto's source of random bytes is the one behind its keys.
        let vector = SymmetricKey(size: SymmetricKeySize(bitCount: initializationVectorBytes * 8)).bytes
        return try seal(plaintext, with: key, initializationVector: vector, authenticating: data)
    }

    private func seal(
        _ plaintext: [UInt8],
        with key: SymmetricKey,
        initializationVector vector: [UInt8],
        authenticating data: [UInt8]
    ) throws(JOSEError) -> SealedContent {
        let sealed =
            switch family {
            case .gcm:
                AESGCM.seal(plaintext, with: key, initializationVector: vector, authenticating: data)
            case .cbcHMAC(let hash):
                AESCBCHMAC(hash).seal(plaintext, with: key, initializationVector: vector, authenticating: data)
            }
        guard let sealed else { throw JOSEError(.encryptionFailed, reason: "\(self) refused to encrypt") }
        return sealed
    }

    /// The plaintext, or nothing for whatever reason.
    func open(_ sealed: SealedContent, with key: SymmetricKey, authenticating data: [UInt8]) -> [UInt8]? {
        switch family {
        case .gcm: AESGCM.open(sealed, with: key, authenticating: data)
        case .cbcHMAC(let hash): AESCBCHMAC(hash).open(sealed, with: key, authenticating: data)
        }
    }

    /// Encrypts with a given key and initialization vector, for tests of published vectors.
    ///
    /// The same vector twice under one key gives the plaintext away.
    package func seal(
        _ plaintext: [UInt8],
        keyBytes: [UInt8],
        initializationVector: [UInt8],
        authenticating data: [UInt8]
    ) throws(JOSEError) -> SealedContent {
        let key = SymmetricKey(data: keyBytes)
        return try seal(plaintext, with: key, initializationVector: initializationVector, authenticating: data)
    }

    /// Decrypts with a given key, for tests of published vectors.
    package func open(_ sealed: SealedContent, keyBytes: [UInt8], authenticating data: [UInt8]) -> [UInt8]? {
        open(sealed, with: SymmetricKey(data: keyBytes), authenticating: data)
    }
}
