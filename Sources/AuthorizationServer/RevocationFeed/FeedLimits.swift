/// The bounds of the revocation feed.
package struct FeedLimits: Sendable {
    /// The most entries that one audience's set may have; beyond, the set widens to cut-offs.
    package var liveEntries = 100_000

    /// How many signed deltas are kept for readers that are behind.
    package var keptMessages = 1024

    package init() {}

    /// How often a heartbeat is signed.
    static let heartbeatInterval: Duration = .milliseconds(250)
    /// How often the outbox is looked at where nothing wakes the publisher.
    static let lookInterval: Duration = .milliseconds(25)
    /// How often it is looked at all the same where the store announces what was written.
    static let announcedLookInterval: Duration = .milliseconds(100)
    /// The least time between two looks: what comes together is numbered together.
    static let restInterval: Duration = .milliseconds(4)
    /// How long a lease lasts that is not renewed, and how often it is renewed.
    static let leaseLifetime: Duration = .seconds(3)
    static let leaseRenewal: Duration = .seconds(1)
    /// How often keys, APIs and token lifetimes are read.
    static let upkeepInterval: Duration = .seconds(1)
    /// The most endings in one batch.
    static let batchSize = 1000
    /// The most pages of the outbox that are numbered in one apply: each waits for the writes before it, and with the
    /// deletions of so many the apply is still one that a store takes together with others.
    static let pagesAtOnce = 4
    /// The most pages of the outbox in one look.
    static let pagesPerLook = 16
    /// How often old batches are deleted, and how many at once.
    static let pruneInterval: Duration = .seconds(10)
    static let prunedBatches = 500
    /// How many bytes the kept deltas of one audience may take.
    static let keptBytes = 8 * 1024 * 1024
    /// How long one stream lives.
    static let streamLifetime: Duration = .seconds(600)
    /// How long a request waits for a proof of freshness before it is told that the server cannot give one.
    static let proofPatience: Duration = .seconds(3)
    /// The longest that a poll may wait.
    static let longestPoll: Duration = .seconds(25)
    /// How long a nonce may be, in characters of base64url.
    static let nonceLength = 16...128
}
