package import IssuerConnection
package import Logging

/// Follows the revocation feed of an issuer, so that its ``state`` knows what is revoked and how fresh that is.
package final class FeedReader: Sendable {
    /// What is known.
    package let state: RevocationState

    private let subscription: FeedSubscription
    private let transport: any HTTPTransport
    private let clock: any ClientClock
    private let randomness: any ClientRandomness
    private let logger: Logger
    private let limits: FeedLimits
    private let onKeys: @Sendable (FeedKeys) -> Void

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
        self.subscription = subscription
        self.transport = transport
        self.clock = clock
        self.randomness = randomness
        self.logger = logger
        self.limits = limits
        self.onKeys = onKeys
        state = RevocationState(bounds: limits.bounds, clock: clock)
    }

    /// Follows the feed until the task is cancelled; failures are logged, counted and tried again.
    package func run() async {
        state.setFollowing(.broken)
    }
}
