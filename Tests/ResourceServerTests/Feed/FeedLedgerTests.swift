import Instants
import IssuerConnection
import JOSE
import RevocationFeed
import Synchronization
import Testing

@testable import ResourceServer

/// A reader that knows the first three entries and has said its hello; the issuer has five.
struct LedgerBench {
    static let nonce = "nonce-nonce-nonce-1"
    let clock = FeedClock()
    let issuer: FeedIssuer
    var ledger: FeedLedger

    init(known: Int = 3, of count: Int = 5) throws {
        issuer = try FeedIssuer(clock: clock)
        ledger = FeedLedger(limits: FeedLimits())
        for number in 0..<known { issuer.end(RevocationHandle(high: 9, low: UInt64(number))) }
        let head = issuer.message(.snapshot(nonce: "s", count: known, digest: []))
        _ = try ledger.judge(snapshot: head, answering: "s")
        _ = ledger.adopt(snapshot: head)
        for number in known..<count { issuer.end(RevocationHandle(high: 9, low: UInt64(number))) }
    }

    /// Opens a connection and says hello, at the place that the reader knows.
    mutating func greet(asOf: Instant? = nil) throws {
        ledger.open(nonce: Self.nonce, sentAt: clock.uptime)
        let step = try ledger.accept(
            issuer.message(.hello(nonce: Self.nonce), at: ledger.position, asOf: asOf),
            at: clock.uptime
        )
        #expect(step.coverage == clock.uptime)
    }

    /// The code of the fault, or `nil` if the message is believed.
    mutating func fault(_ message: FeedMessage) -> FeedFault? {
        do throws(FeedFault) {
            _ = try ledger.accept(message, at: clock.uptime)
            return nil
        } catch {
            return error
        }
    }
}

@Suite("Which message of the feed may follow")
struct FeedLedgerTests {
    @Test("The hello, the deltas and the heartbeat of an honest issuer are believed")
    func honest() throws {
        var bench = try LedgerBench()
        try bench.greet()
        let delta = try bench.ledger.accept(bench.issuer.deltaMessage(from: 3), at: bench.clock.uptime)
        #expect(delta.entries.map(\.handle.low) == [3, 4])
        #expect(bench.ledger.position == bench.issuer.position)
        let heartbeat = try bench.ledger.accept(bench.issuer.message(.heartbeat), at: bench.clock.uptime)
        #expect(heartbeat.coverage == bench.clock.uptime)
        #expect(heartbeat.issuerTime == bench.issuer.now)
    }

    @Test("A delta that was signed for a reader further back is taken from our place on")
    func straddling() throws {
        var bench = try LedgerBench()
        try bench.greet()
        let step = try bench.ledger.accept(bench.issuer.deltaMessage(from: 1, to: 4), at: bench.clock.uptime)
        #expect(step.entries.map(\.handle.low) == [3])
        #expect(bench.ledger.position == bench.issuer.position(after: 4))
    }

    @Test("FIELD R48: a hello for another nonce, a second one, or a message before it is not believed")
    func replayedHello() throws {
        var bench = try LedgerBench()
        bench.ledger.open(nonce: LedgerBench.nonce, sentAt: bench.clock.uptime)
        let place = bench.ledger.position
        #expect(bench.fault(bench.issuer.message(.hello(nonce: "nonce-nonce-nonce-0"), at: place))?.code == .replayed)
        #expect(bench.fault(bench.issuer.message(.heartbeat, at: place))?.code == .order)
        #expect(bench.fault(bench.issuer.deltaMessage(from: 3))?.code == .order)
        let hello = bench.issuer.message(.hello(nonce: LedgerBench.nonce), at: place)
        #expect(bench.fault(hello) == nil)
        #expect(bench.fault(hello)?.code == .replayed)
        #expect(bench.fault(bench.issuer.message(.heartbeat, at: place)) == nil)
    }

    @Test("FIELD R48: a gap before a delta is found, and without it the same delta is believed")
    func gap() throws {
        var bench = try LedgerBench()
        try bench.greet()
        let fault = bench.fault(bench.issuer.deltaMessage(from: 4))
        #expect(fault?.code == .gap && fault?.remedy == .snapshot)
        #expect(bench.fault(bench.issuer.deltaMessage(from: 3, to: 4)) == nil)
        #expect(bench.fault(bench.issuer.deltaMessage(from: 4)) == nil)
    }

    @Test("FIELD R48: a heartbeat past entries that did not come shows that they are missing")
    func withheldDelta() throws {
        var bench = try LedgerBench()
        try bench.greet()
        let heartbeat = bench.issuer.message(.heartbeat)
        let fault = bench.fault(heartbeat)
        #expect(fault?.code == .gap && fault?.remedy == .snapshot)
        #expect(bench.fault(bench.issuer.deltaMessage(from: 3)) == nil)
        #expect(bench.fault(heartbeat) == nil)
    }

    @Test("FIELD R48: a delta that comes again, or late, is not believed")
    func reordered() throws {
        var bench = try LedgerBench()
        try bench.greet()
        let (first, second) = (bench.issuer.deltaMessage(from: 3, to: 4), bench.issuer.deltaMessage(from: 4))
        #expect(bench.fault(first) == nil)
        #expect(bench.fault(first)?.code == .order)
        #expect(bench.fault(second) == nil)
        #expect(bench.fault(first)?.code == .order)
    }

    @Test("FIELD R48: a delta with an entry left out, changed, added or moved leads to another hash")
    func truncated() throws {
        let other = FeedEntry(
            kind: .handle,
            notBefore: FeedClock.start,
            expiresAt: FeedClock.start,
            handle: RevocationHandle(high: 1, low: 1)
        )
        let changes: [([FeedEntry]) -> [FeedEntry]] = [
            { Array($0.dropLast()) }, { Array($0.dropFirst()) }, { $0 + [other] }, { $0.reversed() },
            { [other] + $0.dropFirst() },
        ]
        for change in changes {
            var bench = try LedgerBench()
            try bench.greet()
            let whole = bench.issuer.deltaMessage(from: 3)
            guard case .delta(let from, let entries) = whole.content else { return }
            var broken = whole
            broken.content = .delta(from: from, entries: change(entries))
            let fault = bench.fault(broken)
            #expect(fault?.code == .chain && fault?.remedy == .snapshot)
            #expect(bench.ledger.position == bench.issuer.position(after: 3))
            #expect(bench.fault(whole) == nil)
        }
    }

    @Test("Another history at the same place is found, in whatever message it shows itself")
    func fork() throws {
        let forked = FeedPosition(epoch: "epoch-1", sequence: 3, hash: Array(repeating: 7, count: 32))
        for content in [FeedMessage.Content.heartbeat, .keys(document: [1])] {
            var bench = try LedgerBench()
            try bench.greet()
            #expect(bench.fault(bench.issuer.message(content, at: forked))?.code == .chain)
            #expect(bench.fault(bench.issuer.message(content, at: bench.ledger.position)) == nil)
        }
        var bench = try LedgerBench()
        bench.ledger.open(nonce: LedgerBench.nonce, sentAt: bench.clock.uptime)
        let hello = FeedMessage.Content.hello(nonce: LedgerBench.nonce)
        #expect(bench.fault(bench.issuer.message(hello, at: forked))?.code == .chain)
        // A snapshot after that is taken in besides what is known, not instead of it.
        let head = bench.issuer.message(.snapshot(nonce: "s", count: 5, digest: []))
        #expect(try bench.ledger.judge(snapshot: head, answering: "s") == .joining)
    }

    @Test("FIELD R48: what is older than what is known is not believed: place, clock, snapshot")
    func rollback() throws {
        var bench = try LedgerBench()
        let (before, here) = (bench.issuer.position(after: 2), bench.issuer.position(after: 3))
        let hello = FeedMessage.Content.hello(nonce: LedgerBench.nonce)
        let snapshot = FeedMessage.Content.snapshot(nonce: "s", count: 2, digest: [])
        let past = bench.issuer.now - .seconds(11)
        bench.ledger.open(nonce: LedgerBench.nonce, sentAt: bench.clock.uptime)
        #expect(bench.fault(bench.issuer.message(hello, at: before))?.code == .rollback)
        #expect(bench.fault(bench.issuer.message(hello, at: here, asOf: past))?.code == .rollback)
        #expect(bench.fault(bench.issuer.message(hello, at: here, asOf: past + .seconds(2))) == nil)
        #expect(bench.fault(bench.issuer.message(.heartbeat, at: before))?.code == .rollback)
        #expect(bench.fault(bench.issuer.message(.heartbeat, at: here, asOf: past))?.code == .rollback)
        #expect(bench.fault(bench.issuer.message(.heartbeat, at: here, asOf: past + .seconds(2))) == nil)
        for (place, asOf) in [(before, bench.issuer.now), (here, past)] {
            let head = bench.issuer.message(snapshot, at: place, asOf: asOf)
            #expect(throws: FeedFault.self) { try bench.ledger.judge(snapshot: head, answering: "s") }
        }
        _ = try bench.ledger.judge(snapshot: bench.issuer.message(snapshot, at: here), answering: "s")
    }

    @Test("A heartbeat that is older than the one before it is not believed")
    func heartbeatOrder() throws {
        var bench = try LedgerBench(known: 3, of: 3)
        try bench.greet()
        let old = bench.issuer.message(.heartbeat)
        bench.clock.advance(.milliseconds(250))
        #expect(bench.fault(old) == nil)
        #expect(bench.fault(bench.issuer.message(.heartbeat)) == nil)
        #expect(bench.fault(old)?.code == .order)
    }

    @Test("A replayed snapshot is refused, and the one that answers the nonce is taken")
    func replayedSnapshot() throws {
        var bench = try LedgerBench()
        let content = FeedMessage.Content.snapshot(nonce: "drawn-yesterday", count: 5, digest: [])
        #expect(throws: FeedFault(.replayed, "a snapshot for another nonce")) {
            try bench.ledger.judge(snapshot: bench.issuer.message(content), answering: "drawn-today")
        }
        var fresh = FeedLedger(limits: FeedLimits())
        #expect(throws: FeedFault.self) {
            try fresh.judge(snapshot: bench.issuer.message(content), answering: "drawn-today")
        }
        #expect(try fresh.judge(snapshot: bench.issuer.message(content), answering: "drawn-yesterday") == .joining)
    }

    @Test("Another epoch is believed through a snapshot only, which joins what is known")
    func epochs() throws {
        var bench = try LedgerBench()
        try bench.greet()
        bench.issuer.restart(epoch: "epoch-2")
        let fault = bench.fault(bench.issuer.message(.heartbeat))
        #expect(fault?.code == .epoch && fault?.remedy == .snapshot)
        let head = bench.issuer.message(.snapshot(nonce: "s", count: 0, digest: []))
        #expect(try bench.ledger.judge(snapshot: head, answering: "s") == .joining)
        _ = bench.ledger.adopt(snapshot: head)
        try bench.greet()
        #expect(bench.fault(bench.issuer.message(.heartbeat)) == nil)
    }

    @Test("A snapshot takes the place of what is known only after the log that was followed has been widened")
    func widened() throws {
        var bench = try LedgerBench()
        try bench.greet()
        #expect(bench.fault(bench.issuer.deltaMessage(from: 3)) == nil)
        let head = bench.issuer.message(.snapshot(nonce: "s", count: 5, digest: []))
        #expect(try bench.ledger.judge(snapshot: head, answering: "s") == .joining)
        bench.issuer.end(RevocationHandle(high: 0, low: 0), kind: .widened)
        let step = try bench.ledger.accept(bench.issuer.deltaMessage(from: 5), at: bench.clock.uptime)
        #expect(step.wantsSnapshot != nil)
        let smaller = bench.issuer.message(.snapshot(nonce: "s", count: 1, digest: []))
        #expect(try bench.ledger.judge(snapshot: smaller, answering: "s") == .replacing)
    }

    @Test("What a log that was left had known is kept through a widening of the next one, until it has expired")
    func widenedAfterRestart() throws {
        for waits in [false, true] {
            var bench = try LedgerBench()
            bench.issuer.restart(epoch: "epoch-2")
            let first = bench.issuer.message(.snapshot(nonce: "s", count: 0, digest: []))
            #expect(try bench.ledger.judge(snapshot: first, answering: "s") == .joining)
            _ = bench.ledger.adopt(snapshot: first, lastExpiry: bench.issuer.now + .seconds(600))
            try bench.greet()
            bench.clock.advance(.seconds(waits ? 601 : 599))
            bench.issuer.end(RevocationHandle(high: 0, low: 0), kind: .widened)
            _ = try bench.ledger.accept(bench.issuer.deltaMessage(from: 0), at: bench.clock.uptime)
            let head = bench.issuer.message(.snapshot(nonce: "s", count: 0, digest: []))
            #expect(try bench.ledger.judge(snapshot: head, answering: "s") == (waits ? .replacing : .joining))
        }
    }

    @Test("An entry of an unknown kind is not guessed at")
    func unknownKind() throws {
        var bench = try LedgerBench()
        try bench.greet()
        bench.issuer.end(RevocationHandle(high: 1, low: 1), kind: .init(octet: 77))
        let fault = bench.fault(bench.issuer.deltaMessage(from: 3))
        #expect(fault?.code == .snapshotRequired && fault?.remedy == .snapshot)
        #expect(bench.ledger.position == bench.issuer.position(after: 3))
    }

    @Test("A hello further on vouches for what is known only when everything up to its place is there")
    func promise() throws {
        var bench = try LedgerBench()
        let sent = bench.clock.uptime
        bench.ledger.open(nonce: LedgerBench.nonce, sentAt: sent)
        bench.clock.advance(.milliseconds(40))
        let hello = bench.issuer.message(.hello(nonce: LedgerBench.nonce))
        #expect(try bench.ledger.accept(hello, at: bench.clock.uptime).coverage == nil)
        let first = bench.issuer.deltaMessage(from: 3, to: 4)
        #expect(try bench.ledger.accept(first, at: bench.clock.uptime).coverage == nil)
        let second = bench.issuer.deltaMessage(from: 4)
        #expect(try bench.ledger.accept(second, at: bench.clock.uptime).coverage == sent)
    }

    // MARK: - Keys

    @Test("A change of the JWK Set is told once, with the document where it comes and is whole")
    func keys() throws {
        var bench = try LedgerBench(known: 3, of: 3)
        try bench.greet()
        func step(_ content: FeedMessage.Content) throws -> FeedKeys? {
            try bench.ledger.accept(bench.issuer.message(content), at: bench.clock.uptime).keys
        }
        #expect(try step(.heartbeat) == nil)
        let document = Array("{\"keys\":[1]}".utf8)
        bench.issuer.state.withLock { $0.keyDocument = document }
        let digest = FeedMessage.digest(ofKeySet: document)
        #expect(try step(.heartbeat) == FeedKeys(digest: digest, document: nil))
        #expect(try step(.heartbeat) == nil)
        #expect(try step(.keys(document: document)) == FeedKeys(digest: digest, document: document))
        #expect(try step(.keys(document: [1, 2, 3])) == FeedKeys(digest: digest, document: nil))
    }

    @Test("A key that was withdrawn does not come back with an old message")
    func oldKeys() throws {
        var bench = try LedgerBench(known: 3, of: 3)
        try bench.greet()
        let old = bench.issuer.message(.keys(document: bench.issuer.state.withLock { $0.keyDocument }))
        #expect(try bench.ledger.accept(old, at: bench.clock.uptime).keys?.document != nil)
        bench.clock.advance(.milliseconds(250))
        bench.issuer.state.withLock { $0.keyDocument = [2] }
        #expect(try bench.ledger.accept(bench.issuer.message(.heartbeat), at: bench.clock.uptime).keys != nil)
        #expect(try bench.ledger.accept(old, at: bench.clock.uptime).keys == nil)
    }
}

@Suite("How old what is known is at most")
struct FreshnessTests {
    @Test("A statement is as old as the time since the nonce, less what the issuer's clock has run since")
    func bound() throws {
        var anchor = FreshnessAnchor(sentAt: .seconds(100), asOf: Instant(secondsSinceEpoch: 5_000))
        func covered(_ asOf: Duration, _ now: Duration) -> Duration? {
            let asOf = Instant(secondsSinceEpoch: 5_000) + asOf
            return anchor.coverage(asOf: asOf, receivedAt: now, tolerance: .seconds(1))
        }
        #expect(covered(.zero, .seconds(101)) == .seconds(100))
        #expect(covered(.seconds(30), .seconds(131)) == .seconds(130))
        // Held back for a minute, it is a minute old.
        #expect(covered(.seconds(30), .seconds(191)) == .seconds(130))
        // Signed before the nonce came, and so older than it.
        #expect(covered(.seconds(-5), .seconds(131)) == .seconds(95))
        // From the future by less than the tolerance: worth no more than now, and from here on so much less.
        #expect(covered(.seconds(60), .milliseconds(159_500)) == .milliseconds(159_500))
        #expect(covered(.seconds(61), .milliseconds(163_000)) == .milliseconds(160_500))
        // By more: the anchor does not hold.
        #expect(covered(.seconds(70), .milliseconds(165_000)) == nil)
    }

    @Test("Neither clock on the wall has a say, however wrong it is or becomes", arguments: [-1e6, -90, 0, 90, 1e6])
    func skew(seconds: Double) throws {
        var bench = try LedgerBench(known: 3, of: 3)
        bench.issuer.state.withLock { $0.skew = .seconds(2_000_000) + .seconds(seconds) }
        let state = RevocationState(clock: bench.clock)
        #expect(state.freshness.staleness == nil)
        // The snapshot was taken with the clock as it was; a new reader starts with this one.
        var ledger = FeedLedger(limits: FeedLimits())
        let head = bench.issuer.message(.snapshot(nonce: "s", count: 3, digest: []))
        _ = try ledger.judge(snapshot: head, answering: "s")
        _ = ledger.adopt(snapshot: head)
        bench.ledger = ledger
        try bench.greet()
        for _ in 0..<10 {
            bench.clock.step(.seconds(seconds))
            bench.clock.advance(.milliseconds(250))
            let step = try bench.ledger.accept(bench.issuer.message(.heartbeat), at: bench.clock.uptime)
            state.cover(upTo: try #require(step.coverage))
            #expect(state.freshness.staleness == .zero)
            bench.clock.advance(.milliseconds(40))
            #expect(state.freshness.staleness == .milliseconds(40))
        }
    }

    @Test("The issuer's clock jumping forward breaks the connection, and a new nonce mends it")
    func jump() throws {
        var bench = try LedgerBench(known: 3, of: 3)
        try bench.greet()
        bench.clock.advance(.milliseconds(250))
        #expect(bench.fault(bench.issuer.message(.heartbeat)) == nil)
        bench.issuer.state.withLock { $0.skew += .seconds(3_600) }
        bench.clock.advance(.milliseconds(250))
        #expect(bench.fault(bench.issuer.message(.heartbeat))?.code == .clock)
        try bench.greet()
        #expect(bench.fault(bench.issuer.message(.heartbeat)) == nil)
    }

    @Test("Coverage never goes back, and staleness only grows while nothing comes")
    func monotonic() {
        let clock = FeedClock()
        let state = RevocationState(clock: clock)
        state.cover(upTo: clock.uptime)
        state.cover(upTo: clock.uptime - .seconds(30))
        #expect(state.freshness.staleness == .zero)
        clock.advance(.seconds(7))
        #expect(state.freshness.staleness == .seconds(7))
        clock.step(.seconds(-86_400))
        #expect(state.freshness.staleness == .seconds(7))
    }
}
