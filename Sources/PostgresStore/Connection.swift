import Instants

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// How long the process has been up, or any other clock that is never set: waits are measured by it.
package typealias Uptime = @Sendable () -> Duration

/// One connection, used by the one thread that made it.
///
/// Commands travel together ("in one flight"): all are sent, then all answers are read, in libpq's pipeline mode.
final class Connection {
    private final class Notices {
        let library: LibPQ
        /// The server stopped waiting for a standby: what it then calls committed is on one machine only.
        var isUnreplicated = false

        init(library: LibPQ) { self.library = library }
    }

    private let library: LibPQ
    private let handle: LibPQ.Handle
    private let uptime: Uptime
    private let notices: Notices
    private var prepared: Set<String> = []
    /// Statements are planned anew each time, because the next flight may meet another server connection.
    private let isPooled: Bool

    /// Connects, on this thread.
    ///
    /// libpq waits itself, since only so does it pass over a host that accepts and says nothing: `PQconnectPoll` knows no
    /// `connect_timeout` (PostgreSQL 15, 34.1.2).
    init(
        _ parameters: ConnectionParameters,
        isPooled: Bool,
        library: LibPQ,
        uptime: @escaping Uptime
    ) throws(PostgresFault) {
        self.library = library
        self.isPooled = isPooled
        self.uptime = uptime
        notices = Notices(library: library)
        let ordered = parameters.ordered
        let names = ordered.map { strdup($0.name) }
        let values = ordered.map { strdup($0.value) }
        defer { for text in names + values { free(text) } }
        let made = library.connect(
            names.map { UnsafePointer($0) } + [nil],
            values.map { UnsafePointer($0) } + [nil],
            0
        )
        guard let made else { throw .lost("out of memory") }
        handle = made
        guard library.status(handle) == 0 else { throw .lost(library.message(of: handle)) }
        noteStandbys()
        guard library.setNonBlocking(handle, 1) == 0, library.enterPipelineMode(handle) == 1 else {
            throw .lost(library.message(of: handle))
        }
        if let host = library.host(handle), let port = library.port(handle) {
            parameters.noteConnected(host: String(cString: host), port: String(cString: port))
        }
    }

    deinit { library.finish(handle) }

    var serverVersion: Int { Int(library.serverVersion(handle)) }

    private func noteStandbys() {
        _ = library.setNoticeReceiver(
            handle,
            { context, notice in
                guard let context else { return }
                let notices = Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue()
                if notices.library.field("R", of: notice) == "SyncRepWaitForLSN" { notices.isUnreplicated = true }
            },
            Unmanaged.passUnretained(notices).toOpaque()
        )
    }

    /// Returns when the socket is ready for one of `events`.
    private func wait(for events: Int16, until deadline: Duration) throws(PostgresFault) {
        while true {
            let left = deadline - uptime()
            guard left > .zero else { throw .silent }
            var entry = pollfd(fd: library.socket(handle), events: events, revents: 0)
            guard entry.fd >= 0 else { throw .lost("the connection is closed") }
            let ready = poll(&entry, 1, Int32(min(left.wholeMilliseconds + 1, 60_000)))
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw .lost("poll failed") }
        }
    }

    // MARK: Flights

    /// Runs the commands in one round trip and returns what each answered.
    ///
    /// The first that fails ends the flight: the server skips the rest.
    func run(_ commands: [Command], timeout: Duration) throws(PostgresFault) -> [Rows] {
        let deadline = uptime() + timeout
        notices.isUnreplicated = false
        var expectations: [(prepares: String?, Void)] = []
        for command in commands {
            let isPrepared = !isPooled && !command.statement.name.isEmpty
            if isPrepared, !prepared.contains(command.statement.name) {
                try prepare(command.statement)
                expectations.append((command.statement.name, ()))
            }
            try send(command, isPrepared: isPrepared)
            expectations.append((nil, ()))
        }
        guard library.pipelineSync(handle) == 1 else { throw .lost(library.message(of: handle)) }
        var answers: [Rows] = []
        var failure: PostgresFault?
        for expectation in expectations {
            let answer = try nextAnswer(until: deadline)
            if let name = expectation.prepares {
                if answer.fault == nil, !answer.isSkipped { prepared.insert(name) }
            } else if let rows = answer.rows {
                answers.append(rows)
            }
            if failure == nil { failure = answer.fault }
        }
        try awaitSync(until: deadline)
        if let failure { throw failure }
        guard answers.count == commands.count else { throw .lost("the server left out an answer") }
        // Only a commit waits for standbys. It stands on this server and may be lost with it, so it is not acknowledged.
        if notices.isUnreplicated { throw .lost("the server stopped waiting for its standby") }
        return answers
    }

    private func prepare(_ statement: Statement) throws(PostgresFault) {
        let types = statement.types.map(\.rawValue)
        guard library.sendPrepare(handle, statement.name, statement.sql, Int32(types.count), types) == 1 else {
            throw .lost(library.message(of: handle))
        }
    }

    private func send(_ command: Command, isPrepared: Bool) throws(PostgresFault) {
        let count = command.parameters.count
        let types = command.statement.types.map(\.rawValue)
        let lengths = command.parameters.map { Int32($0.bytes?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: count)
        var buffer: [UInt8] = []
        buffer.reserveCapacity(lengths.reduce(1) { $0 + Int($1) })
        for parameter in command.parameters { buffer += parameter.bytes ?? [] }
        buffer.append(0)
        let isSent = buffer.withUnsafeBytes { bytes in
            var offset = 0
            let values = command.parameters.map { parameter -> UnsafePointer<CChar>? in
                guard let length = parameter.bytes?.count else { return nil }
                defer { offset += length }
                return bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
            }
            let statement = command.statement
            return isPrepared
                ? library.sendPrepared(handle, statement.name, Int32(count), values, lengths, formats, 1)
                : library.sendQuery(handle, statement.sql, Int32(count), types, values, lengths, formats, 1)
        }
        guard isSent == 1 else { throw .lost(library.message(of: handle)) }
    }

    private struct Answer {
        var rows: Rows?
        var fault: PostgresFault?
        var isSkipped = false
    }

    /// The result of one command; the terminating NULL that follows is read as well.
    private func nextAnswer(until deadline: Duration) throws(PostgresFault) -> Answer {
        guard let result = try nextResult(until: deadline) else { throw .lost("the server left out an answer") }
        let answer: Answer
        switch library.resultStatus(result) {
        case 0, 1, 2:
            answer = Answer(rows: Rows(result, library: library))
        case 11:
            library.clear(result)
            answer = Answer(isSkipped: true)
        default:
            let fault = fault(of: result)
            library.clear(result)
            if case .lost = fault { throw fault }
            answer = Answer(fault: fault)
        }
        guard try nextResult(until: deadline) == nil else { throw .lost("the server answered more than it was asked") }
        return answer
    }

    private func awaitSync(until deadline: Duration) throws(PostgresFault) {
        guard let result = try nextResult(until: deadline) else { throw .lost("the server left out an answer") }
        defer { library.clear(result) }
        guard library.resultStatus(result) == 10 else { throw .lost(library.message(of: handle)) }
    }

    private func fault(of result: LibPQ.Handle) -> PostgresFault {
        guard let code = library.field("C", of: result) else { return .lost(library.message(of: handle)) }
        let severity = library.field("V", of: result)
        return .server(
            code: code,
            message: library.field("M", of: result) ?? "no message",
            isFatal: severity == "FATAL" || severity == "PANIC"
        )
    }

    private func nextResult(until deadline: Duration) throws(PostgresFault) -> LibPQ.Handle? {
        while true {
            let unsent = library.flush(handle)
            guard unsent >= 0 else { throw lostWithLastWords() }
            if unsent == 0, library.isBusy(handle) == 0 { return library.nextResult(handle) }
            try wait(
                for: Int16(POLLIN) | (unsent > 0 ? Int16(POLLOUT) : 0),
                until: deadline
            )
            guard library.consumeInput(handle) == 1 else { throw lostWithLastWords() }
        }
    }

    /// A server that goes says why before it closes the connection; libpq keeps it as the next result.
    private func lostWithLastWords() -> PostgresFault {
        if library.isBusy(handle) == 0, let result = library.nextResult(handle) {
            defer { library.clear(result) }
            if library.resultStatus(result) == 7 { return fault(of: result) }
        }
        return .lost(library.message(of: handle))
    }

    // MARK: Between flights

    /// Whether the peer has not hung up, as far as is known here: no round trip.
    func isAlive() -> Bool {
        var entry = pollfd(fd: library.socket(handle), events: Int16(POLLIN), revents: 0)
        guard entry.fd >= 0 else { return false }
        guard poll(&entry, 1, 0) > 0 else { return library.status(handle) == 0 }
        return library.consumeInput(handle) == 1 && library.status(handle) == 0 && !hasParted()
    }

    /// An error that comes unasked is the server's good-bye (57P01 and its like).
    private func hasParted() -> Bool {
        var entry = pollfd(fd: library.socket(handle), events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) > 0 else { return false }
        return library.consumeInput(handle) != 1 || library.status(handle) != 0
    }

    /// Waits for a notification, and takes all that are there; false if the time passed without one.
    func awaitNotification(timeout: Duration) throws(PostgresFault) -> Bool {
        var entry = pollfd(fd: library.socket(handle), events: Int16(POLLIN), revents: 0)
        guard entry.fd >= 0 else { throw .lost("the connection is closed") }
        if poll(&entry, 1, Int32(timeout.wholeMilliseconds)) > 0 {
            guard library.consumeInput(handle) == 1 else { throw .lost(library.message(of: handle)) }
        }
        return takeNotifications()
    }

    func takeNotifications() -> Bool {
        var hasSome = false
        while let notification = library.nextNotification(handle) {
            library.freeMemory(notification)
            hasSome = true
        }
        return hasSome
    }
}
