import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

/// A reader of the feed as the protocol's text has it, and no cleverer: what it refuses, the feed has told.
struct ModelReader {
    let audience: String
    var keys: KeySet
    var position: FeedPosition?
    var asOf = Instant(millisecondsSinceEpoch: 0)
    var entries: [FeedEntry] = []
    /// Whether a message asked for a new snapshot.
    var needsSnapshot = false
    var keySetDigest = ""

    init(audience: String, keys: [UInt8]) throws {
        self.audience = audience
        self.keys = try KeySet(parsing: keys)
    }

    func verified(_ text: String) throws -> FeedMessage {
        try FeedMessage(verifying: text, by: keys, issuer: TestWorld.issuer, audience: audience)
    }

    /// Takes a snapshot in; it must answer the nonce, be whole, and never be older than what is known.
    mutating func take(snapshot bytes: [UInt8], nonce: String) throws {
        let end = try #require(bytes.firstIndex(of: UInt8(ascii: "\n")))
        let message = try verified(String(decoding: bytes[..<end], as: UTF8.self))
        let body = Array(bytes[(end + 1)...])
        guard case .snapshot(nonce, let count, let digest) = message.content else { throw Fault.unexpected }
        let found = try #require(FeedEntry.entries(in: body))
        guard found.count == count, FeedMessage.digest(ofSnapshot: body) == digest else { throw Fault.damaged }
        if let position, position.epoch == message.position.epoch, message.position.sequence < position.sequence {
            throw Fault.rolledBack
        }
        position = message.position
        entries = found
        needsSnapshot = false
        asOf = message.asOf
        keySetDigest = message.keySetDigest
    }

    /// Takes a message in, in its order.
    mutating func take(_ text: String, nonce: String? = nil) throws {
        let message = try verified(text)
        guard var place = position, message.position.epoch == place.epoch else { throw Fault.otherEpoch }
        keySetDigest = message.keySetDigest
        switch message.content {
        case .hello(let answered):
            guard answered == nonce, message.position.sequence >= place.sequence else { throw Fault.unexpected }
            return
        case .delta(let from, let new):
            guard from == place else { throw Fault.gap }
            for entry in new {
                place.advance(over: entry)
                switch entry.kind {
                case .widened: needsSnapshot = true
                case .everything:
                    entries.removeAll { $0.kind == .handle && $0.notBefore <= entry.notBefore }
                    entries.append(entry)
                default: entries.append(entry)
                }
            }
            guard place == message.position else { throw Fault.damaged }
            position = place
        case .heartbeat, .keys:
            guard message.position == place else { throw Fault.gap }
        case .snapshot:
            throw Fault.unexpected
        }
        asOf = max(asOf, message.asOf)
    }

    /// Whether a token is refused.
    func refuses(_ token: String) throws -> Bool {
        let unverified = try UnverifiedToken(token)
        let claims = unverified.unverifiedClaims
        let claim = try #require(claims["rev"]?.stringValue.flatMap { RevocationClaim($0) })
        return refuses(claim, keyID: unverified.header["kid"]?.stringValue)
    }

    func refuses(_ claim: RevocationClaim, keyID: String? = nil) -> Bool {
        entries.contains { entry in
            switch entry.kind {
            case .handle: claim.handles.contains(entry.handle) && claim.issuedAt <= entry.notBefore
            case .everything: claim.issuedAt <= entry.notBefore
            case .signingKey: keyID.map { FeedEntry.handle(ofKey: $0) } == entry.handle
            default: false
            }
        }
    }

    enum Fault: Error { case unexpected, damaged, rolledBack, otherEpoch, gap }
}

/// Gathers what a stream writes, and lets it go on only so far.
actor StreamTap {
    private(set) var text = ""
    private(set) var isOver = false
    private var held: [CheckedContinuation<Void, Never>] = []
    private var isHeld = false
    private var arrivals: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    /// The messages that came, in order, with their event names.
    var messages: [(event: String, data: String)] {
        text.split(separator: "\n\n", omittingEmptySubsequences: true).map { block in
            var event = ""
            var data = ""
            for line in block.split(separator: "\n") {
                if line.hasPrefix("event: ") { event = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
            }
            return (event, data)
        }
    }

    func write(_ bytes: [UInt8]) async {
        if isHeld { await withCheckedContinuation { held.append($0) } }
        text += String(decoding: bytes, as: UTF8.self)
        announce()
    }

    func finish() {
        isOver = true
        announce()
    }

    private func announce() {
        let count = isOver ? Int.max : messages.count
        let ready = arrivals.filter { $0.count <= count }
        arrivals.removeAll { $0.count <= count }
        for arrival in ready { arrival.continuation.resume() }
    }

    /// From now on the reader does not read.
    func hold() { isHeld = true }

    func release() {
        isHeld = false
        for continuation in held { continuation.resume() }
        held = []
    }

    /// Waits until so many messages came, or the stream is over.
    func arrive(_ count: Int) async {
        if isOver || messages.count >= count { return }
        await withCheckedContinuation { arrivals.append((count, $0)) }
    }

    func waitUntilOver() async { await arrive(.max) }
}

/// A world with one API that follows the feed.
struct FeedWorld {
    static let nonce = "bm9uY2Utb2YtdGhlLXJlYWRlcg"
    static let audience = TestWorld.api
    let world: TestWorld

    init(
        store: any Store = MemoryStore(),
        limits: FeedLimits = FeedLimits(),
        configure: (inout ProviderConfiguration) -> Void = { _ in }
    ) async throws {
        world = try await TestWorld(store: store, feedLimits: limits, configure: configure)
        _ = try await world.ordersAPI()
        try await feed.prepare()
    }

    var feed: FeedPublisher { world.services.feed }

    func ask(
        _ path: String,
        _ parameters: KeyValuePairs<String, String>,
        as caller: String = "api_orders"
    ) async throws -> EndpointResponse {
        try await world.ask(
            "/revocations/" + path,
            parameters,
            method: .get,
            authorization: TestWorld.basic(caller)
        )
    }

    /// A reader that has taken a snapshot.
    func reader(of feed: FeedPublisher? = nil, audience: String = Self.audience) async throws -> ModelReader {
        let feed = feed ?? self.feed
        let bytes = try await feed.snapshot(audience: audience, nonce: Self.nonce)
        var reader = try ModelReader(audience: audience, keys: feed.keySetDocument)
        try reader.take(snapshot: bytes, nonce: Self.nonce)
        return reader
    }

    func request(_ reader: ModelReader, nonce: String = Self.nonce) throws -> FeedRequest {
        let position = try #require(reader.position)
        return FeedRequest(
            audience: reader.audience,
            nonce: nonce,
            epoch: position.epoch,
            after: position.sequence
        )
    }

    /// Brings a reader up to date by polling.
    func update(_ reader: inout ModelReader, from feed: FeedPublisher? = nil) async throws {
        let messages = try await (feed ?? self.feed).poll(request(reader), wait: .zero)
        for message in messages { try reader.take(message, nonce: Self.nonce) }
    }

    /// Opens a stream for a reader.
    func stream(_ reader: ModelReader, from feed: FeedPublisher? = nil) async throws -> (
        StreamTap, Task<Void, any Error>
    ) {
        let body = try await (feed ?? self.feed).events(request(reader))
        let tap = StreamTap()
        let task = Task {
            do {
                try await body.run { await tap.write($0) }
            } catch {
                await tap.finish()
                throw error
            }
            await tap.finish()
        }
        await tap.arrive(1)
        return (tap, task)
    }

    /// Another node on the same store.
    func node(
        seed: UInt64,
        store: (any Store)? = nil,
        limits: FeedLimits = FeedLimits(),
        time: (any TimeSource)? = nil
    ) -> FeedPublisher {
        FeedPublisher(
            configuration: world.services.configuration,
            limits: limits,
            store: store ?? world.store,
            keys: world.services.keys,
            keyring: world.services.keyring,
            time: time ?? world.time,
            random: SeededRandom(seed: seed),
            logger: world.services.logger,
            signal: FeedSignal()
        )
    }

    /// Ends something, as the tests need it in bulk.
    func end(_ ending: AuthorizationServer.Ending, at now: Instant? = nil) async throws {
        try await world.services.revocations.apply(ending: ending, now: now ?? world.now)
    }
}
