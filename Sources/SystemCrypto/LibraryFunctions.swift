#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The functions of OpenSSL's libcrypto that this room calls, as the headers of 3.0 declare them: a table that is complete
/// or does not exist.
///
/// A type here that differs from the header would be undefined behaviour, which no compiler can see: each line names its
/// function, and the tests call every one of them.
@safe
struct LibraryFunctions: Sendable {
    typealias Handle = OpaquePointer

    /// `OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT`: read no configuration file, from wherever OPENSSL_CONF says,
    /// and leave threads that still sign alone when the process ends.
    ///
    /// A library context of one's own is not enough: reading an RSA key asks for engines, and that reads the file. The
    /// price is that this holds for the whole process.
    static let quietStart: UInt64 = 0x0000_0080 | 0x0008_0000

    /// `OPENSSL_init_crypto(options, settings)`.
    var initialise: @Sendable @convention(c) (UInt64, Handle?) -> Int32
    /// `OPENSSL_version_major()`.
    var versionMajor: @Sendable @convention(c) () -> UInt32
    /// `OPENSSL_version_minor()`.
    var versionMinor: @Sendable @convention(c) () -> UInt32
    /// `OPENSSL_version_patch()`.
    var versionPatch: @Sendable @convention(c) () -> UInt32
    /// `OpenSSL_version(type)`.
    var versionText: @Sendable @convention(c) (Int32) -> UnsafePointer<CChar>?
    /// `OSSL_LIB_CTX_new()`.
    var newLibraryContext: @Sendable @convention(c) () -> Handle?
    /// `OSSL_LIB_CTX_free(context)`.
    var freeLibraryContext: @Sendable @convention(c) (Handle?) -> Void
    /// `OSSL_PROVIDER_load(context, name)`.
    var loadProvider: @Sendable @convention(c) (Handle?, UnsafePointer<CChar>?) -> Handle?
    /// `d2i_PrivateKey_ex(type, out, position, length, context, query)`.
    var parseKey:
        @Sendable @convention(c) (
            Int32, UnsafeMutablePointer<Handle?>?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, Int, Handle?,
            UnsafePointer<CChar>?
        ) -> Handle?
    /// `EVP_PKEY_free(key)`.
    var freeKey: @Sendable @convention(c) (Handle?) -> Void
    /// `EVP_PKEY_get_size(key)`: the bytes of a signature.
    var keySize: @Sendable @convention(c) (Handle?) -> Int32
    /// `EVP_MD_CTX_new()`.
    var newDigestContext: @Sendable @convention(c) () -> Handle?
    /// `EVP_MD_CTX_free(context)`.
    var freeDigestContext: @Sendable @convention(c) (Handle?) -> Void
    /// `EVP_MD_CTX_copy_ex(to, from)`.
    var copyDigestContext: @Sendable @convention(c) (Handle?, Handle?) -> Int32
    /// `EVP_DigestSignInit_ex(context, keyContext, digest, libraryContext, query, key, parameters)`.
    var startSigning:
        @Sendable @convention(c) (
            Handle?, UnsafeMutablePointer<Handle?>?, UnsafePointer<CChar>?, Handle?, UnsafePointer<CChar>?, Handle?,
            Handle?
        ) -> Int32
    /// `EVP_PKEY_CTX_set_rsa_padding(keyContext, padding)`.
    var setPadding: @Sendable @convention(c) (Handle?, Int32) -> Int32
    /// `EVP_PKEY_CTX_set_rsa_pss_saltlen(keyContext, length)`.
    var setSaltLength: @Sendable @convention(c) (Handle?, Int32) -> Int32
    /// `EVP_DigestSign(context, signature, signatureLength, message, messageLength)`.
    var sign:
        @Sendable @convention(c) (
            Handle?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>?, UnsafePointer<UInt8>?, Int
        ) -> Int32
    /// `ERR_clear_error()`.
    var clearErrors: @Sendable @convention(c) () -> Void
}

extension LibraryFunctions {
    /// Loads the library and finds every function.
    ///
    /// The library stays loaded: threads that called it run code of it when they end.
    init(loading name: String) throws(SystemCryptoError) {
        guard let library = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else { throw .absent(name) }
        unsafe initialise = try unsafe Self.find("OPENSSL_init_crypto", in: library)
        versionMajor = try unsafe Self.find("OPENSSL_version_major", in: library)
        versionMinor = try unsafe Self.find("OPENSSL_version_minor", in: library)
        versionPatch = try unsafe Self.find("OPENSSL_version_patch", in: library)
        unsafe versionText = try unsafe Self.find("OpenSSL_version", in: library)
        unsafe newLibraryContext = try unsafe Self.find("OSSL_LIB_CTX_new", in: library)
        unsafe freeLibraryContext = try unsafe Self.find("OSSL_LIB_CTX_free", in: library)
        unsafe loadProvider = try unsafe Self.find("OSSL_PROVIDER_load", in: library)
        unsafe parseKey = try unsafe Self.find("d2i_PrivateKey_ex", in: library)
        unsafe freeKey = try unsafe Self.find("EVP_PKEY_free", in: library)
        unsafe keySize = try unsafe Self.find("EVP_PKEY_get_size", in: library)
        unsafe newDigestContext = try unsafe Self.find("EVP_MD_CTX_new", in: library)
        unsafe freeDigestContext = try unsafe Self.find("EVP_MD_CTX_free", in: library)
        unsafe copyDigestContext = try unsafe Self.find("EVP_MD_CTX_copy_ex", in: library)
        unsafe startSigning = try unsafe Self.find("EVP_DigestSignInit_ex", in: library)
        unsafe setPadding = try unsafe Self.find("EVP_PKEY_CTX_set_rsa_padding", in: library)
        unsafe setSaltLength = try unsafe Self.find("EVP_PKEY_CTX_set_rsa_pss_saltlen", in: library)
        unsafe sign = try unsafe Self.find("EVP_DigestSign", in: library)
        clearErrors = try unsafe Self.find("ERR_clear_error", in: library)
    }

    /// The function of this name, as what the caller assigns it to.
    @unsafe
    private static func find<Function>(
        _ name: String,
        in library: UnsafeMutableRawPointer
    ) throws(SystemCryptoError) -> Function {
        guard let address = unsafe dlsym(library, name) else { throw .incomplete(name) }
        return unsafe unsafeBitCast(address, to: Function.self)
    }
}
