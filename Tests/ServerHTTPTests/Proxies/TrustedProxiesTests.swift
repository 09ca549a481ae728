import HTTPTypes
import JOSE
import Testing

@testable import ServerHTTP

@Suite("Trusted proxies")
struct TrustedProxiesTests {
    static func seen(_ proxies: [String], peer: String, _ headers: [(String, String)]) async throws -> String? {
        let trusted = try TrustedProxies(proxies)
        let world = try await HTTPWorld { $0.trustedProxies = trusted }
        return try await world.send(.get, "/echo", headers: headers, peer: peer).json["address"]?.stringValue
    }

    @Test(
        "CVE-2024-47070, CVE-2023-36456: a forwarded address is believed as far as its writers are trusted",
        arguments: [
            // Nobody is trusted: the header is the caller's own.
            ([], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
            (["10.0.0.0/8"], "203.0.113.9", "198.51.100.1", "203.0.113.9"),
            // The same request through the proxy.
            (["10.0.0.0/8"], "10.1.2.3", "198.51.100.1", "198.51.100.1"),
            // What the caller wrote stands left of what the proxy wrote.
            (["10.0.0.0/8"], "10.1.2.3", "127.0.0.1, 198.51.100.1", "198.51.100.1"),
            (["10.0.0.0/8"], "10.1.2.3", "10.9.9.9, 198.51.100.1, 10.4.4.4", "198.51.100.1"),
            // Everybody is a proxy: the first of them asked.
            (["10.0.0.0/8"], "10.1.2.3", "10.9.9.9, 10.4.4.4", "10.9.9.9"),
            // What is no address ends the walk.
            (["10.0.0.0/8"], "10.1.2.3", "198.51.100.1, unknown", "10.1.2.3"),
            (["10.0.0.0/8"], "10.1.2.3", "198.51.100.1, unknown, 10.4.4.4", "10.4.4.4"),
            (["10.0.0.0/8"], "10.1.2.3", "", "10.1.2.3"),
            (["10.0.0.0/8"], "10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
            (["fd00::/8"], "fd00::1", "[2001:db8::5]:4711", "2001:db8::5"),
            (["fd00::/8"], "fd00::1", "2001:DB8:0::5", "2001:db8::5"),
            // IPv4 in IPv6 is the same proxy.
            (["10.0.0.0/8"], "::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ] as [([String], String, String, String)]
    )
    func walk(proxies: [String], peer: String, header: String, expected: String) async throws {
        #expect(try await Self.seen(proxies, peer: peer, [("x-forwarded-for", header)]) == expected)
    }

    @Test("several header fields are one list")
    func severalFields() async throws {
        let headers = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "198.51.100.2")]
        #expect(try await Self.seen(["10.0.0.1"], peer: "10.0.0.1", headers) == "198.51.100.2")
    }

    @Test("other headers that name an address are nobody's word", arguments: ["forwarded", "x-real-ip", "client-ip"])
    func otherHeaders(name: String) async throws {
        #expect(try await Self.seen(["10.0.0.1"], peer: "10.0.0.1", [(name, "198.51.100.1")]) == "10.0.0.1")
    }

    @Test("the scheme is believed from a trusted proxy only, and plain http is refused there")
    func scheme() async throws {
        let trusted = try TrustedProxies(["10.0.0.1"])
        let world = try await HTTPWorld { $0.trustedProxies = trusted }
        let https = [("x-forwarded-proto", "https")]
        #expect(try await world.send(.get, "/", headers: https, peer: "10.0.0.1")["strict-transport-security"] != nil)
        #expect(try await world.send(.get, "/", headers: https, peer: "10.0.0.2")["strict-transport-security"] == nil)
        let http = [("x-forwarded-proto", "http")]
        // RFC 6749 §3.1: "the authorization server MUST require the use of TLS"
        #expect(try await world.send(.get, "/jwks.json", headers: http, peer: "10.0.0.1").status == 403)
        #expect(try await world.send(.get, "/jwks.json", headers: https, peer: "10.0.0.1").status == 200)
        #expect(try await world.send(.get, "/jwks.json", headers: http, peer: "10.0.0.2").status == 200)
    }

    @Test(
        "an entry that is neither an address nor a range is a fault that names it",
        arguments: [
            "10.0.0.0/33", "10.0.0.0/", "proxy.example", "10.0.0", "::/129", "10.0.0.0/-1", "", "10.0.0.0/+8", "*",
        ]
    )
    func faults(entry: String) {
        #expect(throws: TrustedProxies.Fault(entry: entry)) { try TrustedProxies(["127.0.0.1", entry]) }
        #expect("\(TrustedProxies.Fault(entry: entry))".contains("\"\(entry)\""))
    }

    @Test(
        "ranges hold their addresses to the bit",
        arguments: [
            ("10.128.0.0/9", "10.128.0.1", true), ("10.128.0.0/9", "10.127.255.255", false),
            ("0.0.0.0/0", "203.0.113.1", true), ("0.0.0.0/0", "2001:db8::1", false),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::1", "::1", true), ("::ffff:192.0.2.1", "192.0.2.1", true),
        ]
    )
    func ranges(range: String, address: String, isInside: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(NetworkAddress(address))) == isInside)
    }
}
