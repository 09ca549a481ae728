/// Where a session began, in words by which its person may know it again.
///
/// All of it is what a browser and a network say of themselves: it is shown, and nothing is ever decided by it. Of the
/// `User-Agent` only these names are kept, of the address only its network.
package struct SessionOrigin: Hashable, Sendable {
    /// The program: "Firefox".
    package var agent: String?
    /// What it runs on: "Linux".
    package var system: String?
    /// The network of the address: "192.0.2.0/24", "2001:db8:7::/48".
    package var network: String?

    package init(agent: String? = nil, system: String? = nil, network: String? = nil) {
        self.agent = agent
        self.system = system
        self.network = network
    }

    package init(userAgent: String?, address: String?) {
        if let userAgent {
            let text = String(decoding: userAgent.utf8.prefix(Self.longestUserAgent), as: UTF8.self)
            agent = Self.agents.first { text.contains($0.mark) }?.name ?? Self.product(text)
            system = Self.systems.first { text.contains($0.mark) }?.name
        }
        network = address.flatMap(Self.network)
    }

    package static let unknown = SessionOrigin()

    private static let longestUserAgent = 512
    private static let longestProduct = 24

    /// In this order: most browsers also name those that they want to be taken for.
    private static let agents: [(mark: String, name: String)] = [
        ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"), ("Vivaldi/", "Vivaldi"), ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Chromium/", "Chrome"),
        ("Safari/", "Safari"),
    ]

    private static let systems: [(mark: String, name: String)] = [
        ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
        ("Macintosh", "macOS"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
    ]

    /// The first product of a program that is no browser, such as `curl`; nothing that is not plainly a name.
    private static func product(_ text: String) -> String? {
        let name = text.prefix { $0 != "/" && $0 != " " }
        guard (1...longestProduct).contains(name.utf8.count), name != "Mozilla", name.utf8.allSatisfy(isNameByte) else {
            return nil
        }
        return String(name)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }

    /// Coarse enough to say little about where somebody is, fine enough to tell home from somewhere else.
    private static func network(_ address: String) -> String? {
        guard let bytes = NetworkAddress.parsed(address) else { return nil }
        if bytes.count == 4 { return "\(bytes[0]).\(bytes[1]).\(bytes[2]).0/24" }
        let groups = [0, 2, 4].map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
        return groups.joined(separator: ":") + "::/48"
    }
}
