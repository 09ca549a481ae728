package import Instants

/// How old the knowledge of the revocation feed is at most.
package struct FeedFreshness: Hashable, Sendable {
    /// Whatever was revoked longer ago than this is known; `nil` before anything is known.
    package var staleness: Duration?
    /// Whether a connection to the feed stands that has proved itself.
    package var isFollowing: Bool
    /// The latest moment on the issuer's own clock of which the feed has told: a token whose `exp` lies before it has
    /// expired, whatever the clock of this machine says.
    package var issuerTime: Instant?
}

/// The relation between the issuer's clock and the monotonic one of this process, without trust in either's time of day.
///
/// A hello answers a nonce: when the issuer's clock showed `issuer`, the monotonic clock here showed `local` or more. What
/// the issuer says as of `issuer + x` therefore holds as of `local + x` or later, and its age is at most `now - local - x`.
/// Both clocks are taken to run at the same rate; a connection lives for minutes, so the error is some milliseconds.
struct FreshnessAnchor: Hashable, Sendable {
    private var local: Duration
    private let issuer: Instant

    /// - Parameters:
    ///   - sentAt: when the nonce was sent, on the monotonic clock.
    ///   - asOf: what the issuer's clock showed when it answered.
    init(sentAt: Duration, asOf: Instant) {
        local = sentAt
        issuer = asOf
    }

    /// The monotonic time as of which a statement holds at least.
    ///
    /// A statement from the future shows that the issuer's clock has gone ahead of ours since the anchor was set. By so
    /// much the anchor is moved back; beyond the tolerance it is worth nothing.
    /// - Returns: `nil` where the anchor has to be set anew.
    mutating func coverage(asOf: Instant, receivedAt now: Duration, tolerance: Duration) -> Duration? {
        let covered = local + (asOf - issuer)
        guard covered > now else { return covered }
        guard covered - now <= tolerance else { return nil }
        local -= covered - now
        return now
    }
}
