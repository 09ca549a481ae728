package import JOSE
package import Logging
package import Storage

/// The feed of this node: numbers what was ended, signs it for each audience, and hands it to readers.
package final class FeedPublisher: Sendable {
    package init(
        configuration: ProviderConfiguration,
        limits: FeedLimits,
        store: any Store,
        keys: DerivedKeys,
        keyring: Keyring,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger,
        signal: FeedSignal
    ) {
    }

    /// What one look at the outbox came to.
    package enum Look: Hashable, Sendable {
        case idle
        case published
        case failed(String)
    }

    /// Writes down what every token issued from now on may need; before the first request is answered.
    package func prepare() async throws {}
    /// Looks after the feed until the task is cancelled or ``shutdown()``.
    package func run() async {}
    /// One look: number, derive, sign, hand out.
    @discardableResult
    package func tick() async -> Look { .idle }
    /// Ends every stream and ``run()``.
    package func shutdown() {}
    /// The feed's own JWK Set (RFC 7517 §5).
    package var keySetDocument: [UInt8] { [] }

    /// The signed head of a snapshot, a line feed, and the entries.
    func snapshot(audience: String, nonce: String) async throws(OAuthError) -> [UInt8] { throw .unavailable("") }
    /// Messages as server-sent events from a place on.
    func events(_ request: FeedRequest) async throws(OAuthError) -> any BodyStreaming { throw .unavailable("") }
    /// The messages after a place, at once or as soon as there are any.
    func poll(_ request: FeedRequest, wait: Duration) async throws(OAuthError) -> [String] { throw .unavailable("") }
}

/// What a reader asks for.
struct FeedRequest: Hashable, Sendable {
    var audience: String
    var nonce: String
    var epoch: String
    var after: UInt64
}
