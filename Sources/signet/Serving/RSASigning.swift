import JOSE
import Logging
import SystemCrypto

/// What makes RSA signatures: the system's OpenSSL where there is one and it is faster on this machine, else
/// swift-crypto.
///
/// The choice changes nothing that anybody can see but the time: swift-crypto verifies every signature before it is sent.
struct RSASigning: Sendable {
    enum Choice: String, Hashable, Sendable {
        case automatic = "auto"
        case swiftCrypto = "swift-crypto"
    }

    /// How many times faster the system's library must be, its signatures' verification included.
    ///
    /// Where both do the same work, two measurements differ by a few per cent, and swift-crypto is to win.
    static let worthwhileGain = 1.25
    private static let sample = Array("which library makes RSA signatures faster on this machine".utf8)
    private static let trials = 4

    private let library: SystemLibrary?
    private let logger: Logger

    init(_ choice: Choice, library name: String = SystemLibrary.standardName, logger: Logger) {
        self.logger = logger
        guard choice == .automatic else {
            library = nil
            logger.info("RSA signatures are made by swift-crypto", metadata: ["reason": "keys.rsa_signer says so"])
            return
        }
        do {
            library = try SystemLibrary(named: name) {
                logger.critical(
                    "the system's OpenSSL made a wrong RSA signature: it was not sent, and swift-crypto signs from now on"
                )
            }
        } catch {
            library = nil
            logger.info("RSA signatures are made by swift-crypto", metadata: ["reason": "\(error)"])
        }
    }

    /// The key as it is going to sign.
    func prepare(_ key: SigningKey) -> SigningKey {
        guard let library, ["RS", "PS"].contains(key.algorithm.name.prefix(2)) else { return key }
        var facts: Logger.Metadata = ["kid": "\(key.keyID)", "library": "\(library.version)"]
        do {
            let fast = try key.signing(through: library)
            let times = try Self.measure(key, fast)
            facts["library_us"] = "\(times.other)"
            facts["swift_crypto_us"] = "\(times.own)"
            guard times.gain >= Self.worthwhileGain else {
                logger.info("\(key.algorithm) signatures are made by swift-crypto, which is as fast", metadata: facts)
                return key
            }
            logger.info("\(key.algorithm) signatures are made by the system's OpenSSL", metadata: facts)
            return fast
        } catch {
            facts["reason"] = "\(error)"
            logger.warning("\(key.algorithm) signatures are made by swift-crypto", metadata: facts)
            return key
        }
    }

    struct Times: Hashable, Sendable {
        /// Microseconds of swift-crypto.
        var own: Int64
        /// Microseconds of the other signer.
        var other: Int64

        var gain: Double { Double(own) / Double(max(other, 1)) }
    }

    /// The shortest times of a few signatures by each, in turn: what else runs on the machine only makes them longer.
    private static func measure(_ own: SigningKey, _ other: SigningKey) throws -> Times {
        let clock = ContinuousClock()
        var times = Times(own: .max, other: .max)
        for _ in 0..<trials {
            times.other = min(times.other, try clock.measure { _ = try other.sign(sample) }.microseconds)
            times.own = min(times.own, try clock.measure { _ = try own.sign(sample) }.microseconds)
        }
        return times
    }
}

extension Duration {
    fileprivate var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
