// Room: RSA signatures by the OpenSSL 3 of the system, found at run time (RFC 7518 §3.3 and §3.5). Its modular arithmetic
// uses instructions that swift-crypto's does not. Nothing is linked; where the library is absent, this room makes nothing.
// Docs/decisions/0012-rsa-signing.md has the figures and what was weighed. Stores nothing.

public import JOSE
import Synchronization

/// Why the system's library does not sign.
public struct SystemCryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A sentence without a secret.
    public let description: String

    /// There is no such library, or it cannot be loaded.
    static func absent(_ name: String) -> Self { Self(description: "\(name) cannot be loaded") }
    /// It lacks a function.
    static func incomplete(_ name: String) -> Self { Self(description: "it has no function \(name)") }
    /// Its version, or what it is asked for, is nothing that is done here, and why.
    static func unfit(_ reason: String) -> Self { Self(description: reason) }
    /// A call of it failed.
    static func failed(_ name: String) -> Self { Self(description: "\(name) failed") }
    /// It made a signature that did not verify, and is not asked again.
    static let distrusted = Self(description: "a signature that it made did not verify")
}

/// The system's OpenSSL 3, loaded once and kept until the process ends.
///
/// It works in a library context of its own, with the provider that is built in; no configuration file is read, and no
/// engine is loaded.
public final class SystemLibrary: RSASignerProvider {
    /// The name under which the loader knows every OpenSSL 3.
    ///
    /// A name without a folder: where the system keeps its libraries is for the system to say.
    public static let standardName = "libcrypto.so.3"

    /// The version as the library gives it, such as `OpenSSL 3.0.19 27 Jan 2026`.
    public let version: String
    let functions: LibraryFunctions
    // Never freed: threads that have signed keep state in it until they end.
    let context: SharedHandle
    private let isDistrusted = Atomic(false)
    private let onFault: @Sendable () -> Void

    /// Loads the library.
    ///
    /// - Parameter onFault: called once, when a signature of the library did not verify.
    /// - Throws: why it cannot be used.
    public convenience init(
        named name: String = SystemLibrary.standardName,
        onFault: @escaping @Sendable () -> Void
    ) throws(SystemCryptoError) {
        try self.init(LibraryFunctions(loading: name), onFault: onFault)
    }

    init(_ functions: LibraryFunctions, onFault: @escaping @Sendable () -> Void) throws(SystemCryptoError) {
        try Self.checkVersion(
            major: functions.versionMajor(),
            minor: functions.versionMinor(),
            patch: functions.versionPatch()
        )
        // Before any other call: what is not asked for here would be done at the first use, and could not be undone.
        guard functions.initialise(LibraryFunctions.quietStart, nil) == 1 else {
            throw SystemCryptoError.failed("OPENSSL_init_crypto")
        }
        guard let context = unsafe functions.newLibraryContext() else {
            throw SystemCryptoError.failed("OSSL_LIB_CTX_new")
        }
        guard unsafe functions.loadProvider(context, "default") != nil else {
            unsafe functions.freeLibraryContext(context)
            functions.clearErrors()
            throw SystemCryptoError.failed("OSSL_PROVIDER_load")
        }
        self.functions = functions
        self.context = unsafe SharedHandle(context)
        self.onFault = onFault
        version = unsafe functions.versionText(0).map { unsafe String(cString: $0) } ?? "OpenSSL 3"
    }

    /// Refuses what is not OpenSSL 3, and the one release whose signatures are known to be dangerous.
    static func checkVersion(major: UInt32, minor: UInt32, patch: UInt32) throws(SystemCryptoError) {
        guard major == 3 else { throw .unfit("expected OpenSSL 3, got \(major).\(minor).\(patch)") }
        // CVE-2022-2274: signing with 2048 bits writes beyond its buffer on processors with AVX-512 IFMA.
        guard (minor, patch) != (0, 4) else {
            throw .unfit("OpenSSL 3.0.4 corrupts memory when it signs (CVE-2022-2274)")
        }
    }

    /// A signer for a private key.
    ///
    /// - Parameter privateKey: an RSAPrivateKey in DER (RFC 8017 §A.1.2); the library makes its own copy.
    public func signer(
        for algorithm: SignatureAlgorithm,
        privateKey: Span<UInt8>
    ) throws -> any RSASigner {
        try checkTrust()
        return try LibrarySigner(self, algorithm: algorithm, privateKey: privateKey)
    }

    func checkTrust() throws(SystemCryptoError) {
        guard !isDistrusted.load(ordering: .relaxed) else { throw .distrusted }
    }

    /// From here on the library makes no signature; said once.
    func distrust() {
        guard !isDistrusted.exchange(true, ordering: .relaxed) else { return }
        onFault()
    }
}
