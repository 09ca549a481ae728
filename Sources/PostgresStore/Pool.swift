import Dispatch
import Instants
import Storage
import Synchronization

/// What waits for a connection, and how many connections there are.
///
/// Requests queue up while all connections are busy, and the next free one takes what fits together: a commit then pays
/// for many requests. No wait takes place on Swift's cooperative threads.
final class Pool: Sendable {
    struct Queued<Request: Sendable>: Sendable {
        var request: Request
        var since: Duration
    }

    /// What a worker answers in one go.
    enum Work: Sendable {
        case reads([Queued<ReadRequest>])
        /// Several that apply, or one of another sort.
        case writes([Queued<WriteRequest>])
    }

    private struct State {
        var reads: [Queued<ReadRequest>] = []
        var writes: [Queued<WriteRequest>] = []
        var prefersWrites = false
        var workers = 0
        var idle = 0
        var connected = 0
        var isClosed = false
        var isNotificationQueued = false
        var failures = 0
        var nextAttempt: Duration = .zero
        var whenEmpty: [CheckedContinuation<Void, Never>] = []
        var statistics = Statistics()
    }

    struct Statistics: Sendable {
        var writes = 0
        var commits = 0
        var reads = 0
        var flights = 0
    }

    private enum Admission { case queued, wake, start, full, closed }

    let settings: PostgresStoreSettings
    let schema: Schema
    let sql: RecordSQL
    let isPooled: Bool
    let localSettings: String
    let announcing: Set<RecordKind>
    private let library: LibPQ
    private let parameters: ConnectionParameters
    private let uptime: Uptime
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    init(
        address: PostgresAddress,
        parameters: ConnectionParameters,
        settings: PostgresStoreSettings,
        announcing: Set<RecordKind>,
        library: LibPQ,
        uptime: @escaping Uptime
    ) {
        self.settings = settings
        self.announcing = announcing
        self.library = library
        self.parameters = parameters
        self.uptime = uptime
        schema = Schema(name: address.schema)
        sql = RecordSQL(schema)
        isPooled = address.isPooled
        localSettings = Schema.settings(settings, isLocal: true)
    }

    var statistics: Statistics { state.withLock { $0.statistics } }

    // MARK: Queueing

    func submit(_ request: ReadRequest) {
        let queued = Queued(request: request, since: uptime())
        let admission = state.withLock { state in
            admit(&state, waiting: state.reads.count, now: queued.since) { $0.reads.append(queued) }
        }
        if let error = carryOut(admission) { request.refuse(error) }
    }

    func submit(_ request: WriteRequest) {
        let queued = Queued(request: request, since: uptime())
        let admission = state.withLock { state in
            admit(&state, waiting: state.writes.count, now: queued.since) { $0.writes.append(queued) }
        }
        if let error = carryOut(admission) { refuse(.writes([queued]), error) }
    }

    private func admit(
        _ state: inout State,
        waiting: Int,
        now: Duration,
        _ queue: (inout State) -> Void
    ) -> Admission {
        guard !state.isClosed else { return .closed }
        guard waiting < settings.largestQueue else { return .full }
        queue(&state)
        if state.idle > 0 {
            state.idle -= 1
            return .wake
        }
        guard state.workers < max(settings.connections, 1) else { return .queued }
        // The server has refused a further connection a moment ago.
        guard state.connected == 0 || state.nextAttempt <= now else { return .queued }
        state.workers += 1
        return .start
    }

    /// Does what an admission asks for, and returns why the request is refused, if it is.
    private func carryOut(_ admission: Admission) -> StoreError? {
        switch admission {
        case .queued: return nil
        case .wake: work.signal()
        case .start:
            let isStarted = NativeThread.start { Worker(pool: self).run() }
            // The request stays queued for the other workers; if there are none, nobody else will refuse it.
            if !isStarted { noteWorkerGone() }
        case .full: return .unavailable(reason: "too many requests are waiting for the database")
        case .closed: return .unavailable(reason: "the store is closed")
        }
        return nil
    }

    private func noteWorkerGone() {
        let (waiting, isOver) = state.withLock { state -> ([Work], [CheckedContinuation<Void, Never>]) in
            state.workers -= 1
            guard state.workers == 0 else { return ([], []) }
            defer { (state.reads, state.writes, state.whenEmpty) = ([], [], []) }
            return ([.reads(state.reads), .writes(state.writes)], state.whenEmpty)
        }
        for work in waiting { refuse(work, .unavailable(reason: "no thread can be started")) }
        for continuation in isOver { continuation.resume() }
    }

    /// What to do next; waits for it, and returns `nil` once the pool is closed and nothing is left.
    func next() -> Work? {
        while true {
            enum Step {
                case work(Work)
                case wait, stop
            }
            let step: Step = state.withLock { state in
                if let work = take(&state) { return .work(work) }
                if state.isClosed { return .stop }
                state.idle += 1
                return .wait
            }
            switch step {
            case .wait: work.wait()
            case .stop:
                noteWorkerGone()
                return nil
            case .work(let work):
                if let timely = refusingLate(work) { return timely }
            }
        }
    }

    private func take(_ state: inout State) -> Work? {
        state.prefersWrites.toggle()
        if !state.writes.isEmpty, state.prefersWrites || state.reads.isEmpty {
            let count = batchSize(state.writes)
            defer { state.writes.removeFirst(count) }
            state.statistics.commits += 1
            state.statistics.writes += count
            return .writes(Array(state.writes.prefix(count)))
        }
        guard !state.reads.isEmpty else { return nil }
        let count = min(state.reads.count, settings.mostReadsTogether)
        defer { state.reads.removeFirst(count) }
        state.statistics.flights += 1
        state.statistics.reads += count
        return .reads(Array(state.reads.prefix(count)))
    }

    private func batchSize(_ writes: [Queued<WriteRequest>]) -> Int {
        var weight = 0
        let applies = writes.prefix(settings.mostRequestsInCommit).prefix { queued in
            guard case .apply(let request) = queued.request else { return false }
            defer { weight += request.weight }
            return weight == 0 || weight + request.weight <= settings.mostNamesInCommit
        }
        return max(applies.count, 1)
    }

    /// Leaves out what has waited for too long, or returns `nil` if that was all.
    private func refusingLate(_ work: Work) -> Work? {
        let earliest = uptime() - settings.queueTimeout
        let late = StoreError.unavailable(reason: "no connection to the database became free in time")
        switch work {
        case .reads(let requests):
            guard requests.contains(where: { $0.since < earliest }) else { return work }
            refuse(.reads(requests.filter { $0.since < earliest }), late)
            let timely = requests.filter { $0.since >= earliest }
            return timely.isEmpty ? nil : .reads(timely)
        case .writes(let requests):
            guard requests.contains(where: { $0.since < earliest }) else { return work }
            refuse(.writes(requests.filter { $0.since < earliest }), late)
            let timely = requests.filter { $0.since >= earliest }
            return timely.isEmpty ? nil : .writes(timely)
        }
    }

    /// The one way in which what was to be done is not done.
    private func refuse(_ work: Work, _ error: StoreError) {
        switch work {
        case .reads(let requests): for queued in requests { queued.request.refuse(error) }
        case .writes(let requests):
            for queued in requests {
                // Nobody waits for it, but the next one is only queued if this one is not.
                if case .notify = queued.request { noteNotifying() }
                queued.request.refuse(error)
            }
        }
    }

    /// Refuses whatever comes from now on; what is queued is still answered.
    func beginClosing() {
        let idle = state.withLock { state -> Int in
            defer { state.idle = 0 }
            state.isClosed = true
            return state.idle
        }
        for _ in 0..<idle { work.signal() }
    }

    /// Refuses whatever comes from now on; returns when what was queued has been answered.
    func close() async {
        beginClosing()
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.workers > 0 { state.whenEmpty.append(continuation) }
                return state.workers == 0
            }
            if isOver { continuation.resume() }
        }
    }

    // MARK: Connections

    func connect() throws(PostgresFault) -> Connection {
        let connection = try Connection(
            parameters,
            isPooled: isPooled,
            library: library,
            uptime: uptime
        )
        if !isPooled {
            let set = Command(Schema.settings(settings, isLocal: false))
            _ = try connection.run([set], timeout: settings.answerTimeout)
        }
        return connection
    }

    func noteConnected() {
        state.withLock { state in
            state.connected += 1
            state.failures = 0
            state.nextAttempt = .zero
        }
    }

    func noteDisconnected() { state.withLock { $0.connected -= 1 } }

    /// How long to wait before the next attempt to connect; `nil` if others are connected and can do what waits.
    func pauseBeforeConnecting() -> Duration? {
        let now = uptime()
        return state.withLock { state in
            guard !state.isClosed, state.nextAttempt > now else { return .zero }
            return state.connected > 0 ? nil : state.nextAttempt - now
        }
    }

    /// Puts the next attempt off, twice as long each time up to a bound, and a part of it by chance, so that nodes that
    /// lost a server together do not come back to it together.
    func noteUnreachable() {
        let now = uptime()
        let jitter = UInt64(bitPattern: LockName.hash(of: "\(now)")) % 512
        state.withLock { state in
            state.failures += 1
            let full = min(settings.longestBackoff, .milliseconds(50 << min(state.failures, 10)))
            state.nextAttempt = now + full * (512 + Int(jitter)) / 1024
        }
    }

    func unreachable(_ reason: String) -> StoreError {
        .unavailable(reason: "the database cannot be reached: \(reason)")
    }

    /// Puts back what a worker without a connection cannot do, for others who have one.
    ///
    /// True says that the worker is one too many and has to end. If none is connected, everybody is refused.
    func putBackOrRefuse(_ work: Work, reason: String) -> Bool {
        let (waiting, wakes, isSuperfluous) = state.withLock { state -> ([Work], Bool, Bool) in
            if state.connected > 0, !state.isClosed {
                switch work {
                case .reads(let requests): state.reads = requests + state.reads
                case .writes(let requests): state.writes = requests + state.writes
                }
                state.workers -= 1
                let wakes = state.idle > 0
                if wakes { state.idle -= 1 }
                return ([], wakes, true)
            }
            defer { (state.reads, state.writes) = ([], []) }
            return ([work, .reads(state.reads), .writes(state.writes)], false, false)
        }
        if wakes { self.work.signal() }
        for work in waiting { refuse(work, unreachable(reason)) }
        return isSuperfluous
    }

    // MARK: Announcements

    /// Sees to it that other nodes are told, once for all that is announced until it is done.
    func announce() {
        let isNew = state.withLock { state in
            defer { state.isNotificationQueued = true }
            return !state.isNotificationQueued
        }
        if isNew { submit(.notify) }
    }

    func noteNotifying() { state.withLock { $0.isNotificationQueued = false } }
}
