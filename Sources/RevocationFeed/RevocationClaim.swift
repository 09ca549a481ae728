public import Instants
import JOSE

/// What an access token carries so that a reader of the feed can tell whether it was revoked: the claim `rev`.
///
/// Its text is base64url of one octet with the version, seven octets with the moment of issue in milliseconds (`iat` has
/// seconds, and a token issued in the second of a revocation must fall on the right side of it), and the handles.
public struct RevocationClaim: Hashable, Sendable {
    /// The name of the claim.
    public static let name = "rev"
    /// The most handles that a claim may carry.
    public static let maximumHandles = 16

    private static let version: UInt8 = 1
    private static let prefixLength = 8

    /// When the token was issued, to the millisecond.
    public var issuedAt: Instant
    /// The names under which the token can be revoked, in no particular order.
    public var handles: [RevocationHandle]

    /// The claim of a token that was issued at this moment and is known by these handles.
    public init(issuedAt: Instant, handles: [RevocationHandle]) {
        self.issuedAt = issuedAt
        self.handles = handles
    }

    /// Reads the claim; `nil` if it is not one, or of a version that this program does not know.
    public init?(_ text: String) {
        guard text.utf8.count <= 4 * (Self.prefixLength + Self.maximumHandles * RevocationHandle.byteCount) / 3 + 2,
            let bytes = try? Base64URL.decode(text), bytes.count >= Self.prefixLength, bytes[0] == Self.version,
            (bytes.count - Self.prefixLength).isMultiple(of: RevocationHandle.byteCount)
        else { return nil }
        issuedAt = Instant(millisecondsSinceEpoch: Int64(BigEndian.integer(bytes[1..<Self.prefixLength])))
        handles = stride(from: Self.prefixLength, to: bytes.count, by: RevocationHandle.byteCount).compactMap {
            RevocationHandle(bytes[$0..<$0 + RevocationHandle.byteCount])
        }
    }

    /// The claim's value.
    public var text: String {
        let moment = UInt64(max(0, issuedAt.millisecondsSinceEpoch))
        var octets: [UInt8] = []
        octets.reserveCapacity(Self.prefixLength + handles.count * RevocationHandle.byteCount)
        octets.append(Self.version)
        octets += BigEndian.octets(moment, count: 7)
        for handle in handles { octets += handle.bytes }
        return Base64URL.encode(octets)
    }
}
