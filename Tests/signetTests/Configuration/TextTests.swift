import ServerHTTP
import Testing

@testable import signet

@Suite("Configuration: how values are written")
struct TextTests {
    @Test(
        "A duration is whole numbers with units",
        arguments: [
            ("0", 0), ("0s", 0), ("500ms", 500), ("90s", 90_000), ("15m", 900_000), ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1d12h", 129_600_000), ("30m1h", 5_400_000),
        ] as [(String, Int64)]
    )
    func durations(text: String, milliseconds: Int64) {
        #expect(DurationText.parse(text) == .milliseconds(milliseconds))
    }

    @Test(
        "A duration without a unit, with a fraction, a sign, a repeated or unknown unit, or too long is none",
        arguments: [
            "", "15", "1.5h", "-1m", "1m1m", "1w", "m", "1 m", "1M", "١m", "99999999999999999999d",
            "9223372036854775807d",
        ]
    )
    func noDurations(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "A duration is printed so that it reads back",
        arguments: [0, 1, 999, 61_000, 5_400_000, 86_400_001, 604_800_000]
    )
    func durationsReadBack(milliseconds: Int64) {
        let text = DurationText.format(.milliseconds(milliseconds))
        #expect(DurationText.parse(text) == .milliseconds(milliseconds), "\(text)")
    }

    @Test(
        "An address to listen on is HOST:PORT",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:443", "::1", 443), ("localhost:1", "localhost", 1),
            ("id.example.org:65535", "id.example.org", 65_535),
        ]
    )
    func addresses(text: String, host: String, port: Int) {
        #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
        #expect(ListenAddress(text)?.description == text)
    }

    @Test(
        "Anything else is no address",
        arguments: [
            "", "8080", ":8080", "localhost", "localhost:", "localhost:0", "localhost:65536", "::1:80", "[::1", "[::1]",
            "[localhost]:80", "a b:80", "localhost:+80", "http://localhost:80",
        ]
    )
    func noAddresses(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test(
        "Loopback is what only this machine can reach",
        arguments: [
            ("127.0.0.1:1", true), ("127.1.2.3:1", true), ("[::1]:1", true), ("localhost:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false), ("10.0.0.1:1", false), ("127.evil.example:1", false),
            ("localhost.evil.example:1", false),
        ]
    )
    func loopback(text: String, isLoopback: Bool) {
        #expect(ListenAddress(text)?.isLoopback == isLoopback)
    }

    @Test(
        "Memory needs a unit",
        arguments: [
            ("19MiB", 19_456), ("19456KiB", 19_456), ("1GiB", 1_048_576), ("19", nil), ("MiB", nil), ("-1MiB", nil),
            ("19MB", nil), ("9223372036854775807GiB", nil),
        ] as [(String, Int?)]
    )
    func memory(text: String, kibibytes: Int?) {
        #expect(MemoryText.kibibytes(text) == kibibytes)
    }

    @Test(
        "A proxy is an address or a network",
        arguments: [
            ("10.0.0.1", true), ("10.0.0.0/8", true), ("::1", true), ("fd00::/8", true), ("10.0.0.0/33", false),
            ("fd00::/129", false), ("proxy.example", false), ("10.0.0.0/", false), ("", false), ("/8", false),
        ]
    )
    func networks(text: String, isNetwork: Bool) {
        #expect((NetworkText.checked(text) == text) == isNetwork)
    }

    @Test(
        "The distance counts letters inserted, removed, replaced or swapped",
        arguments: [
            ("issuer", "issuer", 0), ("isuer", "issuer", 1), ("issuerr", "issuer", 1), ("issuet", "issuer", 1),
            ("isseur", "issuer", 1), ("", "abc", 3), ("kitten", "sitting", 3),
        ]
    )
    func distances(left: String, right: String, distance: Int) {
        #expect(DidYouMean.distance(left, right) == distance)
        #expect(DidYouMean.distance(right, left) == distance)
    }

    @Test("Nothing is guessed where nothing is near")
    func guesses() {
        #expect(DidYouMean.nearest(to: "isuer", among: ["listen", "issuer"]) == "issuer")
        #expect(DidYouMean.nearest(to: "zebra", among: ["listen", "issuer"]) == nil)
        #expect(DidYouMean.nearest(to: "x", among: []) == nil)
    }
}
