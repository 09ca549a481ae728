import Instants
import JOSE
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// Signing keys: pending, active, retired, published ahead of use.
@Suite struct SigningKeysTests {
    struct World {
        let store = MemoryStore()
        let keyring = Keyring()
        let signing: SigningKeys
        let configuration: ProviderConfiguration
        let start = TestWorld.start

        init(masterKey: UInt8 = 7) throws {
            configuration = ProviderConfiguration(issuer: try #require(IssuerURL(TestWorld.issuer)))
            let keys = try #require(MasterKey([UInt8](repeating: masterKey, count: 32)).map(DerivedKeys.init))
            signing = SigningKeys(store: store, keys: keys, configuration: configuration)
        }

        func states(_ algorithm: SignatureAlgorithm, at now: Instant) async throws -> [SigningKeyRecord.State] {
            try await signing.list(now: now).filter { $0.algorithm == algorithm.name }.map(\.state)
        }

        func signer(_ algorithm: SignatureAlgorithm, at now: Instant) async throws -> String? {
            try await signing.refresh(keyring, now: now)
            return keyring.current.signing[algorithm.name]?.keyID
        }
    }

    @Test func `A first start makes one active key for each algorithm, a second start none`() async throws {
        let world = try World()
        try await world.signing.refresh(world.keyring, now: world.start)
        let first = try await world.signing.list(now: world.start)
        #expect(first.map(\.state) == [.active, .active, .active])
        #expect(Set(first.map(\.algorithm)) == ["ES256", "RS256", "EdDSA"])
        try await world.signing.refresh(world.keyring, now: world.start + .seconds(1))
        #expect(try await world.signing.list(now: world.start + .seconds(1)) == first)
        let document = try JSONObject(parsing: world.keyring.current.document)
        let keys = (document["keys"]?.arrayValue ?? []).compactMap(\.objectValue)
        #expect(keys.count == 3)
        for key in keys {
            #expect(["d", "p", "q", "dp", "dq", "qi", "k"].allSatisfy { key[$0] == nil }, "only public members")
            #expect(key["use"] == "sig" && key["kid"] != nil && key["alg"] != nil)
        }
    }

    @Test
    func `A rotated key is published at once, signs after the lead, and the old one stays until its tokens are gone`()
        async throws
    {
        let world = try World()
        let old = try await world.signer(.es256, at: world.start)
        let now = world.start + .seconds(100)
        let made = try await world.signing.rotate(algorithm: .es256, immediately: .afterPublication, now: now)
        #expect(made.map(\.state) == [.pending])
        #expect(try await world.signer(.es256, at: now + .seconds(899)) == old)
        #expect(world.keyring.current.published.keys.filter { $0.algorithm == .es256 }.count == 2)
        #expect(try await world.signer(.es256, at: now + .seconds(900)) == made[0].keyID)
        #expect(try await world.states(.es256, at: now + .seconds(900)) == [.retired, .active])
        _ = try await world.signer(.es256, at: now + .seconds(900 + 3600 + 29))
        #expect(world.keyring.current.published.keys.filter { $0.algorithm == .es256 }.count == 2)
        _ = try await world.signer(.es256, at: now + .seconds(900 + 3600 + 30))
        #expect(world.keyring.current.published.keys.filter { $0.algorithm == .es256 }.count == 1)
    }

    @Test func `A key whose time is nearly up gets a successor by itself`() async throws {
        let world = try World()
        _ = try await world.signer(.es256, at: world.start)
        let due = world.start + world.configuration.keyRotationPeriod - world.configuration.keyPublicationLead
        _ = try await world.signer(.es256, at: due - .milliseconds(1))
        #expect(try await world.states(.es256, at: due) == [.active])
        _ = try await world.signer(.es256, at: due)
        #expect(try await world.states(.es256, at: due) == [.active, .pending])
        _ = try await world.signer(.es256, at: due + .seconds(1))
        #expect(try await world.states(.es256, at: due + .seconds(1)) == [.active, .pending])
    }

    @Test func `Several nodes that find a key missing or due at the same moment make one`() async throws {
        let world = try World()
        let due = world.start + world.configuration.keyRotationPeriod
        for (now, count) in [(world.start, 1), (due, 2)] {
            // All read before any of them writes.
            let store = RendezvousStore(world.store, parties: 4)
            let nodes = (0..<4).map { _ in
                (SigningKeys(store: store, keys: world.signing.keys, configuration: world.configuration), Keyring())
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (signing, keyring) in nodes {
                    group.addTask { try await signing.refresh(keyring, now: now) }
                }
                try await group.waitForAll()
            }
            #expect(try await world.states(.es256, at: now).count == count)
            #expect(Set(nodes.map { $0.1.current.signing["ES256"]?.keyID }).count == 1)
        }
    }

    @Test func `A key retired by hand is gone from the set at once, replaced, and its tokens are void`() async throws {
        let world = try World()
        let old = try #require(try await world.signer(.es256, at: world.start))
        let now = world.start + .seconds(10)
        try await world.signing.retire(old, now: now)
        let next = try #require(try await world.signer(.es256, at: now))
        #expect(next != old)
        #expect(!world.keyring.current.published.keys.contains { $0.keyID == old })
        let revocations = Revocations(store: world.store, configuration: world.configuration)
        #expect(try await revocations.cutOff(for: [.signingKey(old)], now: now) == now)
        await #expect(throws: RegistrationError.self) { try await world.signing.retire(old, now: now) }
        await #expect(throws: RegistrationError.self) { try await world.signing.retire("unknown", now: now) }
    }

    @Test func `A superseded key does not come back when its successor is retired`() async throws {
        let world = try World()
        let first = try #require(try await world.signer(.es256, at: world.start))
        let now = world.start + .seconds(10)
        let second = try await world.signing.rotate(algorithm: .es256, immediately: .atOnce, now: now)[0].keyID
        #expect(try await world.signer(.es256, at: now) == second)
        try await world.signing.retire(second, now: now + .seconds(5))
        let third = try #require(try await world.signer(.es256, at: now + .seconds(5)))
        #expect(third != first && third != second)
        #expect(try await world.states(.es256, at: now + .seconds(5)).filter { $0 == .active }.count == 1)
    }

    @Test func `Another master key cannot open the keys, and says so`() async throws {
        let world = try World()
        try await world.signing.refresh(world.keyring, now: world.start)
        let other = try #require(MasterKey([UInt8](repeating: 8, count: 32)).map(DerivedKeys.init))
        let signing = SigningKeys(store: world.store, keys: other, configuration: world.configuration)
        await #expect(throws: StoreError.self) { try await signing.refresh(Keyring(), now: world.start) }
    }

    @Test func `A signing key is prepared once, and what came of it signs until another one takes over`() async throws {
        let world = try World()
        let prepared = Mutex<[String]>([])
        let signing = SigningKeys(
            store: world.store,
            keys: world.signing.keys,
            configuration: world.configuration,
            prepare: { key in
                prepared.withLock { $0.append(key.keyID) }
                return key
            }
        )
        for second in 0..<3 { try await signing.refresh(world.keyring, now: world.start + .seconds(second)) }
        #expect(prepared.withLock { $0.sorted() } == world.keyring.current.signing.values.map(\.keyID).sorted())
        let now = world.start + .seconds(10)
        let made = try await signing.rotate(algorithm: .rs256, immediately: .atOnce, now: now)
        for second in 0..<3 { try await signing.refresh(world.keyring, now: now + .seconds(second)) }
        #expect(prepared.withLock { $0.count } == 4)
        #expect(prepared.withLock { $0.last } == made[0].keyID)
        #expect(world.keyring.current.signing["RS256"]?.keyID == made[0].keyID)
    }

    @Test func `No private key stands in the store in the clear`() async throws {
        let world = try World()
        try await world.signing.refresh(world.keyring, now: world.start)
        let key = try #require(world.keyring.current.signing["ES256"])
        let secret = try #require(key.privateJWK.members["d"]?.stringValue)
        for record in try await world.store.page(
            SigningKeyRecord.kind,
            filter: .all,
            after: nil,
            limit: 10,
            now: world.start
        ) {
            let text = String(decoding: record.payload, as: UTF8.self)
            #expect(!text.contains(secret) && !text.contains("\"d\""))
        }
    }
}

/// A store whose first listing waits until as many have asked for one, so that all of them have seen the same.
private actor RendezvousStore: ForwardingStore {
    let destination: any Store
    private var missing: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ destination: any Store, parties: Int) {
        self.destination = destination
        missing = parties
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        let page = try await destination.page(kind, filter: filter, after: after, limit: limit, now: now)
        missing -= 1
        if missing > 0 {
            await withCheckedContinuation { waiting.append($0) }
        } else {
            for continuation in waiting { continuation.resume() }
            waiting = []
        }
        return page
    }
}
