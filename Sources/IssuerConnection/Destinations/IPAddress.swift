// Room: where requests may go. Resolves a name, judges every address that it has, and connects to the very address that
// was judged (server-side request forgery: FIELD I28). RFC 4291 and the IANA registries of special addresses. Stores nothing.

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// An IPv4 or IPv6 address, as octets.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 octets.
    package let octets: [UInt8]

    init(octets: [UInt8]) { self.octets = octets }

    /// An address in its own spelling: four decimal octets, or IPv6 without a zone; never `0x7f.1` or `2130706433`.
    package init?(_ text: String) {
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            octets = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            octets = withUnsafeBytes(of: sixteen) { Array($0) }
        } else {
            return nil
        }
    }

    /// Dotted decimal, or eight groups of hexadecimal.
    package var description: String {
        if octets.count == 4 { return octets.map { "\($0)" }.joined(separator: ".") }
        return stride(from: 0, to: octets.count, by: 2).map { index in
            String(UInt16(octets[index]) << 8 | UInt16(octets[index + 1]), radix: 16)
        }.joined(separator: ":")
    }

    /// The IPv4 address that an IPv6 address really leads to: mapped (`::ffff:0:0/96`) or behind a translator (the
    /// well-known prefix `64:ff9b::/96` of NAT64).
    var underlying: IPAddress {
        for prefix in [Self.mapped, Self.translated] where octets.count == 16 && prefix.contains(self) {
            return IPAddress(octets: Array(octets.suffix(4)))
        }
        return self
    }

    private static let mapped = IPNetwork(
        IPAddress(octets: [UInt8](repeating: 0, count: 10) + [255, 255, 0, 0, 0, 0]),
        96
    )
    private static let translated = IPNetwork(
        IPAddress(octets: [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 12)),
        96
    )
}

/// A range of addresses: a prefix and its length in bits.
package struct IPNetwork: Hashable, Sendable {
    let prefix: IPAddress
    let length: Int

    init(_ prefix: IPAddress, _ length: Int) {
        self.prefix = prefix
        self.length = length
    }

    /// `10.0.0.0/8`, `fd00::/8`, or a single address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let prefix = IPAddress(String(parts[0])) else { return nil }
        let bits = prefix.octets.count * 8
        guard parts.count == 2 else {
            self.init(prefix, bits)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
            (0...bits).contains(length)
        else { return nil }
        self.init(prefix, length)
    }

    /// Whether the address is in it; one of the other family never is.
    package func contains(_ address: IPAddress) -> Bool {
        guard address.octets.count == prefix.octets.count else { return false }
        let whole = length / 8
        guard address.octets.prefix(whole) == prefix.octets.prefix(whole) else { return false }
        let rest = length % 8
        guard rest > 0 else { return true }
        return (address.octets[whole] ^ prefix.octets[whole]) >> (8 - rest) == 0
    }
}
