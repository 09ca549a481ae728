import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// draft-ietf-oauth-status-list-21 sections 5, 8 and 9: the list as a token, and where it is fetched.
@Suite struct StatusListTokenTests {
    func list(_ world: TestWorld, _ number: Int = 1) async throws -> [UInt8] {
        let response = try await world.fetch(.numbered("/status-lists/"), number: number)
        guard case .prepared(let type, let bytes) = response.body else { throw TestFailure() }
        #expect(type == "application/statuslist+jwt" && response.caching == .publicFor(.seconds(15)))
        return bytes
    }

    func token(_ bytes: [UInt8]) throws -> UnverifiedToken {
        try UnverifiedToken(String(decoding: bytes, as: UTF8.self))
    }

    @Test func `A list has the members that section 5.1 names, and no audience`() async throws {
        let world = try await TestWorld.listed()
        _ = try await world.grant()
        let token = try token(try await list(world))
        #expect(token.header["typ"] == "statuslist+jwt")
        let claims = token.unverifiedClaims
        #expect(claims["sub"] == "https://id.example/status-lists/1")
        #expect(claims["iat"] == .integer(world.now.secondsSinceEpoch))
        #expect(claims["exp"] == .integer(world.now.secondsSinceEpoch + 300))
        #expect(claims["ttl"] == 15 && claims["aud"] == nil)
        let list = try #require(claims["status_list"]?.objectValue)
        #expect(list["bits"] == 1 && list["aggregation_uri"] == "https://id.example/status-lists")
        #expect(try StatusBits(compressed: #require(list["lst"]?.stringValue)) == StatusBits())
    }

    @Test func `A list is signed anew when a bit turned, when its time is over, and when its key changed`() async throws
    {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        let first = try await list(world)
        #expect(try await list(world) == first)
        world.time.advance(by: .seconds(14))
        #expect(try await list(world) == first)
        world.time.advance(by: .seconds(1))
        let second = try await list(world)
        #expect(second != first)
        try await world.perform(.grant, on: tokens)
        try await world.settle()
        world.letListsAge()
        #expect(try await list(world) != second)
        // The clock steps back: an answer from the future is no answer.
        world.time.stepBack(by: .seconds(3600))
        let wall = world.time.moment().wall
        #expect(try token(try await list(world)).unverifiedClaims["iat"] == .integer(wall.secondsSinceEpoch))
    }

    @Test func `No list is answered while the log stands still and lacks what was ended`() async throws {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        func status() async throws -> Int { try await world.fetch(.numbered("/status-lists/"), number: 1).status }
        try await world.perform(.grant, on: tokens)
        // It waits for its number.
        world.time.advance(by: StatusLists.longestLag)
        #expect(try await status() == 200)
        world.letListsAge()
        #expect(try await status() == 503)
        // It has one, and waits for its bit.
        try await world.sequence()
        #expect(try await status() == 200)
        world.time.advance(by: StatusLists.longestLag)
        #expect(try await status() == 200)
        world.letListsAge()
        #expect(try await status() == 503)
        try await world.settle()
        #expect(try await world.isListedAsRevoked(tokens.access))
    }

    @Test func `A list that never was is not found, and there is no history`() async throws {
        let world = try await TestWorld.listed()
        _ = try await world.grant()
        for number in [2, nil] {
            let response = try await world.fetch(.numbered("/status-lists/"), number: number)
            #expect(response.status == 404 && response.failure?.description == "there is no such status list")
        }
        let past = try await world.fetch(
            .numbered("/status-lists/"),
            number: 1,
            parameters: [(name: "time", value: "1686925000")]
        )
        #expect(past.status == 501)
        #expect(try await world.fetch(.numbered("/status-lists/"), number: 1).status == 200)
    }

    @Test func `The aggregation names the lists that living tokens are in, and discovery names the aggregation`()
        async throws
    {
        let world = try await TestWorld.listed()
        func addresses() async throws -> JSON? {
            let response = try await world.fetch(.belowIssuer("/status-lists"))
            guard case .prepared("application/json", let bytes) = response.body else { throw TestFailure() }
            return try JSONObject(parsing: bytes)["status_lists"]
        }
        #expect(try await addresses() == [])
        _ = try await world.service()
        _ = try await world.serviceToken()
        #expect(try await addresses() == ["https://id.example/status-lists/1"])
        let metadata = world.services.metadata.first { $0.name == "status_list_aggregation_endpoint" }
        #expect(metadata?.value == "https://id.example/status-lists")
        // Its last token, and the day for which a list is kept beyond it, are over.
        world.time.advance(by: .seconds(2 * 86400))
        #expect(try await addresses() == [])
        #expect(try await world.fetch(.numbered("/status-lists/"), number: 1).status == 404)
        // The list is taken up again where it was left: no place is given twice.
        _ = try await world.serviceToken()
        #expect(try await addresses() == ["https://id.example/status-lists/1"])
    }

    @Test func `A list lives as long as the longest grant in it`() async throws {
        let world = try await TestWorld.listed()
        var tokens = try await world.grant()
        let place = try world.place(of: tokens.access)
        for _ in 0..<29 {
            world.time.advance(by: .seconds(86400))
            tokens = try Tokens(world.json(try await world.refresh(tokens.refresh)))
        }
        #expect(try world.place(of: tokens.access) == place)
        try await world.perform(.refreshToken, on: tokens)
        try await world.settle()
        #expect(try await world.isListedAsRevoked(tokens.access))
    }

    @Test func `Processes that give places away side by side never give one twice, nor after a restart`() async throws {
        let store = MemoryStore()
        let keys = try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init))
        let now = TestWorld.start
        var seen: Set<StatusReference> = []
        for _ in 0..<2 {
            let taken = try await withThrowingTaskGroup(of: [StatusReference].self) { group in
                for _ in 0..<4 {
                    let places = StatusPlaces(store: store, keys: keys)
                    group.addTask {
                        var taken: [StatusReference] = []
                        for _ in 0..<300 { taken.append(try await places.take(until: now + .seconds(900), now: now)) }
                        return taken
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(taken.count == 1200 && seen.isDisjoint(with: taken))
            seen.formUnion(taken)
        }
        #expect(seen.count == 2400)
    }

    @Test func `A full list is followed by the next one`() async throws {
        let store = MemoryStore()
        let keys = try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init))
        let now = TestWorld.start
        let nearlyFull = StatusAllocationRecord(list: 1, next: StatusBits.size - StatusPlaces.blockSize)
        let record = Record(key: StatusAllocationRecord.key, payload: try nearlyFull.encoded())
        #expect(try await store.apply([.insert(record)], now: now) == .applied)
        let places = StatusPlaces(store: store, keys: keys)
        var lists: [Int: Int] = [:]
        for _ in 0..<(StatusPlaces.blockSize + 3) {
            lists[try await places.take(until: now + .seconds(900), now: now).list, default: 0] += 1
        }
        #expect(lists == [1: StatusPlaces.blockSize, 2: 3])
    }

    @Test func `FIELD F22, GHSA-7fpj-9hr8-28vh: a status list is neither an access token nor an ID token`() async throws
    {
        let world = try await TestWorld.listed()
        let tokens = try await world.grant()
        let list = String(decoding: try await list(world), as: UTF8.self)
        #expect(try await world.introspect(list)["active"] == false)
        #expect(try await world.introspect(tokens.access)["active"] == true)
        let keys = world.services.keyring.current.published
        let issuer = world.services.configuration.issuer
        #expect(throws: OAuthError.self) { try IDTokenHint(list, keys: keys, issuer: issuer, now: world.now) }
        let idToken = try #require(tokens.id)
        #expect(try IDTokenHint(idToken, keys: keys, issuer: issuer, now: world.now).subject.value == "alice")
    }
}
