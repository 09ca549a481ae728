/// Which addresses requests may go to.
///
/// An address that is nothing special is allowed by every policy; the policies differ in what else they allow.
package struct DestinationPolicy: Hashable, Sendable {
    private var allowed: [IPNetwork]

    /// The public Internet only: for whatever somebody else may name.
    package static let publicInternet = DestinationPolicy(allowed: [])
    /// The public Internet and this machine: for development, and for an issuer that is on loopback itself.
    package static let publicAndLoopback = DestinationPolicy(allowed: loopback)
    /// The public Internet, this machine, and private networks; never link-local addresses, where clouds keep their
    /// credentials.
    package static let publicAndPrivate = DestinationPolicy(allowed: loopback + privateNetworks)

    /// This policy, and the networks that an operator named besides.
    package func allowing(_ networks: [IPNetwork]) -> DestinationPolicy {
        DestinationPolicy(allowed: allowed + networks)
    }

    /// Why nothing may be sent to this address, in words for a log; `nil` if it may.
    package func refusal(of address: IPAddress) -> String? {
        let target = address.underlying
        if let never = Self.credentials.first(where: { $0.contains(target) }), !allowed.contains(never) {
            return "where a cloud keeps its credentials"
        }
        if allowed.contains(where: { $0.contains(target) || $0.contains(address) }) { return nil }
        guard target.octets.count == 16 else {
            return Self.special.first { $0.network?.contains(target) == true }?.name
        }
        if let special = Self.special.first(where: { $0.network?.contains(target) == true }) { return special.name }
        // What is not handed out for use on the Internet is somebody's inside.
        return IPNetwork("2000::/3")?.contains(target) == true ? nil : "not a global address"
    }

    private static let loopback = ["127.0.0.0/8", "::1/128"].compactMap { IPNetwork($0) }
    private static let privateNetworks = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7",
    ].compactMap { IPNetwork($0) }

    /// Addresses inside of private networks under which clouds hand out credentials; an operator may name one exactly.
    private static let credentials = ["fd00:ec2::254", "100.100.100.200"].compactMap { IPNetwork($0) }

    private struct Special: Sendable {
        let network: IPNetwork?
        let name: String

        init(_ text: String, _ name: String) {
            network = IPNetwork(text)
            self.name = name
        }
    }

    /// The IANA registries of special-purpose addresses, and one address that a cloud made special.
    private static let special = [
        Special("0.0.0.0/8", "this network"), Special("10.0.0.0/8", "private"),
        Special("100.64.0.0/10", "shared by a carrier"), Special("127.0.0.0/8", "loopback"),
        Special("169.254.0.0/16", "link-local"), Special("172.16.0.0/12", "private"),
        Special("192.0.0.0/24", "reserved for protocols"), Special("192.0.2.0/24", "for documentation"),
        Special("192.31.196.0/24", "reserved for protocols"), Special("192.52.193.0/24", "reserved for protocols"),
        Special("192.88.99.0/24", "a relay of 6to4"), Special("192.168.0.0/16", "private"),
        Special("192.175.48.0/24", "reserved for protocols"), Special("198.18.0.0/15", "for benchmarks"),
        Special("198.51.100.0/24", "for documentation"), Special("203.0.113.0/24", "for documentation"),
        Special("224.0.0.0/4", "multicast"), Special("240.0.0.0/4", "reserved"),
        // Public by its number, and the inside of every machine in that cloud by its use.
        Special("168.63.129.16/32", "the platform of a cloud"),
        Special("::/128", "unspecified"), Special("::1/128", "loopback"), Special("fc00::/7", "private"),
        Special("fe80::/10", "link-local"), Special("fec0::/10", "site-local"), Special("ff00::/8", "multicast"),
        Special("2001::/23", "reserved for protocols, Teredo among them"),
        Special("2001:db8::/32", "for documentation"),
        Special("2002::/16", "6to4, which may lead anywhere"), Special("3fff::/20", "for documentation"),
        Special("2620:4f:8000::/48", "reserved for protocols"),
    ]
}
