/// `user_code`, RFC 8628 §3.2 and §6.1: what a device shows and a person types.
///
/// Eight letters of twenty: consonants that nobody mistakes for one another and that spell no words.
package struct UserCode: Hashable, Sendable {
    package static let alphabet: [UInt8] = Array("BCDFGHJKLMNPQRSTVWXZ".utf8)
    package static let length = 8
    /// The longest text that is looked at, in bytes: a code with every letter apart, and some to spare.
    package static let longestInput = 64

    /// The letters, capital and in one piece.
    package let letters: String

    /// What a person typed; `nil` if it cannot be a code.
    ///
    /// Case does not count, nor do dashes, spaces and whatever else keyboards put between letters (RFC 8628 §6.1).
    package init?(typed text: String) {
        guard text.utf8.count <= Self.longestInput else { return nil }
        var letters: [UInt8] = []
        for scalar in text.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value), scalar.isASCII else {
                if scalar.properties.isWhitespace || scalar.properties.generalCategory == .dashPunctuation { continue }
                return nil
            }
            switch byte {
            case 0x61...0x7A: letters.append(byte - 0x20)
            case 0x41...0x5A, 0x30...0x39: letters.append(byte)
            default: continue
            }
        }
        guard letters.count == Self.length, letters.allSatisfy(Self.alphabet.contains) else { return nil }
        self.letters = String(decoding: letters, as: UTF8.self)
    }

    /// The code that random bytes make; `nil` if they run out.
    ///
    /// A byte that does not fall evenly on the alphabet is passed over, so that every code is as likely as any other.
    package init?(drawnFrom bytes: [UInt8]) {
        let even = UInt8(Self.alphabet.count * (256 / Self.alphabet.count))
        let letters = bytes.filter { $0 < even }.prefix(Self.length).map {
            Self.alphabet[Int($0) % Self.alphabet.count]
        }
        guard letters.count == Self.length else { return nil }
        self.letters = String(decoding: letters, as: UTF8.self)
    }

    /// As people read it: `WDJB-MJHT`.
    package var shown: String { letters.prefix(4) + "-" + letters.suffix(4) }
}
