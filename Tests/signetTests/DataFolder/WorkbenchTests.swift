import AuthorizationServer
import Instants
import OAuthVocabulary
import SQLiteStore
import Storage
import Synchronization
import Testing

@testable import signet

@Suite("Data folder: opening it")
struct WorkbenchTests {
    let temporary: TemporaryFolder
    var settings = Settings()

    init() throws {
        temporary = try TemporaryFolder()
        settings.dataDirectory = temporary.path
    }

    func open(_ missing: DataFolder.Missing = .create) async throws -> Workbench {
        try await Workbench.open(settings, missing: missing)
    }

    @Test("A wrong master key is refused, and the store with its signing keys is as it was")
    func wrongKey() async throws {
        let first = try await open()
        try await first.signingKeys.refresh(Keyring(), now: first.now)
        let keys = try await first.signingKeys.list(now: first.now).map(\.keyID)
        await first.close()
        let right = try temporary.bytes(of: "master.key")
        let database = try temporary.bytes(of: "signet.sqlite")

        try temporary.write([UInt8](repeating: 7, count: 32), to: "master.key")
        let refused = await failure { _ = try await open() }
        #expect(refused?.status == .permission)
        #expect(refused?.sentences.count == 1)
        #expect(refused?.description.contains("is not the master key") == true)
        #expect(try temporary.bytes(of: "signet.sqlite") == database)

        try temporary.write(right, to: "master.key")
        let again = try await open()
        #expect(try await again.signingKeys.list(now: again.now).map(\.keyID) == keys)
        await again.close()
    }

    @Test("What serve was configured with is what other commands work with")
    func servedConfiguration() async throws {
        var provider = ProviderConfiguration(issuer: try #require(IssuerURL("https://id.example")))
        provider.accessTokenLifetime = .seconds(3600)
        provider.keyRotationPeriod = .seconds(5 * 86_400)
        let server = try await Workbench.open(settings, missing: .create, provider: provider)
        try await ServedConfiguration(provider).remember(in: server.store, now: server.now)
        let command = try await open(.refuse)
        #expect(command.provider.issuer == provider.issuer)
        #expect(command.provider.accessTokenLifetime == .seconds(3600))
        #expect(command.provider.keyRotationPeriod == .seconds(5 * 86_400))
        await command.close()
        await server.close()
    }

    @Test("The steady clock starts where the last process left it, although the wall clock was set back")
    func steadyClock() async throws {
        let first = try await open()
        let ahead = first.now + .seconds(3600)
        try await first.store.put(ClockRecord(steady: ahead), at: ClockRecord.key, now: first.now)
        await first.close()
        let second = try await open()
        #expect(second.time.moment().steady >= ahead)
        #expect(second.time.moment().wall < ahead)
        await second.close()
    }

    @Test(
        "A process begins at the wall clock, or where the clock on record must be by now",
        arguments: [
            // The wall clock has passed the record, or is behind it: by as much as then, or set back since, or nobody knows.
            (0, 0, 0), (1, 0, 1), (1, -3600, 1), (-3600, -3600, 0), (-3599, -3600, 1), (-3580, -3600, 10),
            (-1, 0, 0), (-2, 0, 10), (-3600, 0, 10), (-3600, nil, 10),
        ] as [(now: Int64, wall: Int64?, begins: Int64)]
    )
    func resumed(now: Int64, wall: Int64?, begins: Int64) {
        let steady = Instant(secondsSinceEpoch: 1_800_000_000)
        let record = ClockRecord(steady: steady, wall: wall.map { steady + .seconds($0) })
        #expect(record.resumed(at: steady + .seconds(now)) == steady + .seconds(begins))
    }

    /// A command that waits for a database in trouble, while nodes work on it.
    @Test("A record that others write while a process waits for the store is no sign of a clock that was set back")
    func slowStore() async throws {
        let store = MemoryStore()
        let began = Instant(secondsSinceEpoch: 1_800_000_000)
        let written = began + .seconds(3)
        try await store.put(ClockRecord(steady: written, wall: written), at: ClockRecord.key, now: began)
        let readings = Mutex([began, written + .milliseconds(20)])
        let beginning = try await ClockRecord.beginning(from: store) { readings.withLock { $0.removeFirst() } }
        #expect(beginning == written + .milliseconds(20))
    }

    @Test("Whatever works on the store leaves behind how far its clock came")
    func clockIsLeft() async throws {
        let first = try await open()
        let moment = first.time.moment()
        await first.close()
        let second = try await open(.refuse)
        let record = try #require(try await second.store.find(ClockRecord.key, now: second.now))
        #expect(try ClockRecord(from: record).steady >= moment.steady)
        await second.close()
    }

    @Test("One record of a kind is replaced, not added, and an equal one is not written")
    func put() async throws {
        let store = MemoryStore()
        let now = Instant(secondsSinceEpoch: 1_800_000_000)
        for seconds in [1, 2, 2, 3] as [Int64] {
            try await store.put(ClockRecord(steady: Instant(secondsSinceEpoch: seconds)), at: ClockRecord.key, now: now)
        }
        let all = try await store.page(ClockRecord.kind, filter: .all, after: nil, limit: 10, now: now)
        #expect(all.count == 1)
        #expect(all.first?.version == 3)
    }

    /// The bytes of these payloads as written by version 1; they must be readable for ever.
    @Test("Payloads of version 1 stay readable")
    func frozenPayloads() throws {
        func record(_ key: RecordKey, _ text: String) -> Record { Record(key: key, payload: Array(text.utf8)) }
        let clock = try ClockRecord(from: record(ClockRecord.key, #"{"body":{"steady":1800000000123},"v":1}"#))
        #expect(clock.steady == Instant(millisecondsSinceEpoch: 1_800_000_000_123))
        let paired = #"{"body":{"steady":1800000000123,"wall":1799999999123},"v":1}"#
        #expect(
            try ClockRecord(from: record(ClockRecord.key, paired)).wall
                == Instant(millisecondsSinceEpoch: 1_799_999_999_123)
        )
        let check = try MasterKeyCheck(from: record(MasterKeyCheck.key, #"{"body":{"fingerprint":"abc"},"v":1}"#))
        #expect(check.fingerprint == "abc")
        let served = try ServedConfiguration(
            from: record(
                ServedConfiguration.key,
                #"{"body":{"accessTokenSeconds":900,"idTokenSeconds":3600,"issuer":"https://id.example","#
                    + #""keyPublicationLeadSeconds":900,"keyRotationSeconds":7776000},"v":1}"#
            )
        )
        #expect(served.provider?.issuer.value == "https://id.example")
        #expect(served.provider?.keyPublicationLead == .seconds(900))
    }
}
