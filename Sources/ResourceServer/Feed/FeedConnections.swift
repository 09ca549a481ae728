import Instants
import IssuerConnection
import JOSE
import RevocationFeed

/// The three ways to ask: each draws a nonce, notes the time, and hands over what comes to be judged.
extension FeedFollower {
    private var limits: FeedLimits { around.limits }

    // MARK: - Snapshot

    func takeSnapshot(_ requests: FeedRequests, _ keys: KeySet) async throws(FeedFault) {
        let nonce = around.randomness.text(24)
        let began = uptime
        var receiver = SnapshotReceiver(limits: limits)
        var adoption = SnapshotAdoption.joining
        try await exchange(requests.snapshot(nonce: nonce), FeedRequests.snapshotType) { bytes in
            guard self.uptime - began <= self.limits.snapshotTimeout else {
                throw FeedFault(.silence, "the snapshot takes too long")
            }
            try receiver.consume(bytes) { text in
                let head = try self.believe(text, keys)
                adoption = try self.ledger.judge(snapshot: head, answering: nonce)
                return head
            }
        }
        var (head, set) = try receiver.finish()
        let known = around.state.set
        let lastExpiry = known.lastExpiry
        if adoption == .joining { set.formUnion(known) }
        around.state.replace(with: set)
        try act(on: ledger.adopt(snapshot: head, lastExpiry: lastExpiry))
    }

    // MARK: - Stream

    func followEvents(_ requests: FeedRequests, _ keys: KeySet) async throws(FeedFault) {
        guard let position = ledger.position else {
            throw FeedFault(.snapshotRequired, "nothing known", remedy: .snapshot)
        }
        let nonce = around.randomness.text(24)
        let began = uptime
        var isThere = false
        var parser = EventStreamParser(maximumBytes: FeedMessage.maximumBytes + 64)
        ledger.open(nonce: nonce, sentAt: began)
        do throws(FeedFault) {
            try await exchange(
                requests.events(nonce: nonce, after: position),
                FeedRequests.eventsType,
                onHead: { isThere = true },
                onBytes: { bytes in
                    try parser.consume(bytes) { event in
                        guard Self.events.contains(event.type) else { return }
                        try self.take(event.data, keys)
                    }
                    let last = max(began, self.lastCoverage ?? began, self.lastAdvance ?? began)
                    guard self.uptime - last <= (last == began ? self.limits.helloTimeout : self.limits.silence) else {
                        throw FeedFault(.silence, "nothing that was new, or makes knowledge fresher")
                    }
                }
            )
        } catch {
            // What holds a response back until it ends holds its head back too. A server that is away is another matter,
            // and so is one that says what cannot be believed.
            if error.code == .silence || error.code == .transport && isThere { noteEndOfStream(began: began) }
            throw error
        }
        noteEndOfStream(began: began)
    }

    private static let events: Set = ["hello", "delta", "heartbeat", "keys"]

    // MARK: - Poll

    func poll(_ requests: FeedRequests, _ keys: KeySet, until end: Duration) async throws(FeedFault) {
        let began = uptime
        while uptime < end, !Task.isCancelled {
            guard let position = ledger.position else { break }
            let nonce = around.randomness.text(24)
            ledger.open(nonce: nonce, sentAt: uptime)
            var body: [UInt8] = []
            try await exchange(requests.poll(nonce: nonce, after: position), FeedRequests.pollType) { bytes in
                guard body.count + bytes.count <= FeedRequests.maximumPollBytes else {
                    throw FeedFault(.format, "the answer to a poll is too long")
                }
                body += bytes
            }
            let texts = try Self.messages(in: body)
            for text in texts { try take(text, keys) }
            // An answer proves nothing of the time for which the issuer held it.
            let longest = limits.helloTimeout + .seconds(limits.pollingWait)
            guard uptime - max(began, lastCoverage ?? began) <= longest else {
                throw FeedFault(.silence, "nothing that makes knowledge fresher")
            }
            do { try await around.clock.sleep(for: limits.pollingInterval) } catch { return }
        }
        endPolling()
    }

    private static func messages(in body: [UInt8]) throws(FeedFault) -> [String] {
        let bounds = ParsingLimits(maximumBytes: FeedRequests.maximumPollBytes, maximumDepth: 4)
        guard let object = try? JSONObject(parsing: body, limits: bounds),
            let texts = object["messages"]?.arrayValue?.map(\.stringValue), !texts.isEmpty, !texts.contains(nil)
        else { throw FeedFault(.format, "the answer to a poll cannot be read") }
        return texts.compactMap { $0 }
    }

    // MARK: - Transport

    /// One exchange, in which a fault ends what comes.
    private func exchange(
        _ request: TransportRequest,
        _ type: String,
        onHead: () -> Void = {},
        onBytes: ([UInt8]) throws -> Void
    ) async throws(FeedFault) {
        var fault: FeedFault?
        func guarded(_ body: () throws -> Void) throws {
            do {
                try body()
            } catch {
                fault = Self.fault(of: error)
                throw error
            }
        }
        do throws(TransportError) {
            try await around.transport.stream(
                request,
                idleTimeout: limits.silence,
                onHead: { head in
                    try guarded { try FeedRequests.check(head, is: type, now: self.around.clock.now) }
                    onHead()
                },
                onBytes: { bytes in try guarded { try onBytes(bytes) } }
            )
        } catch {
            if let fault { throw fault }
            throw FeedFault(error.code == .timedOut ? .silence : .transport, "\(error.code)")
        }
        if let fault { throw fault }
    }

    private static func fault(of error: any Error) -> FeedFault {
        if let fault = error as? FeedFault { return fault }
        if let error = error as? EventStreamError { return FeedFault(.format, error.reason) }
        return FeedFault(.format, "what came cannot be read")
    }
}
