import Testing

@testable import SystemCrypto

@Suite("The system's library is found and looked at before it is used")
struct LoadingTests {
    @Test("Where there is none, that is said", arguments: ["libcrypto.so.399", "/nowhere/libcrypto.so.3", ""])
    func absent(name: String) {
        let error = #expect(throws: SystemCryptoError.self) { try SystemLibrary(named: name, onFault: {}) }
        // The empty name is the program itself, which has no such functions under these names.
        #expect(error == .absent(name) || (name.isEmpty && error == .incomplete("OPENSSL_init_crypto")))
    }

    @Test("A library without the functions is not used", .enabled(if: TestLibrary.isPresent, TestLibrary.condition))
    func incomplete() {
        #expect(throws: SystemCryptoError.incomplete("OPENSSL_init_crypto")) {
            try SystemLibrary(named: "libc.so.6", onFault: {})
        }
        #expect(throws: Never.self) { try SystemLibrary(onFault: {}) }
    }

    @Test(
        "CVE-2022-2274: versions other than 3 are refused, and of 3 the one that corrupts memory",
        arguments: [(1, 1, 1), (2, 0, 0), (4, 0, 0), (3, 0, 4), (0, 0, 0)]
    )
    func refusedVersions(major: UInt32, minor: UInt32, patch: UInt32) {
        #expect(throws: SystemCryptoError.self) {
            try SystemLibrary.checkVersion(major: major, minor: minor, patch: patch)
        }
    }

    @Test("Its neighbours are not", arguments: [(3, 0, 0), (3, 0, 3), (3, 0, 5), (3, 1, 4), (3, 5, 0)])
    func acceptedVersions(major: UInt32, minor: UInt32, patch: UInt32) {
        #expect(throws: Never.self) {
            try SystemLibrary.checkVersion(major: major, minor: minor, patch: patch)
        }
    }

    @Test("The version is told", .enabled(if: TestLibrary.isPresent, TestLibrary.condition))
    func version() throws {
        #expect(try SystemLibrary(onFault: {}).version.hasPrefix("OpenSSL 3."))
    }

    @Test("Reasons are sentences without a secret")
    func reasons() {
        let errors: [SystemCryptoError] = [
            .absent("libcrypto.so.3"), .incomplete("EVP_DigestSign"), .unfit("expected OpenSSL 3, got 1.1.1"),
            .failed("EVP_DigestSign"), .distrusted,
        ]
        #expect(
            errors.map(\.description) == [
                "libcrypto.so.3 cannot be loaded", "it has no function EVP_DigestSign", "expected OpenSSL 3, got 1.1.1",
                "EVP_DigestSign failed", "a signature that it made did not verify",
            ]
        )
    }
}
