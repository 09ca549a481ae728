import Instants
import JOSE
import Logging
import OAuthVocabulary
import RevocationFeed
import Synchronization

extension FeedPublisher {
    /// The longest key set that travels on the feed itself; of a longer one readers learn the digest, and fetch it.
    private static let longestKeySet = 32 * 1024

    /// A message about an audience's feed; `nil` before the first look.
    func statement(
        _ audience: String,
        at position: FeedPosition,
        _ content: FeedMessage.Content,
        in shared: borrowing Shared
    ) -> FeedMessage? {
        guard let proof = shared.proof else { return nil }
        return FeedMessage(
            issuer: configuration.issuer.value,
            audience: audience,
            asOf: proof.asOf,
            position: position,
            keySetDigest: shared.keySet.digest,
            content: content
        )
    }

    /// What follows for every audience, in order.
    func publish(_ runs: [FeedRun], live: LiveEndings) {
        guard !runs.isEmpty else { return }
        let (key, messages) = shared.withLock { shared -> (SigningKey?, [(FeedRun, FeedMessage?, isRead: Bool)]) in
            let messages = runs.map { run in
                let delta = FeedMessage.Content.delta(from: run.from, entries: run.entries)
                return (
                    run, statement(run.audience, at: run.to, delta, in: shared),
                    shared.audiences[run.audience]?.readers.isEmpty == false
                )
            }
            return (shared.keys?.signing, messages)
        }
        // Once for all readers of an audience, and not while they wait.
        let kept = messages.map { run, message, isRead in
            (run, message.map { KeptMessage(message: $0, text: isRead ? sign($0, key) : nil) })
        }
        let widened = Set(runs.filter { $0.entries.contains { $0.kind == .widened } }.map(\.audience))
        let readers = shared.withLock { shared -> [AsyncStream<Void>.Continuation] in
            for (run, kept) in kept {
                shared.open(run.audience, at: run.from, capacity: limits.keptMessages)
                // Before the first proof nobody reads.
                guard let kept, shared.audiences[run.audience]?.position == run.from else {
                    shared.restart(run.audience, at: run.to)
                    continue
                }
                shared.audiences[run.audience]?.append(kept)
                for entry in run.entries { shared.audiences[run.audience]?.set?.insert(entry) }
            }
            for audience in widened where shared.audiences[audience]?.set != nil {
                shared.audiences[audience]?.set = derivation.set(of: live, for: audience)
            }
            return Set(runs.map(\.audience)).flatMap { shared.audiences[$0]?.readers.values.map(\.self) ?? [] }
        }
        for reader in readers { reader.yield() }
    }

    /// Everything that was committed before `proof.asOf` is covered by where the feeds stand now.
    func prove(_ proof: Proof, _ engine: inout Engine, at moment: Moment) {
        let isBeat = engine.beatAt.map { $0 + FeedLimits.heartbeatInterval <= moment.steady } ?? true
        let (key, heartbeats) = shared.withLock { shared -> (SigningKey?, [(String, FeedMessage)]) in
            shared.proof = proof
            if let live = engine.memory?.live {
                for audience in shared.wantedSets {
                    shared.audiences[audience]?.set = derivation.set(of: live, for: audience)
                }
            }
            shared.wantedSets = []
            guard isBeat else { return (nil, []) }
            let read = shared.audiences.filter { !$0.value.readers.isEmpty }
            return (
                shared.keys?.signing,
                read.compactMap { audience, feed in
                    statement(audience, at: feed.position, .heartbeat, in: shared).map { (audience, $0) }
                }
            )
        }
        guard isBeat else { return }
        engine.beatAt = moment.steady
        let signed = heartbeats.map { ($0, sign($1, key)) }
        let readers = shared.withLock { shared -> [AsyncStream<Void>.Continuation] in
            for (audience, text) in signed { if let text { shared.audiences[audience]?.beat(text) } }
            return signed.flatMap { shared.audiences[$0.0]?.readers.values.map(\.self) ?? [] }
        }
        for reader in readers { reader.yield() }
    }

    /// Tells readers of a key set that has changed; returns whether it has.
    func publishKeySet() -> Bool {
        let document = keyring.current.document
        let readers = shared.withLock { shared -> [AsyncStream<Void>.Continuation]? in
            guard shared.keySet.document != document else { return nil }
            shared.keySet = (document, FeedMessage.digest(ofKeySet: document))
            var readers: [AsyncStream<Void>.Continuation] = []
            for (audience, feed) in shared.audiences where !feed.readers.isEmpty {
                guard document.count <= Self.longestKeySet,
                    let message = statement(audience, at: feed.position, .keys(document: document), in: shared)
                else { continue }
                shared.audiences[audience]?.append(KeptMessage(message: message))
                readers += feed.readers.values
            }
            return readers
        }
        guard let readers else { return false }
        for reader in readers { reader.yield() }
        return !readers.isEmpty
    }

    /// The message as JWS; a failure is logged, and whoever was to have it is told that the server cannot.
    func sign(_ message: FeedMessage, _ key: SigningKey?) -> String? {
        guard let key else { return nil }
        do {
            return try message.signed(by: key)
        } catch {
            logger.error("a message of the revocation feed could not be signed", metadata: ["error": "\(error.code)"])
            return nil
        }
    }
}
