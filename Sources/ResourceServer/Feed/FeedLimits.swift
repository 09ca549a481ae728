package import OAuthVocabulary

/// Whose feed is read, for which audience, and as whom.
package struct FeedSubscription: Sendable {
    /// The issuer identifier.
    package let issuer: String
    /// The audience of the API that reads.
    package let audience: String
    /// The identifier under which the API is registered.
    package let clientID: String
    let secret: Secret

    /// The feed of `issuer` for the API `audience`, read with the credential of that API.
    package init(issuer: String, audience: String, clientID: String, secret: Secret) {
        self.issuer = issuer
        self.audience = audience
        self.clientID = clientID
        self.secret = secret
    }
}

/// What the issuer's JWK Set is, as the feed tells it.
package struct FeedKeys: Hashable, Sendable {
    /// SHA-256 of the document, base64url: see `FeedMessage.digest(ofKeySet:)`.
    package let digest: String
    /// The document, which has this digest; `nil` where only the change was told, so that it has to be fetched.
    package let document: [UInt8]?
}

/// How much the reader takes, and how long it waits.
package struct FeedLimits: Sendable {
    /// How much is held.
    package var bounds = RevocationSet.Bounds()
    /// The longest snapshot, in octets; a longer one is not believed, and what is known grows stale.
    package var snapshotBytes = 64 * 1024 * 1024
    /// How long a snapshot may take.
    package var snapshotTimeout: Duration = .seconds(30)
    /// How long the head of a response, and the hello after it, may take.
    package var helloTimeout: Duration = .seconds(5)
    /// How long a connection lives on which nothing comes, or nothing that makes knowledge fresher.
    ///
    /// The issuer speaks four times a second.
    package var silence: Duration = .seconds(3)
    /// How long a stream must have lived not to count as cut off by something in between.
    package var shortestStream: Duration = .seconds(10)
    /// After how many streams in a row that were cut off the reader polls.
    package var streamAttempts = 3
    /// How long it polls before it tries a stream again.
    package var pollingPeriod: Duration = .seconds(60)
    /// How long it waits between two polls.
    package var pollingInterval: Duration = .milliseconds(250)
    /// How many seconds a poll may be held by the issuer.
    ///
    /// A poll that is held proves nothing until it is answered, and then only that nothing was missed when it was sent:
    /// whoever wants to be fresher than this plus the interval leaves it at 0.
    package var pollingWait = 0
    /// The longest first wait after a failure; it doubles, up to `longestBackOff`, and is drawn evenly from zero on.
    package var firstBackOff: Duration = .milliseconds(100)
    /// The longest wait after a failure of our own making; a `Retry-After` may ask for six times as much.
    package var longestBackOff: Duration = .seconds(5)
    /// The feed's keys are fetched again at most so often.
    package var keyInterval: Duration = .seconds(10)
    /// How old the feed's keys may be when a connection begins; a key that was withdrawn is believed no longer than this.
    package var keyLifetime: Duration = .seconds(600)
    /// How often a set that came to its bound may ask for a snapshot.
    package var smallerSetInterval: Duration = .seconds(60)
    /// How far the issuer's clock may run ahead of the anchor before the anchor is set anew.
    package var clockTolerance: Duration = .seconds(1)
    /// How far the clocks of the issuer's nodes may lie apart before it counts as a step back.
    package var nodeTolerance: Duration = .seconds(10)
    /// How long an entry is kept beyond its expiry; more than the leeway with which `exp` is judged.
    package var retention: Duration = .seconds(120)

    /// The defaults.
    package init() {}
}
