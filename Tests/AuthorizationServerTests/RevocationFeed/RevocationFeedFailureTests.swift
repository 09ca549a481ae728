import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A store that fails, hangs or answers when it is told to, and counts what it was asked.
final class FeedTestStore: ForwardingStore {
    enum Mode: Sendable { case fine, failing, hanging, hangingAtOutbox, loseAnswers }

    private struct State {
        var mode = Mode.fine
        var reads = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let destination: any Store
    private let state = Mutex(State())

    init(_ base: any Store = MemoryStore()) { destination = base }

    var reads: Int { state.withLock { $0.reads } }
    var mode: Mode { state.withLock { $0.mode } }
    /// How many calls hang.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    func set(_ mode: Mode) {
        let waiting = state.withLock { state in
            state.mode = mode
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func pass(_ kind: RecordKind? = nil) async throws(StoreError) {
        let mode = state.withLock { state in
            state.reads += 1
            return state.mode
        }
        if mode == .failing { throw .unavailable(reason: "the disk is gone") }
        guard mode == .hanging || mode == .hangingAtOutbox && kind == EndingRecord.kind else { return }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                if state.mode != mode { return true }
                state.waiting.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    func find(_ lookups: [Lookup], now: Instant) async throws(StoreError) -> [Record?] {
        try await pass()
        return try await destination.find(lookups, now: now)
    }

    func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let loses = state.withLock { $0.mode == .loseAnswers }
        if loses {
            _ = try await destination.apply(changes, now: now)
            throw .unavailable(reason: "the answer was lost")
        }
        try await pass()
        return try await destination.apply(changes, now: now)
    }

    func page(
        _ kind: RecordKind,
        filter: PageFilter,
        after: IdentifierHash?,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [Record] {
        try await pass(kind)
        return try await destination.page(kind, filter: filter, after: after, limit: limit, now: now)
    }
}

/// What happens when something breaks.
@Suite(.timeLimit(.minutes(5))) struct RevocationFeedFailureTests {
    @Test func `A node whose store throws signs no heartbeat, and none late for the time that it was silent`()
        async throws
    {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        let (tap, task) = try await feed.stream(try await feed.reader())
        func beat() async {
            feed.world.time.advance(by: .milliseconds(250))
            await feed.feed.tick()
        }
        await beat()
        await tap.arrive(2)
        let last = feed.world.now
        store.set(.failing)
        for _ in 0..<20 { await beat() }
        #expect(await tap.messages.map(\.event) == ["hello", "heartbeat"])
        let ended = feed.world.now
        store.set(.fine)
        await beat()
        await tap.arrive(3)
        let reader = try await feed.reader()
        let moments = try await tap.messages.map { try reader.verified($0.data).asOf }
        #expect(moments.last == ended + .milliseconds(250) && moments[1] == last)
        feed.feed.shutdown()
        try await task.value
    }

    @Test func `A heartbeat says as of when the read began, not when it ended`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        let reader = try await feed.reader()
        let (tap, task) = try await feed.stream(reader)
        store.set(.hanging)
        feed.world.time.advance(by: .milliseconds(250))
        let began = feed.world.now
        let before = store.reads
        let look = Task { await feed.feed.tick() }
        while store.reads == before { await Task.yield() }
        feed.world.time.advance(by: .seconds(2))
        #expect(await tap.messages.count == 1)
        // Another look does not overtake the one that hangs.
        #expect(await feed.feed.tick() == .idle)
        store.set(.fine)
        _ = await look.value
        await tap.arrive(2)
        #expect(try await reader.verified(tap.messages[1].data).asOf == began)
        feed.feed.shutdown()
        try await task.value
    }

    @Test func `While the store is away a hello is refused, and a snapshot too`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        let reader = try await feed.reader()
        store.set(.failing)
        for attempt in 0..<3 {
            let error = await #expect(throws: OAuthError.self) {
                switch attempt {
                case 0: _ = try await feed.feed.events(feed.request(reader))
                case 1: _ = try await feed.feed.poll(feed.request(reader), wait: .zero)
                default: _ = try await feed.feed.snapshot(audience: TestWorld.api, nonce: FeedWorld.nonce)
                }
            }
            #expect(error?.status == 503)
        }
        store.set(.fine)

        #expect(try await feed.feed.poll(feed.request(reader), wait: .zero).count == 1)
    }

    @Test func `A store that hangs keeps nobody waiting longer than the feed's patience`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        let reader = try await feed.reader()
        store.set(.hanging)
        let relief = Task {
            guard (try? await Task.sleep(for: FeedLimits.proofPatience * 4)) != nil else { return }
            store.set(.fine)
        }
        let error = await #expect(throws: OAuthError.self) {
            try await feed.feed.poll(feed.request(reader), wait: .zero)
        }
        #expect(error?.status == 503)
        relief.cancel()
        store.set(.fine)
    }

    @Test func `An apply whose answer was lost is found out, and nothing is numbered twice`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        var reader = try await feed.reader()
        for number in 0..<5 {
            try await feed.end(Ending(.subject(try #require(Subject("p\(number)"))), because: .personDisabled))
            store.set(.loseAnswers)
            guard case .failed = await feed.feed.tick() else { throw TestFailure() }
            store.set(.fine)
            try await feed.update(&reader)
            #expect(reader.entries.count == number + 1)
        }
        let batches = try await FeedLog(store: store).batches(after: 0, now: feed.world.now)
        #expect(batches.flatMap(\.endings).count == 5)
    }

    @Test func `At idle a look is one read`() async throws {
        let store = FeedTestStore()
        let feed = try await FeedWorld(store: store)
        _ = try await feed.reader()
        await feed.feed.tick()
        let before = store.reads
        for _ in 0..<9 {
            feed.world.time.advance(by: .milliseconds(25))
            await feed.feed.tick()
        }
        #expect(store.reads - before == 9)
    }

    // MARK: - Places

    @Test func `A place of another epoch, beyond the end or no longer kept asks for a snapshot`() async throws {
        let feed = try await FeedWorld()
        let reader = try await feed.reader()
        var request = try feed.request(reader)
        request.epoch = "another"
        await expectGone { try await feed.feed.poll(request, wait: .zero) }
        request = try feed.request(reader)
        request.after = 5
        await expectGone { try await feed.feed.poll(request, wait: .zero) }
        request.after = 0
        #expect(try await feed.feed.poll(request, wait: .zero).count == 1)
        // A restarted node has the place but not the way to it.
        try await feed.end(Ending(.subject(try #require(Subject("alice"))), because: .personDisabled))
        await feed.feed.tick()
        #expect(try await feed.feed.poll(request, wait: .zero).count == 2)
        let restarted = feed.node(seed: 7)
        await expectGone { try await restarted.poll(request, wait: .zero) }
        await expectGone { _ = try await restarted.events(request) }
    }

    private func expectGone(_ body: () async throws -> Any) async {
        let error = await #expect(throws: OAuthError.self) { _ = try await body() }
        #expect(error?.status == 410 && error?.code.value == "snapshot_required")
    }
}
