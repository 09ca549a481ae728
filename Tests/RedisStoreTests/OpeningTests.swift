import Instants
import RedisClient
import RedisStore
import RedisTesting
import Storage
import StorageConformance
import Testing

@Suite(.timeLimit(.minutes(2)))
struct OpeningTests {
    /// What Docs/decisions/0026-redis.md tells operators to grant.
    static let permissions =
        "resetchannels -@all +hello +select +eval +evalsha +hset +hmget +hget +del +get +set +zadd +zrem +zrange"
        + " +zrangebylex +zrangebyscore"

    @Test
    func `A user with no more than the documented permissions is enough, and with less it is told which`() async throws
    {
        let users = [
            "user default off",
            "user signet on >hunter2 ~signet:* \(Self.permissions)",
            "user weak on >hunter2 ~signet:* \(Self.permissions) -zadd",
            "user elsewhere on >hunter2 ~other:* \(Self.permissions)",
        ]
        try await RedisServer.with(.init(configuration: users)) { server in
            var address = server.address
            address.user = "signet"
            address.password = RedisPassword("hunter2")
            let store = try await RedisStore.open(address, settings: .patient)
            #expect(store.findings.map(\.severity) == [.warning])
            #expect(store.findings.first?.text.contains("could not be checked") == true)
            try await store.close()
            for user in ["weak", "elsewhere"] {
                address.user = user
                let error = await #expect(throws: RedisStoreError.self) {
                    try await RedisStore.open(address, settings: .patient)
                }
                guard case .notPermitted = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
            }
            address.user = "signet"
            address.password = RedisPassword("wrong-pass")
            let error = await #expect(throws: RedisStoreError.self) {
                try await RedisStore.open(address, settings: .patient)
            }
            guard case .refused = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(error?.description.contains("wrong-pass") == false)
        }
    }

    @Test
    func `A user without a password is never taken for the default one`() async throws {
        let users = ["user signet on >hunter2 ~* +@all", "user open on nopass ~* +@all"]
        try await RedisServer.with(.init(configuration: users)) { server in
            var address = server.address
            address.user = "signet"
            let error = await #expect(throws: RedisStoreError.self) {
                try await RedisStore.open(address, settings: .patient)
            }
            guard case .refused = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            address.user = "open"
            try await RedisStore.open(address, settings: .patient).close()
        }
    }

    /// A fresh prefix for each: the user may use every key.
    @Test(arguments: StoreConformance.checks)
    func `The documented permissions are enough for every promise`(check: ConformanceCheck) async throws {
        let user = "user signet on >pw ~* \(Self.permissions)"
        guard check.name.contains("sweep") || check.name.contains("family") || check.name.contains("index") else {
            return
        }
        try await RedisServer.with(.init(configuration: [user])) { server in
            var address = server.address
            address.user = "signet"
            address.password = RedisPassword("pw")
            let store = try await RedisStore.open(address, settings: .patient)
            try await check.run { store }
            try await store.close()
        }
    }

    @Test(arguments: [
        (["maxmemory-policy allkeys-lru"], RedisKeeping.whatMayBeLost, "maxmemory-policy"),
        (["appendonly no"], .everythingAtTheOperatorsRisk, "appendonly"),
    ])
    func `A Redis that would lose what it is to keep is refused`(
        lines: [String],
        keeping: RedisKeeping,
        word: String
    ) async throws {
        try await RedisServer.with(.init(configuration: lines)) { server in
            var settings = RedisStoreSettings.patient
            settings.keeping = keeping
            let error = await #expect(throws: RedisStoreError.self) {
                try await RedisStore.open(server.address, settings: settings)
            }
            guard case .unfit(_, let reasons) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reasons.count == 1 && reasons[0].contains(word))
        }
    }

    @Test
    func `A Redis that writes late is warned about, and one that writes always is not`() async throws {
        for (sync, count) in [("everysec", 1), ("always", 0)] {
            let lines = ["appendonly yes", "appendfsync \(sync)"]
            try await RedisServer.with(.init(configuration: lines)) { server in
                var settings = RedisStoreSettings.patient
                settings.keeping = .everythingAtTheOperatorsRisk
                let store = try await RedisStore.open(server.address, settings: settings)
                #expect(store.findings.count == count)
                try await store.close()
            }
        }
    }

    @Test
    func `Records of another layout are left alone`() async throws {
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: .patient)
            try await pool.send(RedisCommand("SET", "signet:layout", "2"))
            let error = await #expect(throws: RedisStoreError.self) {
                try await RedisStore.open(server.address, settings: .patient)
            }
            guard case .newerLayout(_, "2", "1") = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            await pool.close()
        }
    }
}
