import Instants
import JOSE
import RevocationFeed
import Synchronization

/// What a reader asks for.
struct FeedRequest: Hashable, Sendable {
    var audience: String
    var nonce: String
    var epoch: String
    var after: UInt64
}

extension FeedPublisher {
    /// The most bytes of messages that are put together at once.
    private static let portion = 1024 * 1024

    /// The signed head of a snapshot, a line feed, and the entries.
    func snapshot(audience: String, nonce: String) async throws(OAuthError) -> [UInt8] {
        try await freshness(for: audience, withSet: true)
        let now = time.moment().steady
        let (feed, key) = shared.withLock { ($0.audiences[audience], $0.keys?.signing) }
        guard let feed, let set = feed.set else { throw .unavailable("the set of \(audience) is not there") }
        let encoded: (bytes: [UInt8], count: Int)
        // Expired entries do no harm for a second; encoding a hundred thousand of them for every reader would.
        if let made = feed.snapshot, made.position == feed.position, now - made.madeAt < .seconds(1) {
            encoded = (made.bytes, made.count)
        } else {
            encoded = set.bytes(at: now)
            shared.withLock { $0.audiences[audience]?.snapshot = (feed.position, now, encoded.bytes, encoded.count) }
        }
        let digest = FeedMessage.digest(ofSnapshot: encoded.bytes)
        let head = shared.withLock { shared in
            statement(
                audience,
                at: feed.position,
                .snapshot(nonce: nonce, count: encoded.count, digest: digest),
                in: shared
            )
        }
        guard let text = head.flatMap({ sign($0, key) }) else { throw .unavailable("a snapshot could not be signed") }
        return Array(text.utf8) + [UInt8(ascii: "\n")] + encoded.bytes
    }

    /// Messages as server-sent events from a place on.
    func events(_ request: FeedRequest) async throws(OAuthError) -> any BodyStreaming {
        try await freshness(for: request.audience)
        let (hello, number) = try hello(request)
        return FeedStream(
            publisher: self,
            audience: request.audience,
            hello: hello,
            number: number,
            until: time.moment().steady + FeedLimits.streamLifetime
        )
    }

    /// The messages after a place, at once or as soon as there are any.
    func poll(_ request: FeedRequest, wait: Duration) async throws(OAuthError) -> [String] {
        try await freshness(for: request.audience)
        let (_, number) = try hello(request)
        if wait > .zero {
            try? await within(wait) { [self] in
                await subscribed(to: request.audience) { wakes in
                    if let end = end(of: request.audience), end != number { return }
                    for await _ in wakes {
                        guard end(of: request.audience) == number else { return }
                    }
                }
            }
        }
        let (hello, _) = try self.hello(request)
        guard let portion = portion(of: request.audience, from: number) else {
            throw .snapshotRequired("the place was lost while waiting")
        }
        return [hello] + portion.texts
    }

    /// A hello for the reader's nonce, and the number of the message with which it goes on.
    private func hello(_ request: FeedRequest) throws(OAuthError) -> (text: String, number: UInt64) {
        let (message, key, number) = shared.withLock { shared -> (FeedMessage?, SigningKey?, UInt64?) in
            guard let feed = shared.audiences[request.audience], feed.position.epoch == request.epoch else {
                return (nil, nil, nil)
            }
            return (
                statement(request.audience, at: feed.position, .hello(nonce: request.nonce), in: shared),
                shared.keys?.signing, feed.number(after: request.after)
            )
        }
        guard let number else {
            throw .snapshotRequired("\(request.audience) at \(request.after) of epoch \(request.epoch.prefix(32))")
        }
        guard let text = message.flatMap({ sign($0, key) }) else { throw .unavailable("a hello could not be signed") }
        return (text, number)
    }

    // MARK: - Messages

    /// What a reader is given next; `nil` if it has fallen behind what is kept.
    struct Portion: Sendable {
        var texts: [String] = []
        var sequences: [UInt64] = []
        var events: [StaticString] = []
        /// The number with which it goes on.
        var next: UInt64
        /// The latest heartbeat, where nothing comes after it.
        var heartbeat: (number: UInt64, text: String, sequence: UInt64)?
    }

    func portion(of audience: String, from number: UInt64) -> Portion? {
        let (kept, key, heartbeat, end) = shared.withLock { shared in
            let feed = shared.audiences[audience]
            return (
                feed?.messages(from: number, limit: Self.portion), shared.keys?.signing,
                feed.flatMap { feed in feed.heartbeat.map { ($0.number, $0.text, feed.position.sequence) } },
                feed?.end ?? 0
            )
        }
        guard let kept else { return nil }
        var portion = Portion(next: number)
        for var kept in kept {
            if kept.text == nil {
                guard let text = sign(kept.message, key) else { return nil }
                kept.text = text
                shared.withLock { $0.audiences[audience]?.keep(text, at: portion.next) }
            }
            portion.texts.append(kept.text ?? "")
            portion.sequences.append(kept.message.position.sequence)
            if case .keys = kept.message.content {
                portion.events.append("keys")
            } else {
                portion.events.append("delta")
            }
            portion.next += 1
        }
        if portion.next == end { portion.heartbeat = heartbeat }
        return portion
    }

    private func end(of audience: String) -> UInt64? { shared.withLock { $0.audiences[audience]?.end } }

    /// Runs `body` with a sequence that has an element whenever something came for the audience, and ends at shutdown.
    func subscribed(to audience: String, _ body: (AsyncStream<Void>) async throws -> Void) async rethrows {
        let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let ticket = shared.withLock { shared in
            shared.tickets += 1
            if shared.isDown { continuation.finish() }
            shared.audiences[audience]?.add(shared.tickets, continuation)
            return shared.tickets
        }
        defer { shared.withLock { $0.audiences[audience]?.remove(ticket) } }
        try await body(wakes)
    }

    // MARK: - Freshness

    /// Waits for the end of a look that began after this call and has seen everything that was committed before it.
    ///
    /// - Parameter withSet: whether what must be known now is wanted too.
    private func freshness(for audience: String, withSet: Bool = false) async throws(OAuthError) {
        let asked = shared.withLock { shared in
            if shared.audiences[audience] == nil { shared.wantsUpkeep = true }
            if withSet, shared.audiences[audience]?.set == nil { shared.wantedSets.insert(audience) }
            return shared.looks
        }
        do {
            try await within(FeedLimits.proofPatience) { [self] in
                let (wakes, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
                let ticket = shared.withLock { shared in
                    shared.tickets += 1
                    shared.waiting[shared.tickets] = continuation
                    if shared.isDown { continuation.finish() }
                    return shared.tickets
                }
                defer { shared.withLock { $0.waiting[ticket] = nil } }
                var wakeups = wakes.makeAsyncIterator()
                while !isFresh(audience, since: asked, withSet: withSet) {
                    switch await tick() {
                    case .failed(let reason): throw OAuthError.unavailable(reason)
                    case .idle, .published: if isFresh(audience, since: asked, withSet: withSet) { return }
                    }
                    guard await wakeups.next() != nil else { throw OAuthError.unavailable("the server is stopping") }
                    try await Task.sleep(for: FeedLimits.restInterval)
                }
            }
        } catch let error as OAuthError {
            throw error
        } catch {
            throw .unavailable("the revocation feed could not be proven fresh within \(FeedLimits.proofPatience)")
        }
    }

    private func isFresh(_ audience: String, since asked: UInt64, withSet: Bool) -> Bool {
        shared.withLock { shared in
            guard let proof = shared.proof, proof.index > asked, let feed = shared.audiences[audience] else {
                return false
            }
            guard withSet, feed.set == nil else { return true }
            // The look did not know the audience yet, or had its feed begin anew: the wish went to nobody.
            shared.wantedSets.insert(audience)
            return false
        }
    }
}

/// Time was up.
struct OutOfPatience: Error {}

/// Runs `body`, but waits for it no longer than this: one that hangs is cancelled and left behind.
private func within(_ patience: Duration, _ body: @escaping @Sendable () async throws -> Void) async throws {
    let (outcomes, outcome) = AsyncStream<Result<Void, any Error>>.makeStream(bufferingPolicy: .bufferingOldest(1))
    let running = Task {
        do {
            try await body()
            outcome.yield(.success(()))
        } catch {
            outcome.yield(.failure(error))
        }
    }
    let timer = Task {
        guard (try? await Task.sleep(for: patience)) != nil else { return }
        outcome.yield(.failure(OutOfPatience()))
    }
    defer {
        timer.cancel()
        running.cancel()
    }
    for await first in outcomes { return try first.get() }
    throw CancellationError()
}
