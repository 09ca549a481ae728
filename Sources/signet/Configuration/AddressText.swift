import ServerHTTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ListenAddress {
    /// `HOST:PORT`; an IPv6 address stands in brackets.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = Int(digits),
            (1...65_535).contains(port)
        else { return nil }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            guard NetworkText.byteCount(ofAddress: inner) == 16 else { return nil }
            self.init(host: inner, port: port)
        } else {
            guard !host.isEmpty, host.utf8.allSatisfy({ Self.isHostByte($0) }) else { return nil }
            self.init(host: String(host), port: port)
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }

    /// Whether nobody but this machine can reach it.
    var isLoopback: Bool {
        // A name may begin with 127. and lead anywhere.
        let isAddress = NetworkText.byteCount(ofAddress: host) != nil
        return (isAddress && host.hasPrefix("127.")) || host == "::1" || host == "localhost"
    }
}

/// Addresses and networks of proxies.
enum NetworkText {
    /// The text itself if it is an IPv4 or IPv6 address, or a network with a prefix length.
    static func checked(_ text: String) -> String? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let count = byteCount(ofAddress: String(parts[0])) else { return nil }
        guard parts.count == 2 else { return text }
        guard let length = Int(parts[1]), (0...count * 8).contains(length) else { return nil }
        return text
    }

    /// 4 or 16, or `nil` where it is no address.
    static func byteCount(ofAddress text: String) -> Int? {
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return 4 }
        return inet_pton(AF_INET6, text, &sixteen) == 1 ? 16 : nil
    }
}

/// Amounts of memory as people write them.
enum MemoryText {
    private static let units = [("GiB", 1024 * 1024), ("MiB", 1024), ("KiB", 1)]

    static func kibibytes(_ text: String) -> Int? {
        for (name, size) in units where text.hasSuffix(name) {
            guard let count = Int(text.dropLast(name.count)), count >= 0 else { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            return overflow ? nil : product
        }
        return nil
    }

    static func format(kibibytes: Int) -> String {
        let unit = units.first { kibibytes >= $0.1 && kibibytes.isMultiple(of: $0.1) } ?? ("KiB", 1)
        return "\(kibibytes / unit.1)\(unit.0)"
    }
}
