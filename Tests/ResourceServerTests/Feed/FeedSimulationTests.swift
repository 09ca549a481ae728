import Instants
import IssuerConnection
import JOSE
import RevocationFeed
import Synchronization
import Testing

@testable import ResourceServer

/// An adversary between an honest issuer and the reader, and the judge who knows when everything was ended.
final class FeedSimulation: Sendable {
    struct Ended: Sendable {
        let token: RevocationClaim
        let keyID: String?
        let at: Duration
    }

    private struct State {
        var generator: SeededGenerator
        var ended: [Ended] = []
        var recorded: [[UInt8]] = []
        var keys = 0
        var epochs = 1
        var looks = 0
        var mistakes: [String] = []
        /// What the server of the connection believes that its reader knows.
        var sent = 0
    }

    let seed: UInt64
    let clock: FeedClock
    let issuer: FeedIssuer
    private let state: Mutex<State>
    let reader = Later<RevocationState>()

    init(seed: UInt64, key: SigningKey) throws {
        self.seed = seed
        clock = FeedClock()
        issuer = try FeedIssuer(clock: clock, key: key)
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
    }

    var ended: [Ended] { state.withLock { $0.ended } }
    var mistakes: [String] { state.withLock { $0.mistakes } }
    var looks: Int { state.withLock { $0.looks } }

    func number(_ range: Range<Int>) -> Int { state.withLock { $0.generator.number(range) } }
    func happens(oneIn count: Int) -> Bool { number(0..<count) == 0 }

    // MARK: - The issuer's life

    func live() {
        for _ in 0..<number(0..<4) {
            let handle = state.withLock { $0.generator.handle() }
            let token = RevocationClaim(issuedAt: issuer.now, handles: [RevocationHandle(high: 1, low: 2), handle])
            var keyID: String?
            switch number(0..<40) {
            case 0:
                issuer.end(RevocationHandle(high: 0, low: 0), kind: .everything)
            case 1:
                let name = state.withLock { state in
                    state.keys += 1
                    return "key-\(state.keys)"
                }
                keyID = name
                issuer.end(FeedEntry.handle(ofKey: name), kind: .signingKey)
            case 2:
                issuer.end(handle)
                issuer.end(RevocationHandle(high: 0, low: 0), kind: .widened)
            default:
                issuer.end(handle)
            }
            let ended = Ended(token: token, keyID: keyID, at: clock.uptime)
            state.withLock { $0.ended.append(ended) }
            if happens(oneIn: 3) { clock.advance(.milliseconds(number(1..<80))) }
        }
        if happens(oneIn: 60) {
            let name = state.withLock { state in
                state.epochs += 1
                return "epoch-\(state.epochs)"
            }
            // A backup was restored: part of what was ended is forgotten there.
            let kept = issuer.state.withLock { Array($0.entries.prefix($0.entries.count / 2)) }
            issuer.restart(epoch: name, keeping: kept)
            // What the issuer forgot before the reader heard of it nobody can know; what it heard it must not forget.
            var known = RevocationSet()
            for entry in kept { known.insert(entry) }
            let reader = reader.value
            state.withLock {
                $0.ended.removeAll { ended in
                    let isKept =
                        known.ends(ended.token)
                        || ended.keyID.map { known.isRetired(FeedEntry.handle(ofKey: $0)) } ?? false
                    return !isKept && reader?.isRevoked(ended.token, keyID: ended.keyID) != true
                }
            }
        }
    }

    // MARK: - The connection

    func answer(_ question: FeedQuestion, _ number: Int, of count: Int) throws -> FeedAnswer {
        guard number < count else { return .over }
        let isHonest = number >= count - 3
        live()
        if !isHonest, happens(oneIn: 12) { return happens(oneIn: 2) ? .unreachable : .hanging }
        switch question.name {
        case "snapshot": return try snapshot(question, isHonest: isHonest)
        case "events": return try events(question, isHonest: isHonest)
        default: return try poll(question, isHonest: isHonest)
        }
    }

    private func snapshot(_ question: FeedQuestion, isHonest: Bool) throws -> FeedAnswer {
        var bytes = try issuer.snapshot(nonce: question.nonce)
        state.withLock { $0.recorded.append(bytes) }
        if !isHonest {
            switch number(0..<8) {
            case 0: bytes.removeLast(number(0..<bytes.count))
            case 1: bytes[number(0..<bytes.count)] ^= 4
            case 2: bytes = old() ?? bytes
            default: break
            }
        }
        return FeedAnswer(pieces: pieces(bytes, isHonest: isHonest))
    }

    private func old() -> [UInt8]? {
        state.withLock { state in
            state.recorded.isEmpty ? nil : state.recorded[state.generator.number(0..<state.recorded.count)]
        }
    }

    private func poll(_ question: FeedQuestion, isHonest: Bool) throws -> FeedAnswer {
        guard let after = place(of: question) else { return .status(410) }
        var texts = [try issuer.signed(issuer.message(.hello(nonce: question.nonce)))]
        if after < issuer.count { texts.append(try issuer.signed(issuer.deltaMessage(from: after))) }
        if !isHonest, texts.count > 1, happens(oneIn: 6) { texts.remove(at: number(0..<2)) }
        let body: JSONObject = ["messages": .array(texts.map { .string($0) })]
        return FeedAnswer(pieces: pieces(body.serialized(), isHonest: isHonest))
    }

    private func place(of question: FeedQuestion) -> Int? {
        let isKnown = question.parameter("epoch") == issuer.position.epoch
        return isKnown ? Int(question.parameter("after")).flatMap { $0 <= issuer.count ? $0 : nil } : nil
    }

    private func events(_ question: FeedQuestion, isHonest: Bool) throws -> FeedAnswer {
        guard let after = place(of: question) else { return .status(410) }
        state.withLock { $0.sent = after }
        var pieces: [FeedAnswer.Piece] = [.make { try self.next(.hello(nonce: question.nonce), isHonest) }]
        for _ in 0..<number(1..<14) {
            pieces.append(.check { self.live() })
            pieces.append(.make { try self.delta(isHonest) })
            pieces.append(.check { self.judge() })
            pieces.append(.pass(.milliseconds(number(0..<400))))
            pieces.append(.make { try self.next(.heartbeat, isHonest) })
            pieces.append(.check { self.judge() })
            if !isHonest, happens(oneIn: 10) { pieces.append(.pass(.milliseconds(number(0..<3_500)))) }
            pieces.append(.check { self.judge() })
        }
        return FeedAnswer(
            pieces: pieces,
            failure: happens(oneIn: 3) ? TransportError(.connectionLost, reason: "cut") : nil
        )
    }

    private func delta(_ isHonest: Bool) throws -> [UInt8] {
        let (from, end) = (state.withLock { $0.sent }, issuer.count)
        // The issuer began anew under this connection: an honest server ends the stream, this one says nothing.
        guard from < end else { return [] }
        let split = number(from..<end) + 1
        state.withLock { $0.sent = split }
        let bytes = try issuer.event(issuer.deltaMessage(from: from, to: split))
        let rest = split < end ? try issuer.event(issuer.deltaMessage(from: split, to: end)) : []
        state.withLock { $0.sent = end }
        return isHonest ? bytes + rest : twisted(bytes) + twisted(rest)
    }

    private func next(_ content: FeedMessage.Content, _ isHonest: Bool) throws -> [UInt8] {
        let bytes = try issuer.event(issuer.message(content))
        return isHonest ? bytes : twisted(bytes)
    }

    /// Dropped, doubled, swapped with an older message, changed, cut short, or left as it is.
    private func twisted(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        defer { state.withLock { $0.recorded.append(bytes) } }
        switch number(0..<60) {
        case 0, 1: return []
        case 2: return bytes + bytes
        case 3: return (old() ?? []) + bytes
        case 4: return old() ?? []
        case 5:
            var bytes = bytes
            bytes[number(0..<bytes.count)] ^= 2
            return bytes
        case 6: return Array(bytes.prefix(number(0..<bytes.count)))
        default: return bytes
        }
    }

    /// The same octets, cut anywhere, with time in between.
    private func pieces(_ bytes: [UInt8], isHonest: Bool) -> [FeedAnswer.Piece] {
        guard bytes.count > 1 else { return [.bytes(bytes)] }
        let cut = number(1..<bytes.count)
        let wait = isHonest ? 1 : number(0..<2_500)
        return [.bytes(Array(bytes[..<cut])), .pass(.milliseconds(wait)), .bytes(Array(bytes[cut...]))]
    }

    // MARK: - The judge

    /// What was ended longer ago than the reader says that its knowledge is old must be refused.
    func judge() {
        guard let reader = reader.value, let staleness = reader.freshness.staleness else { return }
        let covered = clock.uptime - staleness
        for ended in ended where ended.at < covered && !reader.isRevoked(ended.token, keyID: ended.keyID) {
            state.withLock { $0.mistakes.append("ended at \(ended.at), known up to \(covered), accepted") }
        }
        state.withLock { $0.looks += 1 }
    }
}

@Suite("The reader against an adversary", .timeLimit(.minutes(5)))
struct FeedSimulationTests {
    @Test("FIELD R48: whatever is dropped, doubled, moved, changed, cut or held back, what it calls known it refuses")
    func adversary() async throws {
        let key = try SigningKey.generate(.edDSA, keyID: "feed-1")
        var (faults, looks): ([String: Int], Int) = ([:], 0)
        for seed in 1...40 as ClosedRange<UInt64> {
            let world = try FeedSimulation(seed: seed, key: key)
            var limits = FeedLimits()
            limits.shortestStream = .milliseconds(500)
            limits.pollingPeriod = .seconds(2)
            if seed.isMultiple(of: 4) { limits.bounds = .init(entries: 40, retiredKeys: 100) }
            let bench = FeedBench(clock: world.clock, issuer: world.issuer, limits: limits) { question, number in
                try world.answer(question, number, of: 30)
            }
            world.reader.value = bench.state
            await bench.play()
            world.judge()
            #expect(world.mistakes.prefix(2) == [], "seed \(seed)")
            // In the end the adversary leaves, and the issuer's last hello or heartbeat vouches for everything.
            faults.merge(bench.reader.faults) { $0 + $1 }
            looks += world.looks
            if limits.bounds.entries > 40 {
                let fresh = RevocationClaim(issuedAt: world.issuer.now + .seconds(1), handles: [])
                #expect(!bench.state.isRevoked(fresh, keyID: nil), "seed \(seed)")
            }
        }
        // Otherwise the adversary did too little, or the reader nothing.
        for code in ["forged", "gap", "order", "epoch", "silence", "transport", "snapshot-required", "replayed"] {
            #expect(faults[code] ?? 0 > 0, "\(code) of \(faults)")
        }
        #expect(looks > 2_000)
    }

    @Test("Every token that was ended is refused once the delta is there, whatever the pieces of the stream")
    func everyPosition() async throws {
        let clock = FeedClock()
        let issuer = try FeedIssuer(clock: clock)
        let handles = (0..<3).map { RevocationHandle(high: 50, low: UInt64($0)) }
        let parts = Mutex<[UInt8]>([])
        // Once to see how long it is; the texts have the same length every time.
        for handle in handles { issuer.end(handle) }
        let length = try issuer.event(issuer.deltaMessage(from: 0)).count
        for cut in stride(from: 0, through: length, by: 7) {
            let bench = FeedBench(clock: clock, issuer: issuer) { question, number in
                switch number {
                case 0:
                    issuer.restart(epoch: "epoch-\(cut)")
                    return try issuer.answer(snapshot: question)
                case 1:
                    return try issuer.answer(
                        events: question,
                        [
                            .make {
                                for handle in handles { issuer.end(handle) }
                                let whole = try issuer.event(issuer.deltaMessage(from: 0))
                                parts.withLock { $0 = Array(whole[min(cut, whole.count)...]) }
                                return Array(whole.prefix(cut))
                            }, .make { parts.withLock { $0 } },
                        ]
                    )
                default: return .over
                }
            }
            await bench.play()
            #expect(handles.allSatisfy { bench.state.isRevoked(FeedIssuer.oldToken($0), keyID: nil) }, "cut at \(cut)")
            #expect(bench.reader.faults.isEmpty)
        }
    }
}
