import Instants
import RevocationFeed
import Testing

@testable import ResourceServer

@Suite("The set of what is revoked")
struct RevocationSetTests {
    static let start = FeedClock.start

    static func entry(_ handle: RevocationHandle, at notBefore: Instant = start, for life: Duration = .seconds(600))
        -> FeedEntry
    {
        FeedEntry(kind: .handle, notBefore: notBefore, expiresAt: notBefore + life, handle: handle)
    }

    static func claim(_ handles: RevocationHandle..., issuedAt: Instant = start) -> RevocationClaim {
        RevocationClaim(issuedAt: issuedAt, handles: handles)
    }

    static func filled(_ count: Int, seed: UInt64 = 1, bounds: RevocationSet.Bounds = .init())
        -> (set: RevocationSet, handles: [RevocationHandle])
    {
        var generator = SeededGenerator(seed: seed)
        var set = RevocationSet(bounds: bounds)
        let handles = (0..<count).map { _ in generator.handle() }
        for handle in handles { set.insert(entry(handle)) }
        return (set, handles)
    }

    @Test("What was put in is found, and nothing else is", arguments: [0, 1, 15, 16, 17, 500, 1_000, 20_000])
    func membership(count: Int) {
        let (set, handles) = Self.filled(count)
        #expect(set.count == count)
        #expect(handles.allSatisfy { set.ends(Self.claim($0)) })
        var others = SeededGenerator(seed: 2)
        #expect(!(0..<5_000).contains { _ in set.ends(Self.claim(others.handle())) })
    }

    @Test("A token that was issued later than the revocation is not revoked")
    func notBefore() {
        let handle = RevocationHandle(high: 5, low: 6)
        var set = RevocationSet()
        set.insert(Self.entry(handle))
        #expect(set.ends(Self.claim(handle, issuedAt: Self.start)))
        #expect(set.ends(Self.claim(RevocationHandle(high: 1, low: 1), handle, issuedAt: Self.start)))
        #expect(!set.ends(Self.claim(handle, issuedAt: Self.start + .milliseconds(1))))
        #expect(!set.ends(Self.claim(RevocationHandle(high: 5, low: 7))))
        #expect(!set.ends(Self.claim(RevocationHandle(high: 4, low: 6))))
    }

    @Test("Of a repeated handle the latest moment and the latest expiry hold, in whatever order they come")
    func repeated() {
        let handle = RevocationHandle(high: 5, low: 6)
        let early = Self.entry(handle, for: .seconds(9_000))
        let late = Self.entry(handle, at: Self.start + .seconds(60), for: .seconds(10))
        for order in [[early, late], [late, early]] {
            var set = RevocationSet()
            for entry in order { set.insert(entry) }
            #expect(set.count == 1)
            #expect(set.ends(Self.claim(handle, issuedAt: Self.start + .seconds(60))))
            #expect(!set.ends(Self.claim(handle, issuedAt: Self.start + .seconds(61))))
            set.purge(at: Self.start + .seconds(8_999), segments: 100)
            #expect(set.count == 1)
            set.purge(at: Self.start + .seconds(9_002), segments: 100)
            #expect(set.count == 0)
        }
    }

    @Test("Times are rounded and saturate so that they end more, and for longer")
    func times() {
        let odd = Instant(millisecondsSinceEpoch: 1_800_000_000_123)
        let times = EntryTimes(notBefore: odd, expiresAt: odd + .milliseconds(1))
        #expect(times.notBefore == odd.millisecondsSinceEpoch)
        #expect(times.expiry > odd.millisecondsSinceEpoch + 1)
        #expect(EntryTimes(notBefore: odd, expiresAt: odd - .seconds(50)).expiry > odd.millisecondsSinceEpoch)
        #expect(EntryTimes(notBefore: odd, expiresAt: odd + .seconds(86_400 * 60)).expiry == .max)
        #expect(EntryTimes(notBefore: odd, expiresAt: .distantFuture).expiry == .max)
        #expect(EntryTimes(notBefore: .distantFuture, expiresAt: odd).notBefore > odd.millisecondsSinceEpoch)
        #expect(EntryTimes(notBefore: Instant(millisecondsSinceEpoch: 0), expiresAt: odd).packed != 0)
        let other = EntryTimes(notBefore: odd, expiresAt: odd + .seconds(90))
        #expect(other.union(other) == other)
    }

    @Test("An everything ends what was issued until then, and passes with its expiry")
    func everything() {
        var set = RevocationSet()
        set.insert(
            FeedEntry(kind: .everything, notBefore: Self.start, expiresAt: Self.start + .seconds(600))
        )
        let handle = RevocationHandle(high: 1, low: 1)
        #expect(set.ends(Self.claim(handle)))
        #expect(set.ends(Self.claim()))
        #expect(!set.ends(Self.claim(handle, issuedAt: Self.start + .milliseconds(1))))
        set.purge(at: Self.start + .seconds(599), segments: 1)
        #expect(set.ends(Self.claim(handle)))
        set.purge(at: Self.start + .seconds(601), segments: 1)
        #expect(!set.ends(Self.claim(handle)))
    }

    @Test("A kind that is not known ends everything until then rather than nothing")
    func unknownKind() {
        var set = RevocationSet()
        set.insert(FeedEntry(kind: .init(octet: 9), notBefore: Self.start, expiresAt: Self.start + .seconds(600)))
        #expect(set.ends(Self.claim(RevocationHandle(high: 1, low: 1))))
        var widened = RevocationSet()
        widened.insert(FeedEntry(kind: .widened, notBefore: Self.start, expiresAt: Self.start + .seconds(600)))
        #expect(!widened.ends(Self.claim(RevocationHandle(high: 1, low: 1))))
    }

    @Test("A retired key ends all of its tokens, whenever they say that they were issued, and no other key's")
    func retiredKeys() {
        let clock = FeedClock()
        let state = RevocationState(clock: clock)
        let retired = FeedEntry(
            kind: .signingKey,
            notBefore: Self.start,
            expiresAt: Self.start + .seconds(600),
            handle: FeedEntry.handle(ofKey: "key-1")
        )
        let claim = Self.claim(RevocationHandle(high: 1, low: 1), issuedAt: Self.start + .seconds(300))
        #expect(!state.isRevoked(claim, keyID: "key-1"))
        state.insert([retired])
        #expect(state.isRevoked(claim, keyID: "key-1"))
        #expect(state.isRevoked(claim, keyID: "key-1"))
        #expect(!state.isRevoked(claim, keyID: "key-2"))
        #expect(!state.isRevoked(claim, keyID: nil))
        state.forget(expiredAt: Self.start + .seconds(601))
        #expect(!state.isRevoked(claim, keyID: "key-1"))
    }

    @Test("More retired keys than the bound refuse everything rather than let one pass")
    func tooManyKeys() {
        var set = RevocationSet(bounds: .init(entries: 100, retiredKeys: 4))
        for number in 0..<4 {
            let handle = FeedEntry.handle(ofKey: "key-\(number)")
            set.insert(FeedEntry(kind: .signingKey, notBefore: Self.start, expiresAt: Self.start, handle: handle))
        }
        #expect(!set.ends(Self.claim()) && !set.isWidened)
        let handle = FeedEntry.handle(ofKey: "key-4")
        set.insert(FeedEntry(kind: .signingKey, notBefore: Self.start, expiresAt: Self.start, handle: handle))
        #expect(set.ends(Self.claim(issuedAt: Self.start + .seconds(9_999))) && set.isWidened)
        #expect(set.retiredKeyCount == 4)
    }

    @Test("What has expired goes, what has not stays, a few segments at a time")
    func purge() {
        var generator = SeededGenerator(seed: 3)
        var set = RevocationSet()
        let (short, long) = ((0..<4_000).map { _ in generator.handle() }, (0..<1_000).map { _ in generator.handle() })
        for handle in short { set.insert(Self.entry(handle, for: .seconds(60))) }
        for handle in long { set.insert(Self.entry(handle, for: .seconds(600))) }
        let segments = set.segmentCount
        #expect(segments > 4)
        set.purge(at: Self.start + .seconds(62), segments: 1)
        #expect((4_000..<5_000).contains(set.count))
        for _ in 0..<2 * segments { set.purge(at: Self.start + .seconds(62), segments: 1) }
        #expect((1_000..<1_100).contains(set.count))
        #expect(long.allSatisfy { set.ends(Self.claim($0)) })
        #expect(set.segmentCount < segments)
        for _ in 0..<20 { set.purge(at: Self.start + .seconds(602), segments: 100) }
        #expect(set.count == 0 && set.segmentCount == 1)
        #expect(!long.contains { set.ends(Self.claim($0)) })
    }

    @Test("An entry takes at most 40 octets at every size from a thousand on, growing and shrinking")
    func memory() {
        var generator = SeededGenerator(seed: 4)
        var set = RevocationSet()
        var worst = 0.0
        for number in 1...150_000 {
            set.insert(Self.entry(generator.handle(), for: .seconds(number)))
            if number >= 1_000, number % 997 == 0 { worst = max(worst, Double(set.byteCount) / Double(set.count)) }
        }
        #expect(worst <= 40, "growing: \(worst)")
        worst = 0
        for expired in stride(from: 1_000, through: 149_000, by: 1_000) {
            set.purge(at: Self.start + .seconds(expired + 2), segments: set.segmentCount)
            set.purge(at: Self.start + .seconds(expired + 2), segments: set.segmentCount)
            let living = 150_000 - expired - 2
            #expect(set.count >= living)
            if living >= 1_000 { worst = max(worst, Double(set.byteCount) / Double(living)) }
        }
        #expect(worst <= 40, "shrinking: \(worst)")
        #expect(RevocationSet().byteCount < 2_048)
    }

    @Test("No single insertion rebuilds more than a segment")
    func smallSteps() {
        var set = Self.filled(50_000).set
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2_000 {
            let before = set.segmentCount
            set.insert(Self.entry(generator.handle()))
            #expect(set.segmentCount - before <= 1)
        }
        #expect(set.largestSegment < 1_200)
    }

    @Test("A handle is looked for in few places, and a stranger's is mostly stopped by the filter")
    func spread() {
        var generator = SeededGenerator(seed: 11)
        var segment = RevocationSegment()
        var filter = RevocationFilter()
        for _ in 0..<3 { filter.append() }
        for _ in 0..<384 {
            let handle = generator.handle()
            segment.insert(handle, EntryTimes(notBefore: Self.start, expiresAt: Self.start))
            filter.add(handle, to: 1)
        }
        #expect(segment.longestRun < 120)
        let strangers = (0..<10_000).map { _ in generator.handle() }
        let passed = strangers.count { filter.mightHold($0, in: 1) }
        #expect(passed < 300, "\(passed) of 10000 strangers pass")
        #expect(!strangers.contains { filter.mightHold($0, in: 0) || filter.mightHold($0, in: 2) })
        filter.renew(1, for: segment)
        #expect(strangers.count { filter.mightHold($0, in: 1) } == passed)
        filter.renew(1, for: RevocationSegment())
        #expect(!strangers.contains { filter.mightHold($0, in: 1) })
    }

    @Test("Through growing, shrinking and growing again, the filter lets pass whatever is there")
    func filterFollows() {
        var generator = SeededGenerator(seed: 12)
        var set = RevocationSet()
        for round in 1...3 {
            let now = Self.start + .seconds(round * 1_000)
            let handles = (0..<30_000).map { _ in generator.handle() }
            for (number, handle) in handles.enumerated() {
                set.insert(Self.entry(handle, at: now, for: .seconds(number % 3 == 0 ? 500 : 100)))
            }
            for _ in 0..<3 { set.purge(at: now + .seconds(200), segments: set.segmentCount) }
            #expect((10_000..<12_000).contains(set.count))
            #expect(stride(from: 0, to: 30_000, by: 3).allSatisfy { set.ends(Self.claim(handles[$0], issuedAt: now)) })
            for _ in 0..<20 { set.purge(at: now + .seconds(600), segments: set.segmentCount) }
            #expect(set.count == 0 && set.segmentCount == 1)
        }
    }

    @Test("FIELD R48: at its bound the set widens, loses no revocation, and stays at its bound")
    func bound() {
        var generator = SeededGenerator(seed: 6)
        var set = RevocationSet(bounds: .init(entries: 2_000))
        var ended: [(RevocationHandle, Instant)] = []
        for number in 0..<12_000 {
            let moment = Self.start + .milliseconds(number)
            let handle = generator.handle()
            ended.append((handle, moment))
            set.insert(Self.entry(handle, at: moment))
            #expect(set.count <= 2_010)
            if number == 1_999 { #expect(!set.isWidened && set.everythingBefore == nil) }
        }
        #expect(set.isWidened)
        #expect(ended.allSatisfy { set.ends(Self.claim($0.0, issuedAt: $0.1)) })
        // What was issued after the last revocation is not touched.
        #expect(!set.ends(Self.claim(generator.handle(), issuedAt: Self.start + .milliseconds(12_000))))
        set.purge(at: Self.start + .seconds(600), segments: 10_000)
        #expect(ended.allSatisfy { set.ends(Self.claim($0.0, issuedAt: $0.1)) })
    }

    @Test("The union of two sets ends what either ends")
    func union() {
        var (left, handles) = Self.filled(700, seed: 8)
        var (right, others) = Self.filled(3_000, seed: 9)
        right.insert(Self.entry(handles[0], at: Self.start + .seconds(5)))
        right.insert(
            FeedEntry(
                kind: .signingKey,
                notBefore: Self.start,
                expiresAt: Self.start + .seconds(9),
                handle: handles[3]
            )
        )
        left.formUnion(right)
        #expect(left.count == 3_700)
        #expect((handles + others).allSatisfy { left.ends(Self.claim($0)) })
        #expect(left.ends(Self.claim(handles[0], issuedAt: Self.start + .seconds(5))))
        #expect(left.isRetired(handles[3]) && !left.isRetired(handles[4]))
        var cut = RevocationSet()
        cut.insert(FeedEntry(kind: .everything, notBefore: Self.start, expiresAt: Self.start + .seconds(9)))
        right.formUnion(cut)
        #expect(right.ends(Self.claim()))
        others.removeAll()
        handles.removeAll()
    }

    @Test("Against a dictionary, through random growth, expiry and widening")
    func model() {
        for seed in 1...6 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var set = RevocationSet()
            var model: [RevocationHandle: (notBefore: Instant, expiresAt: Instant)] = [:]
            var known: [RevocationHandle] = []
            var now = Self.start
            for _ in 0..<6_000 {
                now = now + .milliseconds(generator.number(0..<400))
                let repeats = !known.isEmpty && generator.happens(oneIn: 8)
                let handle = repeats ? known[generator.number(0..<known.count)] : generator.handle()
                if !repeats { known.append(handle) }
                let entry = Self.entry(handle, at: now, for: .seconds(generator.number(1..<900)))
                set.insert(entry)
                let old = model[handle]
                model[handle] = (now, max(entry.expiresAt, old?.expiresAt ?? entry.expiresAt))
                if generator.happens(oneIn: 4) { set.purge(at: now, segments: 1) }
                let probe = known[generator.number(0..<known.count)]
                if let expected = model[probe], expected.expiresAt > now {
                    #expect(set.ends(Self.claim(probe, issuedAt: expected.notBefore)), "seed \(seed)")
                    #expect(
                        !set.ends(Self.claim(probe, issuedAt: expected.notBefore + .milliseconds(1))),
                        "seed \(seed)"
                    )
                }
            }
        }
    }
}
