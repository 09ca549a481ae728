import Instants
import IssuerConnection
import JOSE
import Logging
import OAuthVocabulary
import RevocationFeed
import Synchronization

@testable import ResourceServer

/// A clock that only the test moves; whoever sleeps moves it too.
final class FeedClock: ClientClock {
    private let state = Mutex((now: FeedClock.start, uptime: Duration.seconds(5_000)))
    static let start = Instant(secondsSinceEpoch: 1_800_000_000)

    var now: Instant { state.withLock { $0.now } }
    var uptime: Duration { state.withLock { $0.uptime } }

    func advance(_ duration: Duration) {
        state.withLock {
            $0.now = $0.now + duration
            $0.uptime += duration
        }
    }

    /// Somebody sets the clock on the wall.
    func step(_ duration: Duration) { state.withLock { $0.now = $0.now + duration } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        advance(duration)
        await Task.yield()
    }
}

/// Random numbers that repeat themselves: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func handle() -> RevocationHandle { RevocationHandle(high: next(), low: next()) }
    mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func happens(oneIn count: Int) -> Bool { number(0..<count) == 0 }
}

final class SeededRandomness: ClientRandomness {
    private let generator: Mutex<SeededGenerator>
    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }
    func bytes(_ count: Int) -> [UInt8] {
        generator.withLock { generator in (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
    }
}

/// An issuer's feed as it should be; whatever is to be wrong is asked for.
final class FeedIssuer: Sendable {
    static let issuer = "https://id.example"
    static let audience = "https://orders.example"
    /// Longer than any test.
    static let lifetime: Duration = .seconds(86_400)

    struct State: Sendable {
        var epoch = "epoch-1"
        var entries: [FeedEntry] = []
        /// `positions[n]` is the place after n entries.
        var positions: [FeedPosition] = []
        /// How far its clock is from ours.
        var skew: Duration = .seconds(1_000_000)
        var keyDocument = Array("{\"keys\":[]}".utf8)
    }

    let clock: FeedClock
    let key: SigningKey
    let state: Mutex<State>

    init(clock: FeedClock, key: SigningKey? = nil) throws {
        self.clock = clock
        self.key = try key ?? SigningKey.generate(.edDSA, keyID: "feed-1")
        var initial = State()
        initial.positions = [.beginning(epoch: initial.epoch, audience: Self.audience)]
        state = Mutex(initial)
    }

    var now: Instant { state.withLock { Instant(millisecondsSinceEpoch: 0) + clock.uptime + $0.skew } }
    var position: FeedPosition { state.withLock { $0.positions[$0.positions.count - 1] } }
    func position(after count: Int) -> FeedPosition { state.withLock { $0.positions[count] } }
    var count: Int { state.withLock { $0.entries.count } }
    var keySet: KeySet { KeySet([key.verificationKey]) }

    /// Ends whatever carries the handle.
    @discardableResult
    func end(_ handle: RevocationHandle, kind: FeedEntry.Kind = .handle) -> FeedEntry {
        let now = now
        let entry = FeedEntry(kind: kind, notBefore: now, expiresAt: now + Self.lifetime, handle: handle)
        end(entry)
        return entry
    }

    func end(_ entry: FeedEntry) {
        state.withLock {
            var position = $0.positions[$0.positions.count - 1]
            position.advance(over: entry)
            $0.entries.append(entry)
            $0.positions.append(position)
        }
    }

    /// The log begins anew.
    func restart(epoch: String, keeping entries: [FeedEntry] = []) {
        state.withLock {
            $0.epoch = epoch
            $0.entries = []
            $0.positions = [.beginning(epoch: epoch, audience: Self.audience)]
        }
        for entry in entries { end(entry) }
    }

    // MARK: - Messages

    func message(
        _ content: FeedMessage.Content,
        at position: FeedPosition? = nil,
        asOf: Instant? = nil
    ) -> FeedMessage {
        FeedMessage(
            issuer: Self.issuer,
            audience: Self.audience,
            asOf: asOf ?? now,
            position: position ?? self.position,
            keySetDigest: FeedMessage.digest(ofKeySet: state.withLock { $0.keyDocument }),
            content: content
        )
    }

    func deltaMessage(from: Int, to end: Int? = nil) -> FeedMessage {
        let end = end ?? count
        return message(
            .delta(from: position(after: from), entries: state.withLock { Array($0.entries[from..<end]) }),
            at: position(after: end)
        )
    }

    func signed(_ message: FeedMessage, by key: SigningKey? = nil) throws -> String {
        try message.signed(by: key ?? self.key)
    }

    func snapshot(nonce: String) throws -> [UInt8] {
        let bytes = state.withLock { $0.entries.flatMap(\.bytes) }
        let content = FeedMessage.Content.snapshot(
            nonce: nonce,
            count: bytes.count / FeedEntry.byteCount,
            digest: FeedMessage.digest(ofSnapshot: bytes)
        )
        return try Array(signed(message(content)).utf8) + [0x0A] + bytes
    }

    /// The message as an event.
    func event(_ message: FeedMessage, by key: SigningKey? = nil) throws -> [UInt8] {
        Self.event(of: try signed(message, by: key), as: message)
    }

    static func event(of text: String, as message: FeedMessage) -> [UInt8] {
        let type =
            switch message.content {
            case .hello: "hello"
            case .snapshot: "snapshot"
            case .delta: "delta"
            case .heartbeat: "heartbeat"
            case .keys: "keys"
            }
        return Array("event: \(type)\nid: \(message.position.sequence)\ndata: \(text)\n\n".utf8)
    }

    /// A token that the handle names, issued just now.
    func token(_ handle: RevocationHandle) -> RevocationClaim {
        RevocationClaim(issuedAt: now, handles: [handle, RevocationHandle(high: 1, low: 2)])
    }

    /// A token that the handle names, issued before everything that any test ends.
    static func oldToken(_ handle: RevocationHandle) -> RevocationClaim {
        RevocationClaim(issuedAt: Instant(secondsSinceEpoch: 1), handles: [RevocationHandle(high: 1, low: 2), handle])
    }
}

/// What the server at the other end does with one request.
struct FeedAnswer: Sendable {
    enum Piece: Sendable {
        case bytes([UInt8])
        /// Made when its time comes.
        case make(@Sendable () throws -> [UInt8])
        case pass(Duration)
        case check(@Sendable () -> Void)
    }

    var status = 200
    var headers: [(String, String)] = []
    var pieces: [Piece] = []
    var failure: TransportError?
    /// Nothing comes, not even a head, until the reader gives up or is cancelled.
    var hangs = false

    static let hanging = FeedAnswer(hangs: true)
    static func status(_ status: Int, _ headers: [(String, String)] = []) -> FeedAnswer {
        FeedAnswer(status: status, headers: headers)
    }
    static let unreachable = FeedAnswer(failure: TransportError(.unreachable, reason: "no connection"))
}

/// What the reader asked for.
struct FeedQuestion: Sendable {
    let request: TransportRequest

    /// `snapshot`, `events`, `poll`, or the path.
    var name: String {
        let path = request.url.prefix { $0 != "?" }
        return String(path.split(separator: "/").last ?? "")
    }

    func parameter(_ name: String) -> String {
        let query = request.url.split(separator: "?").last ?? ""
        let pair = query.split(separator: "&").first { $0.hasPrefix("\(name)=") }
        return String(pair?.dropFirst(name.count + 1) ?? "")
    }

    var nonce: String { parameter("nonce") }
}

/// A transport that plays a server: metadata and keys by itself, the rest as the test says.
final class ScriptedTransport: HTTPTransport {
    typealias Script = @Sendable (FeedQuestion, Int) throws -> FeedAnswer

    private struct State {
        var questions: [FeedQuestion] = []
        var keyFetches = 0
        var keys: [SigningKey]
    }

    private let clock: FeedClock
    private let script: Script
    private let state: Mutex<State>
    /// Told when a request finds nothing in the script, which ends a test.
    let ended: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    /// - Parameter script: what to answer to the question of this number, counted from 0.
    init(clock: FeedClock, keys: [SigningKey], script: @escaping Script) {
        self.clock = clock
        self.script = script
        state = Mutex(State(keys: keys))
        (ended, end) = AsyncStream.makeStream(of: Void.self)
    }

    var questions: [FeedQuestion] { state.withLock { $0.questions } }
    var keyFetches: Int { state.withLock { $0.keyFetches } }
    func publish(_ keys: [SigningKey]) { state.withLock { $0.keys = keys } }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        if request.url.hasSuffix("/.well-known/oauth-authorization-server") {
            let document: JSONObject = [
                "issuer": .string(FeedIssuer.issuer),
                "revocation_feed_endpoint": .string("\(FeedIssuer.issuer)/revocations"),
                "revocation_feed_jwks_uri": .string("\(FeedIssuer.issuer)/revocations/jwks"),
            ]
            return TransportResponse(status: 200, body: document.serialized())
        }
        guard request.url.hasSuffix("/revocations/jwks") else { return TransportResponse(status: 404) }
        let keys = state.withLock {
            $0.keyFetches += 1
            return $0.keys
        }
        let set: JSONObject = ["keys": .array(keys.map { .object($0.publicJWK.members) })]
        return TransportResponse(status: 200, body: set.serialized())
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        let question = FeedQuestion(request: request)
        let number = state.withLock {
            $0.questions.append(question)
            return $0.questions.count - 1
        }
        do {
            let answer = try script(question, number)
            if answer.hangs {
                clock.advance(request.timeout)
                throw TransportError(.timedOut, reason: "no head")
            }
            if answer.status == 0 {
                end.yield()
                try? await Task.sleep(for: .seconds(3600))
                throw TransportError(.cancelled, reason: "cancelled")
            }
            if let failure = answer.failure, answer.pieces.isEmpty { throw failure }
            try onHead(TransportResponse(status: answer.status, headers: Self.headers(answer, question)))
            for piece in answer.pieces {
                switch piece {
                case .bytes(let bytes): try onBytes(bytes)
                case .make(let make): try onBytes(make())
                case .check(let check): check()
                case .pass(let duration):
                    clock.advance(min(duration, idleTimeout))
                    if duration > idleTimeout { throw TransportError(.timedOut, reason: "idle") }
                }
            }
            if let failure = answer.failure { throw failure }
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(.stopped, reason: "\(error)")
        }
    }

    private static func headers(_ answer: FeedAnswer, _ question: FeedQuestion) -> [(name: String, value: String)] {
        let type =
            switch question.name {
            case "snapshot": "application/vnd.signet.revocation-snapshot"
            case "events": "text/event-stream; charset=utf-8"
            default: "application/json"
            }
        return answer.headers.map { (name: $0.0, value: $0.1) } + [(name: "content-type", value: type)]
    }
}

extension FeedAnswer {
    /// The script is over.
    static let over = FeedAnswer(status: 0)
}

/// A reader between a scripted transport and a set clock.
struct FeedBench {
    let clock: FeedClock
    let issuer: FeedIssuer
    let transport: ScriptedTransport
    let reader: FeedReader
    let keysSeen: Collected<FeedKeys>

    init(
        clock: FeedClock = FeedClock(),
        issuer: FeedIssuer,
        keys: [SigningKey]? = nil,
        limits: FeedLimits = FeedLimits(),
        script: @escaping ScriptedTransport.Script
    ) {
        self.clock = clock
        self.issuer = issuer
        transport = ScriptedTransport(clock: clock, keys: keys ?? [issuer.key], script: script)
        let seen = Collected<FeedKeys>()
        keysSeen = seen
        var logger = Logger(label: "feed")
        logger.logLevel = .critical
        reader = FeedReader(
            FeedSubscription(
                issuer: FeedIssuer.issuer,
                audience: FeedIssuer.audience,
                clientID: "orders api",
                secret: Secret("a:b")
            ),
            transport: transport,
            clock: clock,
            randomness: SeededRandomness(seed: 7),
            logger: logger,
            limits: limits,
            onKeys: { seen.append($0) }
        )
    }

    var state: RevocationState { reader.state }

    /// Runs the reader until the script is over.
    func play() async {
        let task = Task { await reader.run() }
        for await _ in transport.ended { break }
        task.cancel()
        await task.value
    }
}

/// What callbacks left behind.
final class Collected<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])
    func append(_ value: Value) { state.withLock { $0.append(value) } }
    var values: [Value] { state.withLock { $0 } }
}
