// Proxies: whom a request came from. What a header says of it is believed only from proxies that the operator named
// (CVE-2024-47070, CVE-2023-36456); it has no RFC of its own (X-Forwarded-For predates RFC 7239). Stores nothing.

import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An IPv4 or IPv6 address; an IPv4 address that is written inside IPv6 is the IPv4 address.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    /// 4 or 16 bytes.
    let bytes: [UInt8]

    /// The address that a text spells; `nil` if it spells none.
    package init?(_ text: String) {
        if let bytes = Self.parsed(text, AF_INET, count: 4) {
            self.bytes = bytes
        } else if let bytes = Self.parsed(text, AF_INET6, count: 16) {
            // RFC 4291 §2.5.5.2: IPv4-mapped
            let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
        } else {
            return nil
        }
    }

    /// The address of a socket; `nil` for one without an address.
    init?(_ socket: SocketAddress?) {
        guard let text = socket?.ipAddress else { return nil }
        self.init(text)
    }

    /// The canonical spelling.
    package var description: String {
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0))?.ipAddress ?? "unknown"
    }

    private static func parsed(_ text: String, _ family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}

/// Who is at the other end of a connection.
struct Peer: Sendable {
    /// `nil` for a socket without an address.
    let address: NetworkAddress?
    /// How logs and counters call it.
    let text: String

    init(_ address: NetworkAddress?) {
        self.address = address
        text = address?.description ?? "unknown"
    }

    init(_ channel: any Channel) { self.init(NetworkAddress(channel.remoteAddress)) }
}

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
struct AddressRange: Hashable, Sendable {
    let first: NetworkAddress
    let prefixLength: Int

    init?(_ text: String) {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = NetworkAddress(String(halves[0])) else { return nil }
        let bits = address.bytes.count * 8
        guard halves.count == 2 else {
            first = address
            prefixLength = bits
            return
        }
        guard halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(halves[1]), length <= bits
        else { return nil }
        first = address
        prefixLength = length
    }

    func contains(_ address: NetworkAddress) -> Bool {
        guard address.bytes.count == first.bytes.count else { return false }
        for (index, byte) in address.bytes.enumerated() {
            let bits = min(8, max(0, prefixLength - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            if byte & mask != first.bytes[index] & mask { return false }
        }
        return true
    }
}
