internal import IssuerConnection
internal import JOSE
internal import ResourceServer
internal import RevocationFeed

/// What a verification that the cache knows costs with a set of a size, and what an entry occupies.
final class VerificationCost: Mode {
    /// More than one token, so that a large set is not only ever asked where the processor's caches remember it.
    private static let tokenCount = 1000

    private var filled: Subject?
    private var empty: Subject?
    private var set = RevocationSet()

    func answer(_ command: String, _ arguments: [String]) throws -> [String: Any] {
        let count = arguments.first.flatMap { Int($0) } ?? 0
        switch command {
        case "entries":
            filled?.stop()
            empty?.stop()
            filled = try Subject(entries: count)
            empty = try Subject(entries: 0)
            return [:]
        case "measure":
            let seconds = arguments.dropFirst().first.flatMap { Double($0) } ?? 0.2
            let subject = arguments.first == "empty" ? empty : filled
            guard let subject else { return ["error": "entries come first"] }
            return ["nanoseconds": try subject.nanoseconds(over: seconds)]
        case "memory": return memory(count)
        default: return ["error": "unknown command"]
        }
    }

    /// A verifier that follows an issuer of its own.
    private struct Subject {
        let verifier: TokenVerifier
        let tokens: [String]
        let task: Task<Void, any Error>

        init(entries: Int) throws {
            let issuer = try SetIssuer(entries: entries)
            let credentials = APICredentials(clientID: "api", secret: "not-looked-at")
            let verifier = TokenVerifier(
                issuer: SetIssuer.name,
                audience: SetIssuer.audience,
                configuration: VerifierConfiguration(
                    revocation: .feed(credentials),
                    freshness: .strict(maxStaleness: .seconds(60))
                ),
                transport: issuer
            )
            self.verifier = verifier
            tokens = try issuer.tokens(VerificationCost.tokenCount)
            task = Task.detached { try await verifier.run() }
            try waiting { try await verifier.start(within: .seconds(60)) }
            for token in tokens { _ = try verifier.verify(token) }
        }

        func stop() { task.cancel() }

        /// Nanoseconds a verification over about so many seconds.
        func nanoseconds(over seconds: Double) throws -> Double {
            let start = Clock.now
            let end = start + UInt64(seconds * 1e9)
            var done = 0
            var sum = 0
            while Clock.now < end {
                for token in tokens { sum &+= try verifier.verify(token).clientID.utf8.count }
                done += tokens.count
            }
            guard sum >= done, verifier.statistics.cache.misses <= UInt64(tokens.count) else {
                throw Fault("what was measured was not the cache")
            }
            return Double(Clock.now - start) / Double(done)
        }
    }

    /// Lets a set grow one entry at a time, as the feed's deltas do, and sees what the process takes for it.
    private func memory(_ count: Int) -> [String: Any] {
        var random = Sequence64(seed: 11)
        let now = SystemClientClock().now
        set.insert(SetIssuer.entry(at: now, using: &random))
        let before = residentBytes()
        for _ in 1..<max(2, count) { set.insert(SetIssuer.entry(at: now, using: &random)) }
        return [
            "resident": Double(residentBytes() - before) / Double(set.count),
            "counted": Double(set.byteCount) / Double(set.count), "entries": set.count,
        ]
    }
}
