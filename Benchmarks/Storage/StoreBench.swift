internal import Instants
internal import Storage
internal import Synchronization

/// Measures one store, whatever its engine.
final class StoreBench: Sendable {
    private let store: any RecordArchive
    /// How many requests were written in how many transactions.
    private let statistics: @Sendable () -> (requests: Int, commits: Int)
    private let families = Atomic<Int>(0)
    /// How many families `growth` has revoked.
    private let revoked = Atomic<Int>(0)
    /// As `Sweeper` of the server has them.
    private static let sweepLimit = 20
    private static let sweepPause: Duration = .milliseconds(5)

    init(_ store: any RecordArchive, statistics: @escaping @Sendable () -> (requests: Int, commits: Int)) {
        self.store = store
        self.statistics = statistics
    }

    var familyCount: Int { families.load(ordering: .relaxed) }

    /// `nil` for a command that is not about a store.
    func answer(_ words: [String]) async throws -> [String: Any]? {
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, numbers.count) {
        case ("fill", 1): return try await fill(upTo: numbers[0])
        case ("rotate", 2): return try await rotate(clients: numbers[0], seconds: numbers[1])
        case ("growth", 1): return try await growth(samples: numbers[0])
        case ("sweep", 1): return try await sweep(expired: numbers[0])
        default: return nil
        }
    }

    // MARK: - Filling

    /// Writes families through the store's own verbatim path, in large transactions, and reads some of them back.
    private func fill(upTo count: Int) async throws -> [String: Any] {
        let start = ContinuousClock.now
        var next = families.load(ordering: .relaxed)
        while next < count {
            let end = min(count, next + 4000)
            try await store.load((next..<end).map { Family.record($0) })
            next = end
        }
        families.store(next, ordering: .relaxed)
        for number in stride(from: 0, to: count, by: max(1, count / 100)) {
            let found = try await store.find(Family.key(number), now: Family.start)
            guard found?.key == Family.key(number) else { throw Fault("family \(number) is missing") }
        }
        let bytes = try await store.facts().bytes
        return ["families": count, "bytes": bytes, "seconds": elapsedSeconds(since: start)]
    }

    // MARK: - Rotations

    /// As many clients as asked for, each of which finds a family of its own and replaces it, without a pause.
    private func rotate(clients: Int, seconds: Int) async throws -> [String: Any] {
        let count = families.load(ordering: .relaxed)
        let before = statistics()
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for client in 0..<clients {
                group.addTask { [store] in
                    var random = SplitMix(seed: UInt64(client))
                    var done = 0
                    while ContinuousClock.now < end {
                        // Clients have families of their own: what is measured is rotations, not conflicts.
                        let number = Int(random.next() % UInt64(count / clients)) * clients + client
                        guard try await Self.rotateOnce(number, in: store) else { throw Fault("a conflict") }
                        done += 1
                    }
                    return done
                }
            }
            return try await group.reduce(0, +)
        }
        let elapsed = elapsedSeconds(since: start)
        let after = statistics()
        let together = Double(after.requests - before.requests) / Double(max(1, after.commits - before.commits))
        return ["rate": Double(done) / elapsed, "together": together]
    }

    private static func rotateOnce(_ number: Int, in store: any RecordArchive) async throws -> Bool {
        guard var record = try await store.find(Family.key(number), now: Family.start) else {
            throw Fault("family \(number) is missing")
        }
        record.payload = Family.payload(number, generation: record.version + 1)
        record.expiresAt = record.expiresAt.map { $0 + .milliseconds(1) }
        return try await store.apply([.replace(record, ifVersion: record.version)], now: Family.start) == .applied
    }

    // MARK: - Growth

    /// One after the other, so that a figure is the operation and not the queue before it; each on a family that none of
    /// the others has just touched, so that what is cold in a large store is paid for by each.
    private func growth(samples: Int) async throws -> [String: Any] {
        let count = families.load(ordering: .relaxed)
        var random = SplitMix(seed: UInt64(count + revoked.load(ordering: .relaxed)))
        var times: [String: [Double]] = [:]
        func timed(_ name: String, _ body: () async throws -> Void) async throws {
            let start = ContinuousClock.now
            try await body()
            times[name, default: []].append(elapsedSeconds(since: start) * 1000)
        }
        func any() -> Int { Int(random.next() % UInt64(count)) }
        for sample in 0..<samples {
            let (asked, rotated) = (any(), any())
            try await timed("introspect") { _ = try await store.find(Family.key(asked), now: Family.start) }
            try await timed("rotate") { _ = try await Self.rotateOnce(rotated, in: store) }
            let new = Family.record(1_000_000_000 + count * 10 + sample, expiresAt: Family.start + .seconds(1))
            try await timed("issue") { _ = try await store.apply([.insert(new)], now: Family.start) }
            let family = "family-\(nextToRevoke(of: count))"
            try await timed("revoke") { _ = try await store.apply([.revokeFamily(family)], now: Family.start) }
        }
        // What was issued here has expired by then, and nothing else has.
        for _ in 0..<max(1, samples / Self.sweepLimit) {
            try await timed("sweep") {
                _ = try await store.sweep(now: Family.start + .seconds(2), limit: Self.sweepLimit)
            }
        }
        return times.mapValues { ["p50": $0.quantile(0.5), "p99": $0.quantile(0.99)] }
    }

    /// Numbers that are far from one another and come once, since a revoked family has nothing more to revoke.
    private func nextToRevoke(of count: Int) -> Int {
        revoked.wrappingAdd(1, ordering: .relaxed).oldValue * 7919 % count
    }

    /// How long rotations take while the sweep works off many expired records as the server does, and how long it takes.
    private func sweep(expired: Int) async throws -> [String: Any] {
        for start in stride(from: 0, to: expired, by: 4000) {
            let range = start..<min(expired, start + 4000)
            try await store.load(range.map { Family.record(2_000_000_000 + $0, expiresAt: Family.start + .seconds(1)) })
        }
        let now = Family.start + .seconds(2)
        let count = families.load(ordering: .relaxed)
        var quiet: [Double] = []
        for sample in 0..<1000 {
            let begin = ContinuousClock.now
            _ = try await Self.rotateOnce(sample % count, in: store)
            quiet.append(elapsedSeconds(since: begin) * 1000)
        }
        let isOver = Atomic(false)
        let begin = ContinuousClock.now
        async let swept: Int = {
            defer { isOver.store(true, ordering: .relaxed) }
            var deleted = 0
            while true {
                let step = try await store.sweep(now: now, limit: Self.sweepLimit)
                deleted += step
                guard step == Self.sweepLimit else { return deleted }
                try await Task.sleep(for: Self.sweepPause)
            }
        }()
        var busy: [Double] = []
        while !isOver.load(ordering: .relaxed) {
            let begin = ContinuousClock.now
            _ = try await Self.rotateOnce(busy.count % count, in: store)
            busy.append(elapsedSeconds(since: begin) * 1000)
        }
        return [
            "deleted": try await swept, "seconds": elapsedSeconds(since: begin), "quiet": quiet.quantile(0.99),
            "sweeping": busy.quantile(0.99),
        ]
    }
}

/// The seconds that have passed.
func elapsedSeconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = (ContinuousClock.now - start).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
}

/// Random numbers that are the same in every run.
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
