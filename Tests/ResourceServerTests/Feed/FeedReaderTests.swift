import Instants
import IssuerConnection
import JOSE
import RevocationFeed
import Synchronization
import Testing

@testable import ResourceServer

/// Pieces of an honest server, as answers.
extension FeedIssuer {
    func answer(snapshot question: FeedQuestion) throws -> FeedAnswer {
        FeedAnswer(pieces: [.bytes(try snapshot(nonce: question.nonce))])
    }

    /// Hello, what is missing, and the pieces after it.
    func answer(events question: FeedQuestion, _ pieces: [FeedAnswer.Piece] = []) throws -> FeedAnswer {
        let after = Int(question.parameter("after")) ?? 0
        var all: [FeedAnswer.Piece] = [
            .bytes(try event(message(.hello(nonce: question.nonce), at: position(after: after))))
        ]
        if after < count { all.append(.bytes(try event(deltaMessage(from: after)))) }
        return FeedAnswer(pieces: all + pieces)
    }

    func answer(poll question: FeedQuestion) throws -> FeedAnswer {
        let after = Int(question.parameter("after")) ?? 0
        var texts = [try signed(message(.hello(nonce: question.nonce)))]
        if after < count { texts.append(try signed(deltaMessage(from: after))) }
        let body: JSONObject = ["messages": .array(texts.map { .string($0) })]
        return FeedAnswer(pieces: [.bytes(body.serialized())])
    }

    func answer(_ question: FeedQuestion) throws -> FeedAnswer {
        switch question.name {
        case "snapshot": try answer(snapshot: question)
        case "events": try answer(events: question)
        default: try answer(poll: question)
        }
    }

    var heartbeat: FeedAnswer.Piece { .make { try self.event(self.message(.heartbeat)) } }

    /// A new entry, and the delta that brings it.
    func ending(_ handle: RevocationHandle) -> FeedAnswer.Piece {
        .make {
            let before = self.count
            self.end(handle)
            return try self.event(self.deltaMessage(from: before))
        }
    }
}

@Suite("The reader of the revocation feed", .timeLimit(.minutes(5)))
struct FeedReaderTests {
    static let handle = RevocationHandle(high: 77, low: 78)

    @Test("Snapshot, hello, delta, heartbeat: what is ended is refused, and how fresh that is is known")
    func follows() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let early = RevocationHandle(high: 1, low: 5)
        issuer.end(early)
        let seen = Collected<(Bool, FeedFreshness)>()
        let bench = Later<FeedBench>()
        let token = issuer.token(Self.handle)
        let look: FeedAnswer.Piece = .check {
            guard let state = bench.value?.state else { return }
            seen.append((state.isRevoked(token, keyID: nil), state.freshness))
        }
        bench.value = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: try issuer.answer(snapshot: question)
            case 1:
                try issuer.answer(
                    events: question,
                    [
                        look, .pass(.milliseconds(250)), issuer.heartbeat, look, issuer.ending(Self.handle), look,
                        .pass(.milliseconds(250)), issuer.heartbeat, .pass(.milliseconds(30)), look,
                    ]
                )
            default: .over
            }
        }
        let made = try #require(bench.value)
        #expect(made.state.freshness == FeedFreshness(staleness: nil, isFollowing: false, issuerTime: nil))
        await made.play()
        #expect(seen.values.map(\.0) == [false, false, true, true])
        #expect(seen.values.map(\.1.staleness) == [.zero, .zero, .zero, .milliseconds(30)])
        #expect(seen.values.allSatisfy { $0.1.isFollowing })
        #expect(!made.state.freshness.isFollowing)
        #expect(
            made.state.isRevoked(FeedIssuer.oldToken(early), keyID: nil)
        )
        #expect(made.transport.questions.map(\.name) == ["snapshot", "events", "events"])
        #expect(Set(made.transport.questions.map(\.nonce)).count == 3)
        let authorization = made.transport.questions[1].request.header("Authorization")
        // "orders api" and "a:b", form-encoded and joined.
        #expect(authorization == "Basic b3JkZXJzJTIwYXBpOmElM0Fi")
        #expect(made.keysSeen.values.count == 1)
    }

    @Test("Keys that the feed brings are known with their digest at once: nobody has a reason to fetch them")
    func keys() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let digests = Collected<String?>()
        let bench = Later<FeedBench>()
        let look: FeedAnswer.Piece = .check { digests.append(bench.value?.state.keySetDigest) }
        let document = Array("{\"keys\":[{\"kty\":\"OKP\"}]}".utf8)
        let news: FeedAnswer.Piece = .make {
            issuer.state.withLock { $0.keyDocument = document }
            return try issuer.event(issuer.message(.keys(document: document)))
        }
        bench.value = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: try issuer.answer(snapshot: question)
            case 1: try issuer.answer(events: question, [look, news, look, issuer.heartbeat, look])
            default: .over
            }
        }
        let made = try #require(bench.value)
        await made.play()
        let (old, new) = (
            FeedMessage.digest(ofKeySet: Array("{\"keys\":[]}".utf8)), FeedMessage.digest(ofKeySet: document)
        )
        #expect(digests.values == [old, new, new])
        #expect(
            made.keysSeen.values == [FeedKeys(digest: old, document: nil), FeedKeys(digest: new, document: document)]
        )
    }

    @Test("A cut stream is taken up at the same place, and a cut feed grows stale")
    func resumes() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: return try issuer.answer(snapshot: question)
            case 1: return try issuer.answer(events: question, [issuer.ending(Self.handle), .pass(.seconds(11))])
            case 2...4: return .unreachable
            case 5:
                issuer.end(RevocationHandle(high: 4, low: 4))
                return try issuer.answer(events: question, [])
            default: return .over
            }
        }
        await bench.play()
        #expect(bench.transport.questions.map(\.name) == ["snapshot"] + Array(repeating: "events", count: 6))
        #expect(bench.transport.questions[1...].map { $0.parameter("after") } == ["0", "1", "1", "1", "1", "2"])
        #expect(bench.reader.faults["transport"] == 3)
        #expect(bench.state.isRevoked(FeedIssuer.oldToken(RevocationHandle(high: 4, low: 4)), keyID: nil))
        let before = try #require(bench.state.freshness.staleness)
        clock.advance(.seconds(50))
        #expect(bench.state.freshness.staleness == before + .seconds(50))
    }

    @Test("A place that is no longer served leads to a snapshot", arguments: [410, 503])
    func gone(status: Int) async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0, 2: question.name == "snapshot" ? try issuer.answer(snapshot: question) : .over
            case 1: .status(status, [("Retry-After", "7")])
            default: .over
            }
        }
        let before = clock.uptime
        await bench.play()
        #expect(bench.transport.questions[2].name == (status == 410 ? "snapshot" : "events"))
        if status == 503 { #expect(clock.uptime - before >= .seconds(7)) }
    }

    // MARK: - Attacks

    /// Each attack with what it is counted as; `nil` is its twin, which is believed.
    static let forgeries: [(Forgery, String?)] = [
        (.none, nil), (.otherKey, "key-unknown"), (.keyOfThatName, "forged"), (.tokenKey, "forged"),
        (.otherAudience, "forged"), (.otherIssuer, "forged"), (.otherType, "forged"), (.changedByte, "forged"),
        (.noSignature, "forged"),
    ]

    enum Forgery: Sendable {
        case none, otherKey, keyOfThatName, tokenKey, otherAudience, otherIssuer, otherType, changedByte, noSignature
    }

    static func forge(_ honest: FeedMessage, _ forgery: Forgery, issuer: FeedIssuer) throws -> String {
        var message = honest
        switch forgery {
        case .none: return try issuer.signed(message)
        case .otherKey: return try issuer.signed(message, by: .generate(.edDSA, keyID: "feed-9"))
        case .keyOfThatName: return try issuer.signed(message, by: .generate(.edDSA, keyID: "feed-1"))
        case .tokenKey: return try issuer.signed(message, by: .generate(.es256, keyID: "token-1"))
        case .otherAudience:
            message.audience = "https://billing.example"
            return try issuer.signed(message)
        case .otherIssuer:
            message.issuer = "https://id.example/"
            return try issuer.signed(message)
        case .otherType:
            let claims = try JSONObject(parsing: Base64URL.decode(part(1, of: issuer.signed(message))))
            return try JWT.signed(claims, type: "at+jwt", by: issuer.key)
        case .changedByte:
            var text = Array(try issuer.signed(message))
            let middle = text.count / 2
            text[middle] = text[middle] == "A" ? "B" : "A"
            return String(text)
        case .noSignature:
            let text = try issuer.signed(message)
            return "\(part(0, of: text)).\(part(1, of: text))."
        }
    }

    static func part(_ index: Int, of text: String) -> String { String(text.split(separator: ".")[index]) }

    @Test("FIELD F22, R48: a forged delta or heartbeat is never applied and ends the connection", arguments: forgeries)
    func forged(forgery: Forgery, fault: String?) async throws {
        for isDelta in [true, false] {
            let clock = FeedClock()
            let issuer = try FeedIssuer(clock: clock)
            let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
                switch number {
                case 0: return try issuer.answer(snapshot: question)
                case 1:
                    let attack: FeedAnswer.Piece = .make {
                        issuer.end(Self.handle)
                        let delta = issuer.deltaMessage(from: 0)
                        if !isDelta { return try issuer.event(delta) }
                        return FeedIssuer.event(of: try Self.forge(delta, forgery, issuer: issuer), as: delta)
                    }
                    let heartbeat: FeedAnswer.Piece = .make {
                        let message = issuer.message(.heartbeat)
                        if isDelta { return try issuer.event(message) }
                        return FeedIssuer.event(of: try Self.forge(message, forgery, issuer: issuer), as: message)
                    }
                    return try issuer.answer(events: question, [attack, .pass(.milliseconds(500)), heartbeat])
                default: return .over
                }
            }
            await bench.play()
            #expect(bench.reader.faults == fault.map { [$0: 1] } ?? [:])
            #expect(bench.state.isRevoked(FeedIssuer.oldToken(Self.handle), keyID: nil) == (!isDelta || fault == nil))
            let staleness = try #require(bench.state.freshness.staleness)
            if !isDelta { #expect((staleness < .milliseconds(500)) == (fault == nil), "\(staleness)") }
        }
    }

    @Test(
        "FIELD F22, R48: a forged, replayed, cut or changed snapshot is not believed",
        arguments: [
            ("", nil), ("nonce", "replayed"), ("cut", "gap"), ("longer", "chain"), ("changed", "chain"),
            ("key", "key-unknown"), ("typ", "forged"), ("html", "format"), ("head", "format"),
        ] as [(String, String?)]
    )
    func snapshots(attack: String, fault: String?) async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        for number in 0..<40 { issuer.end(RevocationHandle(high: 3, low: UInt64(number))) }
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            guard number == 0 else { return .over }
            var bytes = try issuer.snapshot(nonce: attack == "nonce" ? "drawn-by-another-1" : question.nonce)
            switch attack {
            case "cut": bytes.removeLast(32)
            case "longer": bytes += Array(bytes.suffix(32))
            case "changed": bytes[bytes.count - 1] ^= 1
            case "key":
                let key = try SigningKey.generate(.edDSA, keyID: "feed-9")
                bytes = try FeedIssuer(clock: clock, key: key).snapshot(nonce: question.nonce)
            case "typ":
                bytes = try Array(issuer.signed(issuer.message(.hello(nonce: question.nonce))).utf8) + [0x0A]
            case "html": return FeedAnswer(headers: [("Content-Type", "text/html")], pieces: [.bytes(bytes)])
            case "head": bytes = Array(repeating: 0x41, count: 70_000)
            default: break
            }
            return FeedAnswer(pieces: [.bytes(bytes)])
        }
        await bench.play()
        #expect(bench.reader.faults == fault.map { [$0: 1] } ?? [:])
        #expect(bench.state.entryCount == (fault == nil ? 40 : 0))
        #expect(bench.transport.questions[1].name == (fault == nil ? "events" : "snapshot"))
    }

    @Test("A snapshot is read the same wherever it is cut into pieces, and is bounded")
    func pieces() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        for number in 0..<7 { issuer.end(RevocationHandle(high: 3, low: UInt64(number))) }
        let bytes = try issuer.snapshot(nonce: "n")
        func read(_ pieces: [ArraySlice<UInt8>], limits: FeedLimits = FeedLimits()) throws -> Int {
            var receiver = SnapshotReceiver(limits: limits)
            for piece in pieces {
                try receiver.consume(Array(piece)) { text in
                    try FeedMessage(
                        verifying: text,
                        by: issuer.keySet,
                        issuer: FeedIssuer.issuer,
                        audience: FeedIssuer.audience
                    )
                }
            }
            return try receiver.finish().set.count
        }
        for size in [1, 2, 31, 32, 33, 64, 100, bytes.count] {
            let cuts = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            #expect(try read(cuts) == 7)
        }
        for cut in (bytes.count - 240)..<bytes.count { #expect(try read([bytes[..<cut], bytes[cut...]]) == 7) }
        var limits = FeedLimits()
        limits.snapshotBytes = 7 * 32
        #expect(try read([bytes[...]], limits: limits) == 7)
        limits.snapshotBytes -= 1
        #expect(throws: FeedFault.self) { try read([bytes[...]], limits: limits) }
    }

    // MARK: - The issuer's life

    @Test("A new epoch is joined to what was known: a restored backup gives no right back")
    func newEpoch() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        issuer.end(Self.handle)
        let later = RevocationHandle(high: 6, low: 6)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: return try issuer.answer(snapshot: question)
            case 1:
                let heartbeat: FeedAnswer.Piece = .make {
                    issuer.restart(epoch: "epoch-2")
                    issuer.end(later)
                    return try issuer.event(issuer.message(.heartbeat))
                }
                return try issuer.answer(events: question, [heartbeat])
            case 2, 3: return try issuer.answer(question)
            default: return .over
            }
        }
        let token = issuer.token(Self.handle)
        clock.advance(.seconds(1))
        await bench.play()
        #expect(bench.transport.questions.map(\.name) == ["snapshot", "events", "snapshot", "events", "events"])
        #expect(bench.transport.questions[3].parameter("epoch") == "epoch-2")
        #expect(bench.reader.faults == ["epoch": 1])
        #expect(bench.state.isRevoked(token, keyID: nil))
        #expect(bench.state.isRevoked(FeedIssuer.oldToken(later), keyID: nil))
        #expect(bench.state.entryCount == 2)
    }

    @Test("After a widening the snapshot takes the place of what was known")
    func widening() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        for number in 0..<30 { issuer.end(RevocationHandle(high: 3, low: UInt64(number))) }
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: return try issuer.answer(snapshot: question)
            case 1:
                return try issuer.answer(
                    events: question,
                    [
                        .make {
                            issuer.end(Self.handle)
                            issuer.end(RevocationHandle(high: 0, low: 0), kind: .widened)
                            return try issuer.event(issuer.deltaMessage(from: 30))
                        }
                    ]
                )
            case 2:
                // The issuer's set is now the one cut-off; its log goes on.
                let entry = issuer.state.withLock { $0.entries[30] }
                let content = FeedMessage.Content.snapshot(
                    nonce: question.nonce,
                    count: 1,
                    digest: FeedMessage.digest(ofSnapshot: entry.bytes)
                )
                let head = try issuer.signed(issuer.message(content))
                return FeedAnswer(pieces: [.bytes(Array(head.utf8) + [0x0A] + entry.bytes)])
            default: return .over
            }
        }
        await bench.play()
        #expect(bench.transport.questions.map(\.name) == ["snapshot", "events", "snapshot", "events"])
        #expect(bench.transport.questions[3].parameter("after") == "32")
        #expect(bench.state.entryCount == 1)
        #expect(bench.state.isRevoked(FeedIssuer.oldToken(Self.handle), keyID: nil))
    }

    @Test("FIELD R48: a set that comes to its bound asks for a snapshot, once a minute at most")
    func fullSet() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        var limits = FeedLimits()
        limits.bounds = .init(entries: 20)
        let ended = Collected<RevocationClaim>()
        let bench = FeedBench(clock: clock, issuer: issuer, limits: limits) { question, number in
            if question.name == "snapshot" { return try issuer.answer(snapshot: question) }
            guard number < 5 else { return .over }
            let storm = (0..<30).map { index in
                FeedAnswer.Piece.make {
                    clock.advance(.milliseconds(1))
                    let handle = RevocationHandle(high: UInt64(number), low: UInt64(index))
                    ended.append(issuer.token(handle))
                    let before = issuer.count
                    issuer.end(handle)
                    return try issuer.event(issuer.deltaMessage(from: before))
                }
            }
            return try issuer.answer(events: question, storm + [issuer.heartbeat])
        }
        await bench.play()
        #expect(bench.transport.questions.map(\.name).count { $0 == "snapshot" } == 2)
        #expect(bench.reader.faults == ["snapshot-required": 1])
        #expect(ended.values.count > 60)
        #expect(ended.values.allSatisfy { bench.state.isRevoked($0, keyID: nil) })
        #expect(bench.state.entryCount <= 30)
    }

    @Test("A rotation of the feed's key is followed; unknown names do not fetch without end")
    func rotation() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let next = try FeedIssuer(clock: clock, key: .generate(.edDSA, keyID: "feed-2"))
        let bench = Later<FeedBench>()
        bench.value = FeedBench(clock: clock, issuer: issuer) { question, number in
            switch number {
            case 0: return try issuer.answer(snapshot: question)
            case 1...9: return try next.answer(events: question)
            case 10:
                clock.advance(.seconds(60))
                bench.value?.transport.publish([issuer.key, next.key])
                return .unreachable
            case 11, 12: return try next.answer(events: question)
            default: return .over
            }
        }
        let made = try #require(bench.value)
        await made.play()
        // The tenth is one that came between the fetch that found nothing new and the next one.
        #expect((9...10).contains(made.reader.faults["key-unknown"] ?? 0))
        #expect(made.transport.keyFetches <= 5)
        #expect(made.state.freshness.staleness ?? .seconds(99) < .seconds(2))
    }

    // MARK: - Proxies

    @Test("Where streams are held back or cut off the reader polls, and goes back to streams later")
    func fallback() async throws {
        for isHeldBack in [true, false] {
            let clock = FeedClock()
            let issuer = try FeedIssuer(clock: clock)
            let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
                switch (question.name, number) {
                case ("snapshot", _): return try issuer.answer(snapshot: question)
                case ("events", 1...3): return isHeldBack ? .hanging : try issuer.answer(events: question)
                case ("poll", _):
                    if number == 10 { issuer.end(Self.handle) }
                    return try issuer.answer(poll: question)
                default: return .over
                }
            }
            await bench.play()
            let names = bench.transport.questions.map(\.name)
            #expect(names.prefix(5) == ["snapshot", "events", "events", "events", "poll"])
            #expect((200...260).contains(names.count { $0 == "poll" }))
            #expect(names.last == "events")
            #expect(bench.state.isRevoked(FeedIssuer.oldToken(Self.handle), keyID: nil))
            #expect(bench.state.freshness.staleness ?? .seconds(99) < .milliseconds(400))
        }
    }

    @Test("A server that is away is no reason to poll")
    func away() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            number == 0 ? try issuer.answer(snapshot: question) : number < 12 ? .unreachable : .over
        }
        let before = clock.uptime
        await bench.play()
        #expect(bench.transport.questions.map(\.name).contains("poll") == false)
        #expect(clock.uptime - before < .seconds(60))
    }

    @Test("A stream on which nothing makes knowledge fresher is left", arguments: [true, false])
    func silence(isAlive: Bool) async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            guard number < 2 else { return .over }
            if number == 0 { return try issuer.answer(snapshot: question) }
            let comment = FeedAnswer.Piece.bytes(Array(": still here\n\n".utf8))
            let pieces = (0..<20).flatMap { _ in [.pass(.milliseconds(500)), isAlive ? issuer.heartbeat : comment] }
            return try issuer.answer(events: question, pieces)
        }
        await bench.play()
        #expect(bench.reader.faults == (isAlive ? [:] : ["silence": 1]))
    }

    @Test("A stream that brings news is not silent, but nor does it make knowledge fresher", arguments: [true, false])
    func news(isNew: Bool) async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
            guard number < 2 else { return .over }
            if number == 0 { return try issuer.answer(snapshot: question) }
            let delta = FeedAnswer.Piece.make {
                guard isNew else { return Array(": still here\n\n".utf8) }
                issuer.end(RevocationHandle(high: 1, low: UInt64(issuer.count)))
                return try issuer.event(issuer.deltaMessage(from: issuer.count - 1))
            }
            return try issuer.answer(events: question, (0..<20).flatMap { _ in [.pass(.milliseconds(500)), delta] })
        }
        await bench.play()
        #expect(bench.reader.faults == (isNew ? [:] : ["silence": 1]))
        if isNew {
            #expect(bench.state.isRevoked(FeedIssuer.oldToken(RevocationHandle(high: 1, low: 19)), keyID: nil))
            #expect(bench.state.freshness.staleness ?? .zero >= .seconds(10))
        }
    }

    @Test("Becoming known is waited for, and the wait can be cancelled")
    func becomesKnown() async throws {
        let clock = FeedClock()
        let state = RevocationState(clock: clock)
        let impatient = Task { try await state.becomesKnown() }
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        let patient = Task { try await state.becomesKnown() }
        state.cover(upTo: clock.uptime)
        try await patient.value
        try await state.becomesKnown()
    }
}

/// A value that its own parts refer to.
final class Later<Value: Sendable>: Sendable {
    private let state = Collected<Value>()
    var value: Value? {
        get { state.values.last }
        set { if let newValue { state.append(newValue) } }
    }
}
