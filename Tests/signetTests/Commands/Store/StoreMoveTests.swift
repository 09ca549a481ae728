import AuthorizationServer
import Foundation
import Instants
import SQLiteStore
import Storage
import Testing

@testable import signet

@Suite("Moving a store")
struct StoreMoveTests {
    let temporary: TemporaryFolder
    let now = Instant(secondsSinceEpoch: 1_800_000_000)

    init() throws { temporary = try TemporaryFolder() }

    func store(_ name: String) throws -> SQLiteStore { try SQLiteStore(path: temporary.path + "/" + name) }

    func filled(_ name: String) async throws -> SQLiteStore {
        let made = try store(name)
        for number in 0..<50 {
            let key = RecordKey(RecordKind(number < 20 ? "a" : "b"), "\(number)")
            let record = Record(
                key: key,
                indexes: [SecondaryIndex("n", "\(number)")],
                expiresAt: number < 5 ? now : nil,
                payload: [UInt8(number)]
            )
            _ = try await made.apply([.insert(record)], now: now - .seconds(1))
            if number % 3 == 0 { _ = try await made.apply([.consume(key)], now: now - .seconds(1)) }
        }
        return made
    }

    func move(_ source: SQLiteStore, _ target: SQLiteStore, settling: Duration = .zero) -> StoreMove {
        let quiet = Console(isDecorated: false) { _, _ in }
        return StoreMove(
            source: source,
            target: target,
            console: quiet,
            clock: { [now] in now },
            random: SystemRandomSource(),
            settling: settling,
            batch: 7
        )
    }

    /// What a kill leaves: both marks, some batches, and the place that goes with the last of them.
    func interrupted(_ source: SQLiteStore, _ target: SQLiteStore) async throws {
        var arrival = StoreMark(part: .arriving, move: "m", other: source.location, at: now)
        let leaving = StoreMark(part: .leaving, move: "m", other: target.location, at: now)
        let page = try await source.records(after: nil, limit: 13)
        arrival.position = page.last?.bytes
        arrival.copied = page.records.count
        try await target.load(page.records + [Record(key: StoreMark.key, payload: try arrival.encoded())])
        try await source.load([Record(key: StoreMark.key, payload: try leaving.encoded())])
    }

    @Test("A move that was killed goes on where it was; afterwards the old store refuses and the new one does not")
    func resumed() async throws {
        let (source, target) = (try await filled("a.sqlite"), try store("b.sqlite"))
        try await interrupted(source, target)
        #expect(await failure { try await StoreMark.check(target, now: now) }?.description.contains("13") == true)
        #expect(try await move(source, target).run().records == 50)
        #expect(await failure { try await StoreMark.check(source, now: now) }?.status == .configuration)
        try await StoreMark.check(target, now: now)
        #expect(try await target.inventory(now: now).map(\.count) == [20, 30])
        try await source.close()
        try await target.close()
    }

    @Test("A record that changed in the new store is found by the comparison, and the old store still counts")
    func compared() async throws {
        let (source, target) = (try await filled("a.sqlite"), try store("b.sqlite"))
        try await interrupted(source, target)
        let first = try await source.records(after: nil, limit: 1).records[0]
        var other = first
        other.payload = [99]
        try await target.load([other])
        let refused = await failure { _ = try await move(source, target).run() }
        #expect(refused?.status == .data)
        #expect(refused?.description.contains("a: 20 records there, 20 here") == true, "\(String(describing: refused))")
        #expect(try await StoreMark.find(in: source, now: now)?.part == .leaving)
        try await move(source, source).takeBack()
        try await StoreMark.check(source, now: now)
        try await source.close()
        try await target.close()
    }

    @Test("A target that holds other records is refused, and so is a source on which a server runs")
    func refused() async throws {
        let (source, target) = (try await filled("a.sqlite"), try await filled("b.sqlite"))
        #expect(await failure { _ = try await move(source, target).run() }?.status == .cannotCreate)
        let empty = try store("c.sqlite")
        _ = try await source.apply([.insert(lease)], now: now)
        #expect(await failure { _ = try await move(source, empty).run() }?.status == .unavailable)
        #expect(try await StoreMark.find(in: source, now: now) == nil)
        for each in [source, target, empty] { try await each.close() }
    }

    /// What a running server leaves in its store.
    var lease: Record {
        let text = "{\"body\":{\"holder\":\"n\",\"until\":\(now.millisecondsSinceEpoch + 2000)},\"v\":1}"
        return Record(key: FeedLease.key, payload: Array(text.utf8))
    }

    @Test(
        "A server that was being started when the move began is found before anything is copied",
        .timeLimit(.minutes(1))
    )
    func startedMeanwhile() async throws {
        let (source, target) = (try await filled("a.sqlite"), try store("b.sqlite"))
        let moving = move(source, target, settling: .seconds(1))
        async let refused = failure { _ = try await moving.run() }
        while try await StoreMark.find(in: source, now: now) == nil { try await Task.sleep(for: .milliseconds(1)) }
        _ = try await source.apply([.insert(lease)], now: now)
        #expect(await refused?.status == .unavailable)
        #expect(try await StoreMark.find(in: source, now: now) == nil)
        #expect(try await target.inventory(now: now).isEmpty)
        for each in [source, target] { try await each.close() }
    }

    @Test("A server that did not heed the mark is found before the new store counts")
    func unheeded() async throws {
        let (source, target) = (try await filled("a.sqlite"), try store("b.sqlite"))
        _ = try await source.apply([.insert(lease)], now: now)
        try await interrupted(source, target)
        #expect(await failure { _ = try await move(source, target).run() }?.status == .unavailable)
        #expect(try await StoreMark.find(in: source, now: now)?.part == .leaving)
        #expect(try await StoreMark.find(in: target, now: now)?.part == .arriving)
        for each in [source, target] { try await each.close() }
    }

    @Test("Whoever opened a store before it was marked writes nothing to it any more")
    func openedBefore() async throws {
        let inner = try store("a.sqlite")
        let opened = UnmovedStore(inner)
        func record(_ number: Int) -> Record { Record(key: RecordKey(RecordKind("a"), "\(number)"), payload: []) }
        #expect(try await opened.apply([.insert(record(1))], now: now) == .applied)
        #expect(
            try await opened.apply([.insert(record(2)), .insert(record(1))], now: now)
                == .conflict(change: 1, record: record(1))
        )
        let mark = StoreMark(part: .leaving, move: "m", other: "o", at: now)
        try await inner.put(mark, at: StoreMark.key, now: now)
        await #expect(throws: StoreError.self) { try await opened.apply([.insert(record(3))], now: now) }
        #expect(try await opened.find(record(3).key, now: now) == nil)
        #expect(try await opened.find(record(1).key, now: now) == record(1))
        _ = try await inner.apply([.delete(StoreMark.key)], now: now)
        #expect(try await opened.apply([.insert(record(3))], now: now) == .applied)
        try await opened.close()
    }

    @Test("A server ends when its store is marked, and not before", .timeLimit(.minutes(1)))
    func watched() async throws {
        let inner = try store("a.sqlite")
        let watch = MoveWatch(store: inner, time: FixedTime(now), logger: .quiet, pause: .milliseconds(1))
        let watching = Task { try await watch.run() }
        try await Task.sleep(for: .milliseconds(20))
        let mark = StoreMark(part: .leaving, move: "m", other: "o", at: now)
        try await inner.put(mark, at: StoreMark.key, now: now)
        #expect(await failure { try await watching.value }?.status == .configuration)
        try await inner.close()
    }

    @Test("A mark of version 1 stays readable")
    func frozenMark() throws {
        let body = #"{"at":1800000000000,"copied":3,"move":"m","other":"o","part":"arriving","position":[1]}"#
        let text = "{\"body\":\(body),\"v\":1}"
        let mark = try StoreMark(from: Record(key: StoreMark.key, payload: Array(text.utf8)))
        #expect(mark.part == .arriving && mark.position == [1] && mark.copied == 3)
    }
}
