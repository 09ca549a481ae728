import Testing

@testable import Accounts

@Suite("Where a session began, as it is shown")
struct SessionOriginTests {
    @Test(
        "A browser and its system are told from what the browser says",
        arguments: [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", "Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 "
                    + "Safari/537.36 Edg/126.0", "Edge", "Windows"
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile "
                    + "Safari/537.36", "Chrome", "Android"
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                    + "Version/17.5 Mobile/15E148 Safari/604.1", "Safari", "iPhone"
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
                    + "Safari/605.1.15", "Safari", "macOS"
            ),
            ("curl/8.5.0", "curl", nil), ("signet-cli/1.0 (Linux)", "signet-cli", "Linux"),
        ] as [(String, String?, String?)]
    )
    func agents(_ userAgent: String, agent: String?, system: String?) {
        let origin = SessionOrigin(userAgent: userAgent, address: nil)
        #expect(origin.agent == agent && origin.system == system)
    }

    @Test(
        "What is not plainly a name is not kept, however it is spelled",
        arguments: [
            "", "Mozilla/5.0 (unknown)", "<script>alert(1)</script>", "\u{202E}evil/1.0", "a b c",
            String(repeating: "A", count: 25) + "/1", String(repeating: " ", count: 600) + "Firefox/1.0",
        ]
    )
    func hostile(_ userAgent: String) {
        let agent = SessionOrigin(userAgent: userAgent, address: nil).agent
        #expect(agent == nil || agent == "a")
    }

    @Test(
        "Of an address only its network is kept",
        arguments: [
            ("192.0.2.77", "192.0.2.0/24"), ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:7:8:9::1", "2001:db8:7::/48"), ("[2001:db8:7:8:9::1]", "2001:db8:7::/48"), ("unix", nil),
            ("", nil),
            ("12345678", nil),
        ] as [(String, String?)]
    )
    func networks(_ address: String, network: String?) {
        #expect(SessionOrigin(userAgent: nil, address: address).network == network)
    }
}
