import JOSE
import Storage

/// One bit a token, packed from the least significant bit of each byte: draft-ietf-oauth-status-list section 4.1.
struct StatusBits: Hashable, Sendable {
    /// How many tokens a list has room for.
    ///
    /// Large enough for a token to be one among many, small enough to be sent: 8 KiB before compression, which is also
    /// the most that anybody has to unpack.
    static let size = 1 << 16

    private(set) var bytes: [UInt8]

    /// Every token valid.
    init() { bytes = [UInt8](repeating: 0, count: Self.size / 8) }

    /// Every token revoked.
    static var allRevoked: StatusBits {
        var bits = StatusBits()
        bits.bytes = [UInt8](repeating: 0xFF, count: size / 8)
        return bits
    }

    /// Reads what ``compressed()`` wrote.
    init(compressed text: String) throws(Deflate.Fault) {
        guard let packed = try? Base64URL.decode(text) else { throw Deflate.Fault(code: 0) }
        bytes = try Deflate.decompress(packed, count: Self.size / 8)
    }

    /// The value of `lst`: compressed, in base64url.
    func compressed() throws(Deflate.Fault) -> String { Base64URL.encode(try Deflate.compress(bytes)) }

    /// The value of `lst` for a record; a refusal of zlib's counts as a fault of the store.
    func stored() throws(StoreError) -> String {
        do {
            return try compressed()
        } catch {
            throw .corrupt(reason: "a status list could not be compressed: zlib \(error.code)")
        }
    }

    /// The bits of a record.
    init(stored text: String) throws(StoreError) {
        do {
            try self.init(compressed: text)
        } catch {
            throw .corrupt(reason: "a status list cannot be unpacked: zlib \(error.code)")
        }
    }

    /// Whether the token is revoked; out of bounds nothing is.
    subscript(index: Int) -> Bool {
        guard (0..<Self.size).contains(index) else { return false }
        return bytes[index / 8] >> UInt8(index % 8) & 1 == 1
    }

    /// Revokes what is revoked in `others`; says whether that changed anything.
    mutating func revoke(_ others: StatusBits) -> Bool {
        let before = bytes
        for index in bytes.indices { bytes[index] |= others.bytes[index] }
        return bytes != before
    }

    /// Revokes a token; says whether that changed anything.
    @discardableResult
    mutating func revoke(_ index: Int) -> Bool {
        guard (0..<Self.size).contains(index), !self[index] else { return false }
        bytes[index / 8] |= 1 << UInt8(index % 8)
        return true
    }
}

/// The order in which the places of a list are given away: a keyed permutation, so that nobody can tell from two places
/// whether their tokens were issued one after the other (draft-ietf-oauth-status-list section 12.5.1).
///
/// A Feistel network over sixteen bits whose round function is an HMAC under a key of the server: whatever that function
/// is, every counter has a place of its own.
struct StatusPermutation: Sendable {
    private static let rounds: UInt8 = 10
    let keys: DerivedKeys

    func place(of counter: Int, in list: Int) -> Int {
        var left = UInt8(truncatingIfNeeded: counter >> 8)
        var right = UInt8(truncatingIfNeeded: counter)
        let name = (0..<8).reversed().map { UInt8(truncatingIfNeeded: list >> (8 * $0)) }
        for round in 0..<Self.rounds {
            let mixed = keys.statusPlaceMAC(name + [round, right])
            (left, right) = (right, left ^ (mixed.first ?? 0))
        }
        return Int(left) << 8 | Int(right)
    }
}
