import JOSE
import Testing

@testable import SystemCrypto

@Suite("The system's library signs as swift-crypto does", .enabled(if: TestLibrary.isPresent, TestLibrary.condition))
struct SignatureTests {
    /// The signers of one key, side by side.
    private struct Pair {
        let own: SigningKey
        let signer: any RSASigner

        init(_ own: SigningKey) throws {
            let capture = CapturingProvider(library: try TestLibrary.open())
            self.own = own
            _ = try own.signing(through: capture)
            signer = try #require(capture.made)
        }
    }

    @Test(
        "RFC 8017 §8.2.1: PKCS #1 v1.5 signatures of both are the same bytes",
        arguments: TestKeys.rsaAlgorithms.filter { $0.name.hasPrefix("RS") }
    )
    func sameBytes(algorithm: SignatureAlgorithm) throws {
        for key in [try TestKeys.key(algorithm), try SigningKey.generate(algorithm)] {
            let pair = try Pair(key)
            for message in messages {
                #expect(try pair.signer.signature(for: message.span) == pair.own.sign(message))
            }
        }
    }

    @Test(
        "RFC 8017 §8.1.1: PSS signatures verify, and are salted afresh",
        arguments: TestKeys.rsaAlgorithms.filter { $0.name.hasPrefix("PS") }
    )
    func salted(algorithm: SignatureAlgorithm) throws {
        let faults = Counter()
        let library = try TestLibrary.open(onFault: { faults.increment() })
        let capture = CapturingProvider(library: library)
        let key = try TestKeys.key(algorithm).signing(through: capture)
        let signer = try #require(capture.made)
        for message in messages {
            #expect(try signer.signature(for: message.span) != signer.signature(for: message.span))
            // Verifies before it returns, and counts a fault where that fails.
            _ = try key.sign(message)
        }
        #expect(faults.count == 0)
    }

    @Test("Tokens that it signed verify, and one changed bit does not", arguments: TestKeys.rsaAlgorithms)
    func tokens(algorithm: SignatureAlgorithm) throws {
        let key = try TestKeys.key(algorithm).signing(through: try TestLibrary.open())
        let claims: JSONObject = ["iss": "https://id.example", "sub": "somebody"]
        let token = try JWT.signed(claims, type: "JWT", by: key)
        let set = KeySet([key.verificationKey])
        #expect(try UnverifiedJWS(token).verified(by: set, algorithms: [algorithm]).algorithm == algorithm)
        let swapped = token.last == "A" ? "Q" : "A"
        let spoiled = String(token.dropLast()) + swapped
        #expect(throws: JOSEError.self) { try UnverifiedJWS(spoiled).verified(by: set, algorithms: [algorithm]) }
    }

    @Test("A hundred tasks sign with one key at the same time", .timeLimit(.minutes(5)))
    func concurrentSigners() async throws {
        let faults = Counter()
        let library = try TestLibrary.open(onFault: { faults.increment() })
        let plain = try TestKeys.key(.rs256)
        let key = try plain.signing(through: library)
        let expected = try messages.map { try plain.sign($0) }
        let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<100 {
                group.addTask {
                    var wrong = 0
                    for turn in 0..<4 {
                        let index = (task + turn) % messages.count
                        if try key.sign(messages[index]) != expected[index] { wrong += 1 }
                    }
                    return wrong
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(wrong == 0)
        #expect(faults.count == 0)
    }

    @Test("Keys come and go while others sign", .timeLimit(.minutes(5)))
    func keysComeAndGo() async throws {
        let library = try TestLibrary.open()
        let plain = try TestKeys.key(.rs256)
        let expected = try plain.sign(messages[0])
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 {
                group.addTask { try plain.signing(through: library).sign(messages[0]) == expected }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test("A key of another type comes back as it is")
    func otherTypes() throws {
        let capture = CapturingProvider(library: try TestLibrary.open())
        for algorithm in [SignatureAlgorithm.es256, .edDSA, .hs256] {
            let key = try SigningKey.generate(algorithm).signing(through: capture)
            #expect(capture.made == nil)
            #expect(key.algorithm == algorithm)
        }
        _ = try TestKeys.key(.rs256).signing(through: capture)
        #expect(capture.made != nil)
    }

    @Test("What is no RSA private key, or no RSA algorithm, makes no signer")
    func wrongKeys() throws {
        let library = try TestLibrary.open()
        let capture = CapturingProvider(library: library)
        _ = try TestKeys.key(.rs256).signing(through: capture)
        let der = capture.privateKey
        #expect(throws: Never.self) { _ = try library.signer(for: .rs256, privateKey: der.span) }
        let damaged: [[UInt8]] = [
            [], [0x30, 0x00], [0x30, 0x03, 0x02, 0x01, 0x00], Array(der.dropLast(200)),
            [UInt8](repeating: 0, count: 1200),
        ]
        for wrong in damaged {
            #expect(throws: SystemCryptoError.failed("d2i_PrivateKey_ex")) {
                _ = try library.signer(for: .rs256, privateKey: wrong.span)
            }
        }
        #expect(throws: SystemCryptoError.unfit("ES256 is not an RSA signature")) {
            _ = try library.signer(for: .es256, privateKey: der.span)
        }
    }
}
