// Room: what this server posts to others until they take it: security events (RFC 8935) and logout tokens (OpenID Connect
// Back-Channel Logout 1.0). Owns the order in which that happens: lanes, claims, rests. Stores nothing itself: whoever
// sends keeps records of its own, and says what an answer means.

import Instants
import Logging
import Storage

/// One POST to a receiver.
package struct PushRequest: Sendable {
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// How long the whole exchange may take.
    package var timeout: Duration
    /// The longest answer that is read.
    package var maximumAnswerBytes: Int
}

/// What came back.
package struct PushAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Why nothing came back: said by whoever posted, in words without secrets.
package struct PushFailure: Error, Hashable, Sendable {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// What posts: over https (http on loopback only), following no redirect, within time and size.
package protocol HTTPPosting: Sendable {
    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer
}

/// What became of an attempt.
package enum PushVerdict: Hashable, Sendable {
    case taken
    /// The receiver will never take it.
    case refused(String)
    /// Later it may work.
    case failed(String)

    /// One second, doubled with every attempt; then somewhere between half of that and all of it, so that much that
    /// failed together does not come back together.
    static func rest(after attempts: Int, atMost longest: Duration, random: any RandomSource) -> Duration {
        let whole = min(Duration.seconds(1) * (1 << min(max(attempts, 1) - 1, 20)), longest)
        let share = random.bytes(2).reduce(0) { $0 << 8 | Int($1) }
        return whole / 2 + whole / 2 * share / 65_535
    }
}

/// What waits for one receiver, as one process at a time serves it.
protocol OutboxLane: Payload {
    var id: String { get }
    /// Before this moment nothing is posted: the receiver failed.
    var restsUntil: Instant? { get set }
    /// Until then one process posts, and no other.
    var claimedUntil: Instant? { get set }
}

/// One thing that waits.
protocol OutboxItem: Payload {
    /// How often it was posted in vain.
    var attempts: Int { get set }
    /// Before this moment it is not posted again.
    var restsUntil: Instant? { get set }
}

/// A sender: where its lanes and items are kept, and what it makes of answers.
protocol Outbox: Sendable {
    associatedtype Lane: OutboxLane
    associatedtype Item: OutboxItem

    var store: any Store { get }
    var time: any TimeSource { get }
    var logger: Logger { get }
    /// What it sends, for the log.
    var subject: String { get }

    /// The lanes to be posted to.
    func lanes(now: Instant) async throws(StoreError) -> [Stored<Lane>]
    /// What waits in a lane, oldest first.
    func waiting(in lane: Lane, limit: Int, now: Instant) async throws(StoreError) -> [Stored<Item>]
    /// The request, made when it is sent; or the verdict where there is nothing to send.
    func prepared(_ item: Item, in lane: Lane) async throws(StoreError) -> OutboxPreparation
    func verdict(on answer: PushAnswer) -> PushVerdict
    /// Writes down what became of an attempt.
    func settle(_ item: Stored<Item>, in lane: Lane, _ verdict: PushVerdict) async throws(StoreError)
    /// Gives the claim on a lane back, if it is still the one that `lane` carries: whoever was away for longer than his claim
    /// stands would free the lane while another process posts.
    ///
    /// A claim that was taken over ends later than it, since it is only taken by whose clock it is over. The same moment can
    /// come again only after the lane was released, from a clock that is that much behind. Then two processes may post at
    /// once, as after every claim that ran out: what both send arrives twice, and each outcome is written down.
    func release(_ lane: Lane) async throws(StoreError)
}

/// What is to be done with an item.
enum OutboxPreparation: Sendable {
    case send(PushRequest)
    case settled(PushVerdict)
}

/// Posts what waits.
///
/// Items are independent of each other: each is sent until it is taken, and one that its receiver chokes on does not hold
/// back the others. How often it was tried and when it is tried again stands in its record.
struct OutboxPusher<Box: Outbox>: Sendable {
    static var timeout: Duration { .seconds(10) }
    static var maximumAnswerBytes: Int { 8 * 1024 }
    /// How many receivers are served at the same time.
    static var parallelLanes: Int { 8 }
    /// How long one process may go on posting to a receiver before another may.
    static var claim: Duration { .seconds(60) }
    /// The most that one receiver gets in one turn.
    static var largestTurn: Int { 50 }

    let box: Box
    let http: any HTTPPosting

    init(_ box: Box, by http: any HTTPPosting) {
        self.box = box
        self.http = http
    }

    /// One turn: every lane whose time has come, several at once.
    func tick() async throws(StoreError) {
        let now = box.time.moment().steady
        let due = try await box.lanes(now: now).filter { lane in
            (lane.content.restsUntil ?? now) <= now && (lane.content.claimedUntil ?? now) <= now
        }
        await withTaskGroup(of: Void.self) { group in
            for (index, lane) in due.enumerated() {
                if index >= Self.parallelLanes { await group.next() }
                group.addTask {
                    do throws(StoreError) {
                        try await serve(lane)
                    } catch {
                        box.logger.warning(
                            "\(box.subject) could not be sent",
                            metadata: ["lane": "\(lane.content.id)", "error": "\(error)"]
                        )
                    }
                }
            }
        }
    }

    private func serve(_ stored: Stored<Box.Lane>) async throws(StoreError) {
        var now = box.time.moment().steady
        guard try await next(in: stored.content, now: now) != nil else { return }
        var claimed = stored
        let until = now + Self.claim
        claimed.content.claimedUntil = until
        guard case .applied = try await box.store.apply([claimed.replaced()], now: now) else { return }
        var isWell = true
        for _ in 0..<Self.largestTurn where isWell && !Task.isCancelled {
            now = box.time.moment().steady
            guard now + Self.timeout < until, let item = try await next(in: stored.content, now: now) else { break }
            isWell = try await push(item, in: stored.content)
        }
        try await box.release(claimed.content)
    }

    /// The oldest item that does not rest.
    private func next(in lane: Box.Lane, now: Instant) async throws(StoreError) -> Stored<Box.Item>? {
        try await box.waiting(in: lane, limit: 100, now: now).first { ($0.content.restsUntil ?? now) <= now }
    }

    /// Sends one item; says whether the receiver is well.
    private func push(_ item: Stored<Box.Item>, in lane: Box.Lane) async throws(StoreError) -> Bool {
        let verdict: PushVerdict =
            switch try await box.prepared(item.content, in: lane) {
            case .settled(let verdict): verdict
            case .send(let request): await send(request)
            }
        try await box.settle(item, in: lane, verdict)
        if case .failed = verdict { return false }
        return true
    }

    private func send(_ request: PushRequest) async -> PushVerdict {
        do throws(PushFailure) {
            return box.verdict(on: try await http.post(request))
        } catch {
            return .failed(error.reason)
        }
    }
}

/// Keys that list what waits in a lane in the order in which it came.
enum OutboxOrder {
    static func key(_ kind: RecordKind, lane: String, at: Instant, position: Int, name: String) -> RecordKey {
        let moment = (0..<8).reversed().map { UInt8(truncatingIfNeeded: at.millisecondsSinceEpoch >> (8 * $0)) }
        let place = (0..<4).reversed().map { UInt8(truncatingIfNeeded: position >> (8 * $0)) }
        let bytes = Digest.sha256(lane).prefix(16) + moment + place + Digest.sha256(name).prefix(8)
        return RecordKey(kind: kind, identifier: IdentifierHash(bytes: Array(bytes)))
    }
}
