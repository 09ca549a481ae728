import AuthorizationServer
import HTTPTypes
import JOSE
import Logging
import Synchronization
import Testing

@testable import ServerHTTP

@Suite("Health")
struct HealthTests {
    private struct Broken: Error {}

    private func status(_ answer: TestAnswer) throws -> String? {
        try JSONObject(parsing: answer.bytes)["status"]?.stringValue
    }

    private func world(_ checks: [Health.Check]) async throws -> (HTTPWorld, Health) {
        let health = Health(
            checks,
            time: SystemTimeSource(),
            logger: Logger(label: "health") { _ in SwiftLogNoOpLogHandler() }
        )
        return (try await HTTPWorld { $0.health = health }, health)
    }

    @Test("A process that answers is live, whatever it needs")
    func live() async throws {
        let (world, health) = try await world([.init("store") { throw Broken() }])
        health.drain()
        let answer = try await world.send(.get, "/livez")
        #expect(answer.status == 200)
        #expect(try status(answer) == "live")
    }

    @Test("A server is ready while everything works, names what does not, and says nothing of why")
    func ready() async throws {
        let works = Mutex(true)
        let (world, _) = try await world([
            .init("store") { if !works.withLock({ $0 }) { throw Broken() } }, .init("signing_keys") {},
        ])
        let well = try await world.send(.get, "/readyz")
        #expect(well.status == 200)
        #expect(well["cache-control"] == "no-store")
        #expect(try status(well) == "ready")
        works.withLock { $0 = false }
        try await Task.sleep(for: Health.freshness)
        let ill = try await world.send(.get, "/readyz")
        #expect(ill.status == 503)
        #expect(ill["retry-after"] == "1")
        let body = try JSONObject(parsing: ill.bytes)
        #expect(body["status"] == "unavailable")
        #expect(body["checks"]?.objectValue?["store"] == "failed")
        #expect(body["checks"]?.objectValue?["signing_keys"] == "ok")
        #expect(!String(decoding: ill.bytes, as: UTF8.self).contains("Broken"))
    }

    @Test("However often it is asked, a check runs once for the time that its answer is believed")
    func oneCheck() async throws {
        let count = Mutex(0)
        let health = Health(
            [.init("store") { count.withLock { $0 += 1 } }],
            time: SystemTimeSource(),
            logger: Logger(label: "health") { _ in SwiftLogNoOpLogHandler() }
        )
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { await health.report().isReady } }
            for await isReady in group { #expect(isReady) }
        }
        #expect(count.withLock { $0 } == 1)
    }

    @Test("A check that hangs has failed, and nobody waits for its end", .timeLimit(.minutes(1)))
    func hanging() async throws {
        let health = Health(
            [.init("store") { try await Task.sleep(for: .seconds(3600)) }],
            time: SystemTimeSource(),
            logger: Logger(label: "health") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(await health.report().results == [.init(name: "store", works: false)])
    }

    @Test("Checks run side by side, and are told in their order", .timeLimit(.minutes(1)))
    func sideBySide() async throws {
        let (begun, begins) = AsyncStream<Void>.makeStream()
        // The first comes to its end only if the second has begun meanwhile.
        let health = Health(
            [.init("store") { for await _ in begun { return } }, .init("redis") { begins.yield() }],
            time: SystemTimeSource(),
            logger: Logger(label: "health") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(
            await health.report().results == [.init(name: "store", works: true), .init(name: "redis", works: true)]
        )
    }

    @Test("A server that is about to stop says so, goes on answering, and closes connections")
    func draining() async throws {
        let (world, health) = try await world([])
        #expect(try await world.send(.get, "/jwks.json")["connection"] == nil)
        health.drain()
        let answer = try await world.send(.get, "/readyz")
        #expect(answer.status == 503)
        #expect(try status(answer) == "draining")
        let keys = try await world.send(.get, "/jwks.json")
        #expect(keys.status == 200)
        #expect(keys["connection"] == "close")
    }

    @Test("The addresses are at the root, also of a server whose issuer has a path")
    func paths() async throws {
        let world = try await HTTPWorld(issuer: "https://id.example/tenant")
        #expect(try await world.send(.get, "/readyz").status == 200)
        #expect(try await world.send(.get, "/tenant/readyz").status == 404)
        #expect(try await world.send(.post, "/readyz").status == 405)
        #expect(try await world.send(.head, "/livez").bytes.isEmpty)
    }
}
