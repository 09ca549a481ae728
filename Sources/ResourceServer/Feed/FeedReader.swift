package import IssuerConnection
package import Logging
private import Synchronization

/// Follows the revocation feed of an issuer, so that its ``state`` knows what is revoked and how fresh that is.
package final class FeedReader: Sendable {
    /// What is known.
    package let state: RevocationState

    private let around: FeedSurroundings

    /// A reader that knows nothing until it ``run()``s.
    ///
    /// - Parameter onKeys: called with the issuer's JWK Set, or its digest, whenever the feed tells of another one.
    package init(
        _ subscription: FeedSubscription,
        transport: any HTTPTransport,
        clock: any ClientClock,
        randomness: any ClientRandomness = SystemClientRandomness(),
        logger: Logger,
        limits: FeedLimits = FeedLimits(),
        onKeys: @escaping @Sendable (FeedKeys) -> Void
    ) {
        state = RevocationState(bounds: limits.bounds, clock: clock)
        around = FeedSurroundings(
            subscription: subscription,
            transport: transport,
            clock: clock,
            randomness: randomness,
            logger: logger,
            limits: limits,
            state: state,
            tally: FeedTally(),
            onKeys: onKeys
        )
    }

    /// How often what went wrong, by the stable name of the fault.
    package var faults: [String: Int] { around.tally.counts }

    /// Follows the feed until the task is cancelled; failures are logged, counted and tried again.
    package func run() async {
        await FeedFollower(around).run()
    }
}

/// Counts faults.
final class FeedTally: Sendable {
    private let state = Mutex<[String: Int]>([:])

    func count(_ code: FeedFault.Code) { state.withLock { $0[code.description, default: 0] += 1 } }

    var counts: [String: Int] { state.withLock { $0 } }
}
