import Hummingbird
import IssuerConnection
import Synchronization
import Testing

/// FIELD I28: whoever may name an address must not reach what only this machine can reach.
@Suite struct DestinationPolicyTests {
    static let forbidden = [
        // Loopback, this host, private, carrier, link-local (where clouds keep credentials).
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1", "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.192", "198.18.0.1",
        "198.19.255.255",
        "192.0.2.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "192.88.99.1",
        // The same in IPv6, and IPv4 in the spellings of IPv6: mapped, compatible, translated, 6to4, Teredo.
        "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:7f00:1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::7f00:1", "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1", "3fff::1", "100::1", "5f00::1", "::ffff:0:127.0.0.1", "4000::1",
    ]
    static let allowed = [
        "8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.0.1",
        "126.0.0.1",
        "128.0.0.1", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860::8888",
    ]

    @Test("FIELD I28: the public policy allows no address that is special", arguments: forbidden)
    func special(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(DestinationPolicy.publicInternet.refusal(of: address) != nil)
    }

    @Test("What is nothing special is allowed", arguments: allowed)
    func ordinary(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(DestinationPolicy.publicInternet.refusal(of: address) == nil)
    }

    @Test("Private networks may be allowed; link-local addresses stay refused in either spelling")
    func privateNetworks() throws {
        let policy = DestinationPolicy.publicAndPrivate
        for text in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:192.168.0.1", "fd12::1", "100.64.1.1"] {
            #expect(policy.refusal(of: try #require(IPAddress(text))) == nil, "\(text)")
        }
        for text in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1"] {
            #expect(policy.refusal(of: try #require(IPAddress(text))) != nil, "\(text)")
        }
        // Inside of private networks, and where clouds hand out credentials all the same.
        for text in ["fd00:ec2::254", "100.100.100.200", "::ffff:100.100.100.200"] {
            let address = try #require(IPAddress(text))
            #expect(policy.refusal(of: address) != nil, "\(text)")
            let range = try #require(IPNetwork("100.64.0.0/10"))
            #expect(policy.allowing([range]).refusal(of: address) != nil, "\(text), by a range that holds it")
        }
        let exactly = try #require(IPNetwork("100.100.100.200"))
        #expect(policy.allowing([exactly]).refusal(of: try #require(IPAddress("100.100.100.200"))) == nil)
        let network = try #require(IPNetwork("10.20.0.0/14"))
        let named = DestinationPolicy.publicInternet.allowing([network])
        #expect(named.refusal(of: try #require(IPAddress("10.23.255.255"))) == nil)
        #expect(named.refusal(of: try #require(IPAddress("::ffff:10.20.0.1"))) == nil)
        #expect(named.refusal(of: try #require(IPAddress("10.24.0.0"))) != nil)
    }

    @Test(
        "Only the usual spelling is an address",
        arguments: ["127.1", "0x7f.0.0.1", "2130706433", "fe80::1%lo", "", "a"]
    )
    func spelling(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("Networks are read strictly", arguments: ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "x/8"])
    func networks(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }
}

/// Names that lead where a test says.
final class ScriptedResolver: HostResolver {
    private let answers: Mutex<[[String]]>
    let asked = Counter()

    /// The answers in their order; the last one stays.
    init(_ answers: [String]...) { self.answers = Mutex(answers) }

    func addresses(of name: String) async -> [IPAddress] {
        asked.add()
        let answer = answers.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? [] }
        return answer.compactMap { IPAddress($0) }
    }
}

/// FIELD I28 on a real socket.
@Suite(.timeLimit(.minutes(5))) struct GuardedTransportTests {
    func failure(_ url: String, _ transport: GuardedTransport) async -> TransportError.Code? {
        await transportFailure { _ = try await transport.send(TransportRequest(url: url)) }
    }

    @Test(
        "FIELD I28: a literal address that is special is refused before anything is sent",
        arguments: [
            "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:7f00:1]/", "https://10.0.0.1/x",
            "http://127.0.0.1/",
            "https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[64:ff9b::a00:1]/",
            "https://0.0.0.0/",
        ]
    )
    func literals(_ url: String) async {
        #expect(await failure(url, GuardedTransport()) == .forbidden)
    }

    @Test(
        "FIELD I28: other spellings of an address are no names",
        arguments: [
            "https://2130706433/", "https://127.1/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://a.0x7f/",
            "https://a..b/", "https://[fe80::1%25lo]/", "https://user@example.org/", "https://example.org@127.0.0.1/",
            "https://ex%61mple.org/",
        ]
    )
    func oddSpellings(_ url: String) async {
        let resolver = ScriptedResolver(["8.8.8.8"])
        #expect(await failure(url, GuardedTransport(resolver: resolver)) == .malformed)
        #expect(resolver.asked.count == 0)
    }

    @Test("FIELD I28: a name that leads inside is refused, also where only one of its addresses does")
    func names() async {
        let inside = GuardedTransport(resolver: ScriptedResolver(["192.168.0.1"]))
        #expect(await failure("https://inside.example/", inside) == .forbidden)
        let mixed = GuardedTransport(resolver: ScriptedResolver(["8.8.8.8", "::1"]))
        #expect(await failure("https://mixed.example/", mixed) == .forbidden)
        let none = GuardedTransport(resolver: ScriptedResolver([]))
        #expect(await failure("https://none.example/", none) == .unreachable)
    }

    @Test("FIELD I28, DNS rebinding: the connection goes to the address that was judged, whatever the name says next")
    func rebinding() async throws {
        try await withServer { router in
            router.get("name") { request, _ in request.head.authority ?? "" }
        } _: { base in
            let port = try #require(base.split(separator: ":").last)
            let resolver = ScriptedResolver(["127.0.0.1"], ["127.0.0.2"])
            let transport = GuardedTransport(.publicAndLoopback, resolver: resolver)
            let url = "http://localhost:\(port)/name"
            let response = try await transport.send(TransportRequest(url: url))
            #expect(String(decoding: response.body, as: UTF8.self) == "localhost:\(port)")
            #expect(resolver.asked.count == 1)
            // The system would find the server under this name; what was judged leads elsewhere, and so does the request.
            let elsewhere = GuardedTransport(.publicAndLoopback, resolver: ScriptedResolver(["127.0.0.9"]))
            #expect(await failure(url, elsewhere) == .unreachable)
            // The next request is judged anew: the same name leads inside by now, and the policy knows no loopback.
            let strict = GuardedTransport(resolver: ScriptedResolver(["127.0.0.1"]))
            #expect(await failure(url, strict) == .forbidden)
        }
    }

    @Test("Where one address of a host does not answer, the next one is tried")
    func nextAddress() async throws {
        try await withServer { router in
            router.get("x") { _, _ in "there" }
        } _: { base in
            let port = try #require(base.split(separator: ":").last)
            // Nothing listens on the first one.
            let resolver = ScriptedResolver(["127.0.0.9", "127.0.0.1"])
            let transport = GuardedTransport(.publicAndLoopback, resolver: resolver)
            let response = try await transport.send(TransportRequest(url: "http://localhost:\(port)/x"))
            #expect(String(decoding: response.body, as: UTF8.self) == "there")
        }
    }

    @Test("FIELD I28: redirects are answers, bodies are bounded and timed, nothing is unpacked")
    func limits() async throws {
        try await withServer { router in
            router.get("away") { _, _ in Response(status: .found, headers: [.location: "/secret"]) }
            router.get("secret") { _, _ in "inside" }
            router.get("huge") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        for _ in 0..<64 { try await writer.write(ByteBuffer(repeating: 65, count: 16 * 1024)) }
                        try await writer.finish(nil)
                    }
                )
            }
            router.get("slow") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        for _ in 0..<1000 {
                            try await writer.write(ByteBuffer(string: "."))
                            try await Task.sleep(for: .milliseconds(100))
                        }
                        try await writer.finish(nil)
                    }
                )
            }
            router.get("packed") { request, _ in
                Response(
                    status: .ok,
                    headers: [.contentEncoding: "gzip"],
                    body: .init(byteBuffer: ByteBuffer(bytes: [0x1F, 0x8B, 8, 0]))
                )
            }
        } _: { base in
            let transport = GuardedTransport(.publicAndLoopback)
            let away = try await transport.send(TransportRequest(url: "\(base)/away"))
            #expect(away.status == 302)
            let huge = await transportFailure {
                _ = try await transport.send(TransportRequest(url: "\(base)/huge", maximumBytes: 100_000))
            }
            #expect(huge == .tooLarge)
            let slow = await transportFailure {
                _ = try await transport.send(TransportRequest(url: "\(base)/slow", timeout: .milliseconds(500)))
            }
            #expect(slow == .timedOut)
            let packed = try await transport.send(TransportRequest(url: "\(base)/packed"))
            #expect(packed.body == [0x1F, 0x8B, 8, 0])
        }
    }

    @Test(
        "FIELD I28: what is no JSON is no metadata, and neither is a bomb of brackets",
        arguments: ["<html>", "[[[[", "{}"]
    )
    func notJSON(_ body: String) async throws {
        try await withServer { router in
            router.get(".well-known/openid-configuration") { _, _ in body }
        } _: { base in
            await #expect(throws: DiscoveryError.self) {
                try await IssuerMetadata.discover(base, by: GuardedTransport(.publicAndLoopback))
            }
        }
    }
}
