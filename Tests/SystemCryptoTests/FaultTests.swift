import JOSE
import Synchronization
import Testing

@testable import SystemCrypto

/// A table like the real one, of which a test replaces functions. C functions hold no context, so what they count is here.
private enum Double {
    static let options = Atomic<UInt64>(0)
    static let signatures = Atomic(0)
    static let contexts = Atomic(0)
    static let libraries = Atomic(0)

    static func reset() {
        options.store(0, ordering: .sequentiallyConsistent)
        signatures.store(0, ordering: .sequentiallyConsistent)
        contexts.store(0, ordering: .sequentiallyConsistent)
        libraries.store(0, ordering: .sequentiallyConsistent)
    }

    /// The real functions, which count what is made and freed.
    static func counting() throws -> LibraryFunctions {
        var functions = try #require(TestLibrary.functions)
        functions.newDigestContext = {
            Double.contexts.add(1, ordering: .sequentiallyConsistent)
            return TestLibrary.functions?.newDigestContext()
        }
        functions.freeDigestContext = {
            Double.contexts.subtract(1, ordering: .sequentiallyConsistent)
            TestLibrary.functions?.freeDigestContext($0)
        }
        functions.newLibraryContext = {
            Double.libraries.add(1, ordering: .sequentiallyConsistent)
            return TestLibrary.functions?.newLibraryContext()
        }
        functions.freeLibraryContext = {
            Double.libraries.subtract(1, ordering: .sequentiallyConsistent)
            TestLibrary.functions?.freeLibraryContext($0)
        }
        functions.sign = { context, signature, count, message, messageCount in
            Double.signatures.add(1, ordering: .sequentiallyConsistent)
            return TestLibrary.functions?.sign(context, signature, count, message, messageCount) ?? 0
        }
        return functions
    }
}

@Suite(
    "A library that lies or fails is noticed",
    .enabled(if: TestLibrary.isPresent, TestLibrary.condition),
    .serialized
)
struct FaultTests {
    let faults = Counter()

    init() { Double.reset() }

    private var signatures: Int { Double.signatures.load(ordering: .sequentiallyConsistent) }

    private func library(_ change: (inout LibraryFunctions) -> Void = { _ in }) throws -> SystemLibrary {
        var functions = try Double.counting()
        change(&functions)
        return try SystemLibrary(functions, onFault: { [faults] in faults.increment() })
    }

    @Test(
        "CVE-2015-7744: a flipped bit never leaves, and the library is not asked again",
        arguments: [SignatureAlgorithm.rs256, .ps256]
    )
    func flippedBit(algorithm: SignatureAlgorithm) throws {
        let plain = try TestKeys.key(algorithm)
        let lying = try library { functions in
            functions.sign = { context, signature, count, message, messageCount in
                Double.signatures.add(1, ordering: .sequentiallyConsistent)
                let code = TestLibrary.functions?.sign(context, signature, count, message, messageCount) ?? 0
                signature?[100] ^= 1
                return code
            }
        }
        let key = try plain.signing(through: lying)
        let other = try plain.signing(through: lying)
        let set = KeySet([plain.verificationKey])
        for key in [key, key, other] {
            _ = try UnverifiedJWS(try JWS.signed([1, 2, 3], by: key)).verified(by: set, algorithms: [algorithm])
        }
        #expect(signatures == 1)
        #expect(faults.count == 1)
        #expect(throws: SystemCryptoError.distrusted) { try plain.signing(through: lying) }
        // The twin: the same double without the flip is used each time.
        let honest = try plain.signing(through: try library())
        for _ in 0..<3 {
            _ = try UnverifiedJWS(try JWS.signed([1, 2, 3], by: honest)).verified(by: set, algorithms: [algorithm])
        }
        #expect(signatures == 4)
        #expect(faults.count == 1)
    }

    @Test("Where a call fails, swift-crypto signs")
    func failingCalls() throws {
        let plain = try TestKeys.key(.rs256)
        let expected = try plain.sign([1])
        let failing: [(inout LibraryFunctions) -> Void] = [
            { $0.sign = { _, _, _, _, _ in 0 } },
            { $0.copyDigestContext = { _, _ in 0 } },
            {
                $0.sign = { _, _, count, _, _ in
                    count?.pointee = 17
                    return 1
                }
            },
            {
                $0.sign = { _, _, count, _, _ in
                    count?.pointee = 1 << 40
                    return 1
                }
            },
        ]
        for change in failing {
            let key = try plain.signing(through: try library(change))
            #expect(try key.sign([1]) == expected)
            #expect(try key.sign([1]) == expected)
        }
        #expect(signatures == 0)
    }

    @Test("Where a signer cannot be made, the reason is named and nothing is left behind")
    func failingSigners() throws {
        let plain = try TestKeys.key(.ps256)
        let failing: [(String, (inout LibraryFunctions) -> Void)] = [
            ("d2i_PrivateKey_ex", { $0.parseKey = { _, _, _, _, _, _ in nil } }),
            ("EVP_PKEY_get_size", { $0.keySize = { _ in 128 } }),
            ("EVP_PKEY_get_size", { $0.keySize = { _ in -1 } }),
            ("EVP_MD_CTX_new", { $0.newDigestContext = { nil } }),
            ("EVP_DigestSignInit_ex", { $0.startSigning = { _, _, _, _, _, _, _ in 0 } }),
            ("EVP_DigestSignInit_ex", { $0.setPadding = { _, _ in -2 } }),
            ("EVP_DigestSignInit_ex", { $0.setSaltLength = { _, _ in 0 } }),
        ]
        for (name, change) in failing {
            let library = try library(change)
            #expect(throws: SystemCryptoError.failed(name)) { try plain.signing(through: library) }
        }
        #expect(Double.contexts.load(ordering: .sequentiallyConsistent) == 0)
    }

    @Test("What a signer holds is freed with it, and what a signature needs with the signature")
    func ownership() throws {
        let library = try library()
        do {
            let key = try TestKeys.key(.rs256).signing(through: library)
            for message in messages { _ = try key.sign(message) }
            withExtendedLifetime(key) {
                #expect(Double.contexts.load(ordering: .sequentiallyConsistent) == 1)
            }
        }
        #expect(Double.contexts.load(ordering: .sequentiallyConsistent) == 0)
    }

    @Test("The library is told to read no configuration and to leave the end of the process alone")
    func quietStart() throws {
        _ = try library {
            $0.initialise = { options, _ in
                Double.options.store(options, ordering: .sequentiallyConsistent)
                return 1
            }
        }
        let options = Double.options.load(ordering: .sequentiallyConsistent)
        #expect(options & 0x80 != 0, "OPENSSL_INIT_NO_LOAD_CONFIG")
        #expect(options & 0x80000 != 0, "OPENSSL_INIT_NO_ATEXIT")
    }

    @Test("A library that does not start is not used")
    func failingStart() throws {
        #expect(throws: SystemCryptoError.failed("OPENSSL_init_crypto")) {
            try library { $0.initialise = { _, _ in 0 } }
        }
        #expect(throws: SystemCryptoError.failed("OSSL_LIB_CTX_new")) {
            try library { $0.newLibraryContext = { nil } }
        }
        #expect(throws: SystemCryptoError.failed("OSSL_PROVIDER_load")) {
            try library { $0.loadProvider = { _, _ in nil } }
        }
        #expect(Double.libraries.load(ordering: .sequentiallyConsistent) == 0)
    }
}
