package import Instants
package import Storage

/// Wakes the publisher as soon as something was ended in this process; acts of other processes are found by looking.
package final class FeedSignal: Sendable {
    let wakes: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// The kinds of which a store tells other processes, so that the feed of each moves on: what was ended, and what
    /// another node made of it.
    package static let announcedKinds: Set<RecordKind> = [EndingRecord.kind, FeedBatch.kind]

    package init() {
        (wakes, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    package func wake() { continuation.yield() }
    func finish() { continuation.finish() }
}

/// A store that wakes the publisher when an ending was stored through it.
package struct FeedSignallingStore: ForwardingStore {
    package let destination: any Store
    private let signal: FeedSignal

    package init(_ store: any Store, signal: FeedSignal) {
        destination = store
        self.signal = signal
    }

    package func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let outcome = try await destination.apply(changes, now: now)
        if case .applied = outcome, changes.contains(where: \.insertsEnding) { signal.wake() }
        return outcome
    }
}

extension Change {
    fileprivate var insertsEnding: Bool {
        guard case .insert(let record) = self else { return false }
        return record.key.kind == EndingRecord.kind
    }
}
