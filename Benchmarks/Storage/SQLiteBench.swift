internal import Foundation
internal import GRDBSQLite
internal import Instants
internal import SQLiteStore
internal import Storage
internal import Synchronization

/// Measures `SQLiteStore` on one file, and SQLite without it on another.
final class SQLiteBench: Sendable {
    private let path: String
    private let opened = Mutex<SQLiteStore?>(nil)
    private let families = Atomic<Int>(0)

    init(path: String) { self.path = path }

    func answer(_ words: [String]) async throws -> [String: Any] {
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, numbers.count) {
        case ("fill", 1): return try await fill(upTo: numbers[0])
        case ("rotate", 2): return try await rotate(clients: numbers[0], seconds: numbers[1])
        case ("loop", 2): return try loop(together: numbers[0], seconds: numbers[1])
        case ("disk", 1): return try disk(seconds: numbers[0])
        case ("growth", 1): return try await growth(samples: numbers[0])
        case ("sweep", 1): return try await sweep(expired: numbers[0])
        default: throw Fault("no command: \(words.joined(separator: " "))")
        }
    }

    private func store() throws -> SQLiteStore {
        try opened.withLock { opened in
            if let opened { return opened }
            let made = try SQLiteStore(path: path)
            opened = made
            return made
        }
    }

    // MARK: - Filling

    /// Writes families through the store's own verbatim path, in large transactions, and reads some of them back.
    private func fill(upTo count: Int) async throws -> [String: Any] {
        let store = try store()
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
        return ["families": count, "bytes": bytes, "seconds": seconds(since: start)]
    }

    // MARK: - Rotations

    /// As many clients as asked for, each of which finds a family of its own and replaces it, without a pause.
    private func rotate(clients: Int, seconds: Int) async throws -> [String: Any] {
        let store = try store()
        let count = families.load(ordering: .relaxed)
        let before = store.commitStatistics
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        let done = try await withThrowingTaskGroup(of: Int.self) { group in
            for client in 0..<clients {
                group.addTask {
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
        let elapsed = self.seconds(since: start)
        let after = store.commitStatistics
        let together = Double(after.requests - before.requests) / Double(max(1, after.commits - before.commits))
        return ["rate": Double(done) / elapsed, "together": together]
    }

    private static func rotateOnce(_ number: Int, in store: SQLiteStore) async throws -> Bool {
        guard var record = try await store.find(Family.key(number), now: Family.start) else {
            throw Fault("family \(number) is missing")
        }
        record.payload = Family.payload(number, generation: record.version + 1)
        record.expiresAt = record.expiresAt.map { $0 + .milliseconds(1) }
        return try await store.apply([.replace(record, ifVersion: record.version)], now: Family.start) == .applied
    }

    // MARK: - Without a store

    /// One connection, one thread: the same update as a prepared statement, in transactions of `together`, `FULL`.
    private func loop(together: Int, seconds: Int) throws -> [String: Any] {
        var connection: OpaquePointer?
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK else {
            throw Fault("the file cannot be opened")
        }
        defer { sqlite3_close_v2(connection) }
        for pragma in ["synchronous = FULL", "cache_size = -4096", "journal_size_limit = 16777216"] {
            sqlite3_exec(connection, "PRAGMA \(pragma)", nil, nil, nil)
        }
        let read = try prepare("SELECT version, payload FROM records WHERE kind = ? AND identifier = ?", connection)
        let write = try prepare(
            "UPDATE records SET version = ?, expires_at = ?, consumed_at = NULL, payload = ? WHERE kind = ? AND identifier = ?",
            connection
        )
        defer {
            sqlite3_finalize(read)
            sqlite3_finalize(write)
        }
        let count = families.load(ordering: .relaxed)
        var random = SplitMix(seed: 99)
        var done = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            sqlite3_exec(connection, "BEGIN IMMEDIATE", nil, nil, nil)
            for _ in 0..<max(1, together) {
                let number = Int(random.next() % UInt64(count))
                let key = Family.key(number)
                bind(key, at: 1, to: read)
                guard sqlite3_step(read) == SQLITE_ROW else { throw Fault("family \(number) is missing") }
                let version = sqlite3_column_int64(read, 0) + 1
                sqlite3_reset(read)
                sqlite3_bind_int64(write, 1, version)
                sqlite3_bind_int64(write, 2, (Family.start + .seconds(30 * 86_400)).millisecondsSinceEpoch + version)
                bind(Family.payload(number, generation: version), at: 3, to: write)
                bind(key, at: 4, to: write)
                guard sqlite3_step(write) == SQLITE_DONE else { throw Fault("an update failed") }
                sqlite3_reset(write)
                done += 1
            }
            guard sqlite3_exec(connection, "COMMIT", nil, nil, nil) == SQLITE_OK else { throw Fault("a commit failed") }
        }
        return ["rate": Double(done) / self.seconds(since: start)]
    }

    private func prepare(_ sql: String, _ connection: OpaquePointer?) throws -> OpaquePointer? {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK
        else { throw Fault("a statement was refused: \(sql)") }
        return statement
    }

    private func bind(_ key: RecordKey, at place: Int32, to statement: OpaquePointer?) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_bind_text(statement, place, key.kind.name, -1, transient)
        bind(key.identifier.bytes, at: place + 1, to: statement)
    }

    private func bind(_ bytes: [UInt8], at place: Int32, to statement: OpaquePointer?) {
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        sqlite3_bind_blob(statement, place, bytes, Int32(bytes.count), transient)
    }

    /// What the disk does: writes of 4 KiB, each followed by `fdatasync`.
    private func disk(seconds: Int) throws -> [String: Any] {
        let file = path + ".disk"
        let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw Fault("\(file) cannot be made") }
        defer {
            close(descriptor)
            unlink(file)
        }
        let page = [UInt8](repeating: 7, count: 4096)
        var done = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            guard pwrite(descriptor, page, page.count, off_t(done % 1024 * 4096)) == page.count,
                fdatasync(descriptor) == 0
            else { throw Fault("the disk refused") }
            done += 1
        }
        return ["rate": Double(done) / self.seconds(since: start)]
    }

    // MARK: - Growth

    /// One after the other, so that a figure is the operation and not the queue before it.
    private func growth(samples: Int) async throws -> [String: Any] {
        let store = try store()
        let count = families.load(ordering: .relaxed)
        var random = SplitMix(seed: UInt64(count))
        var times: [String: [Double]] = [:]
        func timed(_ name: String, _ body: () async throws -> Void) async throws {
            let start = ContinuousClock.now
            try await body()
            times[name, default: []].append(seconds(since: start) * 1000)
        }
        for sample in 0..<samples {
            let number = Int(random.next() % UInt64(count))
            try await timed("introspect") { _ = try await store.find(Family.key(number), now: Family.start) }
            try await timed("rotate") { _ = try await Self.rotateOnce(number, in: store) }
            let new = Family.record(1_000_000_000 + count * 10 + sample, expiresAt: Family.start + .seconds(1))
            try await timed("issue") { _ = try await store.apply([.insert(new)], now: Family.start) }
            let family = "family-\(1_000_000_000 + count * 10 + sample)"
            try await timed("revoke") { _ = try await store.apply([.revokeFamily(family)], now: Family.start) }
        }
        // What was issued here has expired by then, and nothing else has.
        for _ in 0..<max(1, samples / 200) {
            try await timed("sweep") { _ = try await store.sweep(now: Family.start + .seconds(2), limit: 200) }
        }
        return times.mapValues { ["p50": $0.quantile(0.5), "p99": $0.quantile(0.99)] }
    }

    /// How long rotations take while the sweep works off many expired records as the server does, and how long it takes.
    private func sweep(expired: Int) async throws -> [String: Any] {
        let store = try store()
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
            quiet.append(seconds(since: begin) * 1000)
        }
        let isOver = Atomic(false)
        let begin = ContinuousClock.now
        async let swept: Int = {
            defer { isOver.store(true, ordering: .relaxed) }
            var deleted = 0
            while true {
                let step = try await store.sweep(now: now, limit: 200)
                deleted += step
                guard step == 200 else { return deleted }
                try await Task.sleep(for: .milliseconds(50))
            }
        }()
        var busy: [Double] = []
        while !isOver.load(ordering: .relaxed) {
            let begin = ContinuousClock.now
            _ = try await Self.rotateOnce(busy.count % count, in: store)
            busy.append(seconds(since: begin) * 1000)
        }
        return [
            "deleted": try await swept, "seconds": seconds(since: begin), "quiet": quiet.quantile(0.99),
            "sweeping": busy.quantile(0.99),
        ]
    }

    private func seconds(since start: ContinuousClock.Instant) -> Double {
        let elapsed = (ContinuousClock.now - start).components
        return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    }
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
