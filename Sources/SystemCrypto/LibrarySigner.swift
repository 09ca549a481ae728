internal import JOSE

/// Signs with one key and one algorithm through the system's library.
///
/// The library blinds the private exponentiation and checks the result of the Chinese remainder against the public
/// exponent; the caller verifies each signature once more with other code.
final class LibrarySigner: RSASigner {
    private let library: SystemLibrary
    /// An EVP_MD_CTX that owns the key and is ready to hash; each signature works on a copy.
    private let template: SharedHandle
    private let signatureBytes: Int

    /// RSA_PKCS1_PADDING and RSA_PKCS1_PSS_PADDING.
    private enum Padding: Int32 {
        case pkcs1 = 1
        case pss = 6
    }

    /// RSA_PSS_SALTLEN_DIGEST: as many bytes as the digest has, which RFC 7518 §3.5 demands.
    private static let saltOfDigestLength: Int32 = -1
    /// EVP_PKEY_RSA.
    private static let rsaKey: Int32 = 6
    /// Up to 8192 bits, as JOSE takes them.
    private static let signatureSizes = 256...1024

    init(_ library: SystemLibrary, algorithm: SignatureAlgorithm, privateKey: Span<UInt8>) throws(SystemCryptoError) {
        let functions = library.functions
        let (padding, digest) = try Self.parameters(of: algorithm)
        guard let key = unsafe Self.parse(privateKey, library) else { throw library.failure("d2i_PrivateKey_ex") }
        // The template keeps its own reference to the key.
        defer { unsafe functions.freeKey(key) }
        let size = unsafe Int(functions.keySize(key))
        guard Self.signatureSizes.contains(size) else { throw library.failure("EVP_PKEY_get_size") }
        guard let template = unsafe functions.newDigestContext() else { throw library.failure("EVP_MD_CTX_new") }
        var keyContext: OpaquePointer?
        let context = unsafe library.context.unprotected
        let isReady =
            unsafe functions.startSigning(template, &keyContext, digest, context, nil, key, nil) == 1
            && functions.setPadding(keyContext, padding.rawValue) == 1
            && (padding != .pss || functions.setSaltLength(keyContext, Self.saltOfDigestLength) == 1)
        guard isReady else {
            unsafe functions.freeDigestContext(template)
            throw library.failure("EVP_DigestSignInit_ex")
        }
        self.library = library
        self.template = unsafe SharedHandle(template)
        signatureBytes = size
    }

    deinit { unsafe library.functions.freeDigestContext(template.unprotected) }

    func signature(for message: Span<UInt8>) throws -> [UInt8] {
        try library.checkTrust()
        let functions = library.functions
        guard let context = unsafe functions.newDigestContext() else { throw library.failure("EVP_MD_CTX_new") }
        defer { unsafe functions.freeDigestContext(context) }
        guard unsafe functions.copyDigestContext(context, template.unprotected) == 1 else {
            throw library.failure("EVP_MD_CTX_copy_ex")
        }
        var isDone = false
        let signature = unsafe [UInt8](unsafeUninitializedCapacity: signatureBytes) { buffer, initialised in
            var count = signatureBytes
            isDone = unsafe message.withUnsafeBytes { bytes in
                let bytes = unsafe bytes.assumingMemoryBound(to: UInt8.self)
                return unsafe functions.sign(context, buffer.baseAddress, &count, bytes.baseAddress, bytes.count) == 1
            }
            // Only what was filled is a signature: anything else would be memory that nobody wrote.
            isDone = isDone && count == signatureBytes
            initialised = isDone ? signatureBytes : 0
        }
        guard isDone else { throw library.failure("EVP_DigestSign") }
        return signature
    }

    func signatureWasInvalid() { library.distrust() }

    private static func parameters(
        of algorithm: SignatureAlgorithm
    ) throws(SystemCryptoError) -> (Padding, digest: String) {
        switch algorithm.name {
        case "RS256": (.pkcs1, "SHA2-256")
        case "RS384": (.pkcs1, "SHA2-384")
        case "RS512": (.pkcs1, "SHA2-512")
        case "PS256": (.pss, "SHA2-256")
        case "PS384": (.pss, "SHA2-384")
        case "PS512": (.pss, "SHA2-512")
        default: throw .unfit("\(algorithm) is not an RSA signature")
        }
    }

    private static func parse(_ privateKey: Span<UInt8>, _ library: SystemLibrary) -> OpaquePointer? {
        unsafe privateKey.withUnsafeBytes { bytes in
            var position = unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            return unsafe library.functions.parseKey(
                rsaKey,
                nil,
                &position,
                bytes.count,
                library.context.unprotected,
                nil
            )
        }
    }
}

extension SystemLibrary {
    /// The error for a call that failed, after the queue in which the library keeps its own for this thread was emptied.
    fileprivate func failure(_ name: String) -> SystemCryptoError {
        functions.clearErrors()
        return .failed(name)
    }
}
