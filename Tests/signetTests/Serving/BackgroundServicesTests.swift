import AuthorizationServer
import Instants
import JOSE
import Logging
import OAuthVocabulary
import Storage
import Testing

@testable import signet

@Suite("Serving: what runs beside the listener")
struct BackgroundServicesTests {
    let time = FixedTime(Instant(secondsSinceEpoch: 1_800_000_000))
    let store = MemoryStore()

    @Test("The clock is written down only after somebody was given a moment")
    func clockKeeper() async throws {
        let remembered = RememberedTime(time)
        let keeper = ClockKeeper(time: remembered, follow: { _ in }, store: store, logger: .quiet)
        let now = time.moment().wall
        await keeper.tick()
        #expect(try await store.find(ClockRecord.key, now: now) == nil)
        _ = remembered.moment()
        time.advance(by: .seconds(5))
        let latest = remembered.moment().steady
        await keeper.tick()
        let record = try #require(try await store.find(ClockRecord.key, now: now))
        #expect(try ClockRecord(from: record).steady == latest)
        await keeper.tick()
        #expect(try await store.find(ClockRecord.key, now: now)?.version == record.version)
    }

    @Test("While the wall clock is behind, the clock is written down unasked, and every other node follows it")
    func clockSetBack() async throws {
        let here = SystemTimeSource()
        let ahead = here.moment().wall + .seconds(3600)
        for clock in [SystemTimeSource(notBefore: ahead), here] {
            let keeper = ClockKeeper(
                time: RememberedTime(clock),
                follow: { clock.follow($0) },
                store: store,
                logger: .quiet
            )
            await keeper.tick()
        }
        #expect(here.moment().steady >= ahead)
        #expect(here.moment().wall < ahead)
    }

    @Test("Keys that another process made are used without a restart", .timeLimit(.minutes(5)))
    func keyRefresher() async throws {
        let issuer = try #require(IssuerURL("https://id.example"))
        let master = try #require(MasterKey(CountingRandomness().bytes(32)))
        let signingKeys = SigningKeys(
            store: store,
            keys: DerivedKeys(master),
            configuration: ProviderConfiguration(issuer: issuer)
        )
        let keyring = Keyring()
        let now = time.moment().wall
        try await signingKeys.refresh(keyring, now: now)
        let before = keyring.current.signing["ES256"]?.keyID
        let refresher = Task {
            try await KeyRefresher(
                signingKeys: signingKeys,
                keyring: keyring,
                time: time,
                logger: .quiet,
                pause: .milliseconds(1)
            ).run()
        }
        defer { refresher.cancel() }
        time.advance(by: .seconds(1))
        let made = try await signingKeys.rotate(algorithm: .es256, immediately: .atOnce, now: time.moment().wall)
        while keyring.current.signing["ES256"]?.keyID == before { try await Task.sleep(for: .milliseconds(1)) }
        #expect(keyring.current.signing["ES256"]?.keyID == made.first?.keyID)
    }

    @Test(
        "CWE-117: what a request brings along cannot forge a line of the log or colour it",
        arguments: [
            ("a\nb", #""a\nb""#), ("a\rb", #""a\u{d}b""#), ("\u{1B}[2J", #""\u{1b}[2J""#), ("a b", #""a b""#),
            ("a\"b", #""a\"b""#), ("k=v", #""k=v""#), ("\u{2028}", #""\u{2028}""#), ("", #""""#), ("plain", "plain"),
        ]
    )
    func logLines(value: String, printed: String) {
        let line = ConsoleLogHandler.line(
            time: time.moment().wall,
            level: .info,
            message: "request refused",
            metadata: ["detail": "\(value)"]
        )
        #expect(line == "2027-01-15T08:00:00Z info request refused detail=\(printed)")
    }
}
