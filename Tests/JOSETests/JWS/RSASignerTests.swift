import JOSE
import Synchronization
import Testing

@Suite("Signatures of another signer are verified before anybody sees them")
struct RSASignerTests {
    static let message = Array("header.payload".utf8)
    static let algorithms = SignatureAlgorithm.all.filter { $0.name.hasPrefix("RS") || $0.name.hasPrefix("PS") }

    /// Does what a test wants, and counts.
    final class Signer: RSASigner {
        enum Behaviour: String, CaseIterable, CustomTestStringConvertible {
            case oneBitFlipped, short, long, empty, zero, anotherMessage, anotherKey, failing

            var testDescription: String { rawValue }
        }

        struct Refusal: Error {}

        let key: SigningKey
        let other: SigningKey
        let behaviour: Behaviour?
        let asked = Atomic(0)
        let faults = Atomic(0)
        let last = Mutex<[UInt8]>([])

        /// - Parameter behaviour: what is wrong; nothing without one.
        init(_ key: SigningKey, other: SigningKey, _ behaviour: Behaviour?) {
            self.key = key
            self.other = other
            self.behaviour = behaviour
        }

        func signature(for message: Span<UInt8>) throws -> [UInt8] {
            asked.add(1, ordering: .sequentiallyConsistent)
            let message = message.indices.map { message[$0] }
            var signature = try key.sign(message)
            switch behaviour {
            case nil: break
            case .oneBitFlipped: signature[signature.count / 2] ^= 0x10
            case .short: signature.removeLast()
            case .long: signature.append(0)
            case .empty: signature = []
            case .zero: signature = [UInt8](repeating: 0, count: signature.count)
            case .anotherMessage: signature = try key.sign(message + [0])
            case .anotherKey: signature = try other.sign(message)
            case .failing: throw Refusal()
            }
            last.withLock { [signature] in $0 = signature }
            return signature
        }

        func signatureWasInvalid() { faults.add(1, ordering: .sequentiallyConsistent) }
    }

    struct Provider: RSASignerProvider {
        struct Refusal: Error {}

        var signer: Signer?

        func signer(for algorithm: SignatureAlgorithm, privateKey: Span<UInt8>) throws -> any RSASigner {
            guard let signer else { throw Refusal() }
            return signer
        }
    }

    @Test("CVE-2015-7744: a signature that is wrong never leaves", arguments: Signer.Behaviour.allCases)
    func wrongSignatures(behaviour: Signer.Behaviour) throws {
        let plain = try TestKeys.key(.rs256)
        let signer = Signer(plain, other: try SigningKey.generate(.rs256), behaviour)
        let key = try plain.signing(through: Provider(signer: signer))
        #expect(try key.sign(Self.message) == plain.sign(Self.message))
        #expect(signer.asked.load(ordering: .sequentiallyConsistent) == 1)
        #expect(signer.faults.load(ordering: .sequentiallyConsistent) == (behaviour == .failing ? 0 : 1))
    }

    @Test("A signature that is right is the one that leaves, whatever the algorithm", arguments: algorithms)
    func rightSignatures(algorithm: SignatureAlgorithm) throws {
        let plain = try SigningKey.generate(algorithm)
        let signer = Signer(plain, other: plain, nil)
        let key = try plain.signing(through: Provider(signer: signer))
        let signature = try key.sign(Self.message)
        #expect(signer.last.withLock { $0 } == signature)
        #expect(signer.faults.load(ordering: .sequentiallyConsistent) == 0)
        #expect(key.keyID == plain.keyID && key.privateJWK == plain.privateJWK)
        let token = try JWS.signed(Self.message, by: key)
        let verified = try UnverifiedJWS(token).verified(by: KeySet([plain.verificationKey]), algorithms: [algorithm])
        #expect(verified.payload == Self.message)
        #expect(signer.asked.load(ordering: .sequentiallyConsistent) == 2)
    }

    @Test("Keys of other types are left alone, and a provider that makes no signer is heard")
    func otherKeysAndRefusals() throws {
        for algorithm in [SignatureAlgorithm.es256, .edDSA, .hs256] {
            let key = try SigningKey.generate(algorithm)
            #expect(try key.signing(through: Provider()).keyID == key.keyID)
        }
        let key = try TestKeys.key(.rs256)
        #expect(throws: Provider.Refusal.self) { try key.signing(through: Provider()) }
    }
}
