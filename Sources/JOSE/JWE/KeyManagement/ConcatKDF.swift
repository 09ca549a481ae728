// Family: the key derivation of ECDH-ES (RFC 7518 §4.6.2): the Concat KDF of NIST SP 800-56A §5.8.1 with SHA-256. It is
// not the X9.63 KDF, which hashes the counter after the secret.

internal import Crypto

package enum ConcatKDF {
    /// What is mixed into the agreed key besides the secret.
    package struct Context: Sendable {
        /// The `enc` where the agreed key encrypts the content, else the `alg`.
        package var algorithm: String
        /// `apu`, decoded; empty if absent.
        package var partyUInfo: [UInt8]
        /// `apv`, decoded; empty if absent.
        package var partyVInfo: [UInt8]
        /// How long the agreed key is.
        package var keyBytes: Int

        package init(algorithm: String, partyUInfo: [UInt8], partyVInfo: [UInt8], keyBytes: Int) {
            self.algorithm = algorithm
            self.partyUInfo = partyUInfo
            self.partyVInfo = partyVInfo
            self.keyBytes = keyBytes
        }

        /// AlgorithmID, PartyUInfo, PartyVInfo and SuppPubInfo; SuppPrivInfo is empty.
        var otherInfo: [UInt8] {
            // RFC 7518 §4.6.2: "Datalen is a fixed-length, big-endian 32-bit counter"
            [Array(algorithm.utf8), partyUInfo, partyVInfo].flatMap { bigEndian($0.count) + $0 }
                // RFC 7518 §4.6.2: "SuppPubInfo: This is set to the keydatalen represented as a 32-bit big-endian
                // integer."
                + bigEndian(keyBytes * 8)
        }
    }

    /// Derives a key from bytes, for tests.
    package static func key(from secret: [UInt8], context: Context) -> [UInt8] {
        unsafe secret.withUnsafeBytes { unsafe key(from: $0, context: context).bytes }
    }

    @unsafe static func key(from secret: UnsafeRawBufferPointer, context: Context) -> SymmetricKey {
        let otherInfo = context.otherInfo
        var output: [UInt8] = []
        var round = 1
        while output.count < context.keyBytes {
            var hash = SHA256()
            hash.update(data: bigEndian(round))
            unsafe hash.update(bufferPointer: secret)
            hash.update(data: otherInfo)
            output += Array(hash.finalize())
            round += 1
        }
        return SymmetricKey(data: output.prefix(context.keyBytes))
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
