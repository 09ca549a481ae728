private import Crypto

/// The SHA-256 of a token's text.
///
/// Two digests are the same only if all 32 bytes are; the table's index is made of the first eight.
struct TokenDigest: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// Hashes the text where it lies.
    init(of text: String) {
        var hash = SHA256()
        // A string that a foreign framework stores in another encoding has no bytes to point to.
        let isHashed: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { bytes in
            unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
        }
        if isHashed == nil { hash.update(data: Array(text.utf8)) }
        words = unsafe hash.finalize().withUnsafeBytes { digest in
            func word(_ index: Int) -> UInt64 {
                unsafe digest.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
            }
            return (word(0), word(1), word(2), word(3))
        }
    }

    /// Takes a digest apart, for tests of what happens when the first words agree.
    init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    static func == (left: TokenDigest, right: TokenDigest) -> Bool {
        left.words.0 == right.words.0 && left.words.1 == right.words.1 && left.words.2 == right.words.2
            && left.words.3 == right.words.3
    }

    /// Feeds eight bytes: they are as random as all, and the hasher is seeded, so that nobody can aim at one bucket.
    func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}
