package import JOSE

/// What the revocation feed adds to the server.
package struct RevocationFeedFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(FeedSnapshotEndpoint())
        assembly.add(FeedEventsEndpoint())
        assembly.add(FeedPollEndpoint())
        assembly.add(FeedKeysEndpoint(), advertisedAs: "revocation_feed_jwks_uri")
        assembly.addMetadata(
            "revocation_feed_endpoint",
            .string(assembly.configuration.url("/revocations"))
        )
        for kind in [
            EndingRecord.kind, FeedBatch.kind, FeedState.kind, FeedCursor.kind, TokenHorizon.kind,
            FeedLease.kind, FeedKeyRecord.kind,
        ] {
            assembly.add(kind)
        }
    }
}
