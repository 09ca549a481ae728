import HTTPTypes

/// The proxies that may say where a request came from.
package struct TrustedProxies: Sendable {
    /// An entry that is neither an address nor a range.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var entry: String
        package var description: String {
            "trusted proxy \"\(entry)\": expected an IP address or a range such as 10.0.0.0/8 or fd00::/8"
        }
    }

    /// Nobody: `X-Forwarded-*` is ignored.
    package static let none = TrustedProxies(ranges: [])

    private let ranges: [AddressRange]

    private init(ranges: [AddressRange]) { self.ranges = ranges }

    /// Throws a `Fault` that names the first entry which is neither an address nor a range.
    package init(_ entries: [String]) throws(Fault) {
        var ranges: [AddressRange] = []
        for entry in entries {
            guard let range = AddressRange(entry) else { throw Fault(entry: entry) }
            ranges.append(range)
        }
        self.ranges = ranges
    }

    func trusts(_ address: NetworkAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// Who asked, and by which scheme if a trusted proxy says so.
    ///
    /// Every proxy appends whom it saw to `X-Forwarded-For`, so that the list is read from the right, and only as long
    /// as the one who wrote the entry is trusted: the first address that is not a trusted proxy's is the caller's, and
    /// what stands left of it was written by the caller.
    func origin(of headers: HTTPFields, peer: Peer) -> (address: String, scheme: String?) {
        guard let address = peer.address, trusts(address) else { return (peer.text, nil) }
        let entries = headers[values: .forwardedFor].flatMap {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        var caller = address
        for entry in entries.reversed() {
            guard trusts(caller), let next = Self.address(in: entry.trimmingSpaces()) else { break }
            caller = next
        }
        let schemes = headers[values: .forwardedProto].flatMap { $0.split(separator: ",") }
        let scheme = schemes.last.map { $0.trimmingSpaces().lowercased() }
        return (caller.description, scheme == "http" || scheme == "https" ? scheme : nil)
    }

    /// The address of an entry, which some proxies write with a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    private static func address(in entry: Substring) -> NetworkAddress? {
        if entry.hasPrefix("[") {
            guard let close = entry.firstIndex(of: "]") else { return nil }
            return NetworkAddress(String(entry[entry.index(after: entry.startIndex)..<close]))
        }
        if entry.count(where: { $0 == ":" }) == 1, let colon = entry.firstIndex(of: ":") {
            return NetworkAddress(String(entry[..<colon]))
        }
        return NetworkAddress(String(entry))
    }
}
