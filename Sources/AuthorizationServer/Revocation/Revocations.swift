// What has been ended before its time: RFC 7009 and every other act that ends a right. Owns the record kind `revocation`:
// one record a target, holding the moment before which everything issued to that target is void, kept until the last
// token that it could affect has expired. Written in the same apply as the act itself, with the entry in the outbox of the
// revocation feed beside it: no act that ends a right can forget to tell the APIs.

package import Instants
package import OAuthVocabulary
package import Storage

extension RevocationTarget {
    var key: RecordKey { RecordKey(RevocationRecord.kind, name) }
}

/// The stored side of a revocation.
package struct RevocationRecord: Payload, Hashable {
    package static let kind = RecordKind("revocation")

    /// What was ended, by name, for listings and for the feed.
    package var target: String
    /// Everything issued to the target up to and including this moment is void.
    package var notBefore: Instant

    // Written for every act that ends a right.
    package var spelledBody: [UInt8]? {
        var text = PayloadWriter(reserving: 128)
        text.add("{\"notBefore\":")
        text.add(notBefore.millisecondsSinceEpoch)
        text.add(",\"target\":")
        text.add(text: target)
        text.add("}")
        return text.spelled
    }
}

/// Ends rights, and tells whether they were ended.
package struct Revocations: Sendable {
    let store: any Store
    let configuration: ProviderConfiguration

    package init(store: any Store, configuration: ProviderConfiguration) {
        self.store = store
        self.configuration = configuration
    }

    /// The changes that end the target at `now`, to be applied together with the act that ends it: the record that this
    /// server asks, and the outbox from which everybody else hears of it.
    ///
    /// They hold only while nobody else ends the same target: on a conflict, ask again.
    package func changes(ending: Ending, now: Instant) async throws(StoreError) -> [Change] {
        let target = ending.target
        let found = try await store.find([.key(target.key), .key(TokenHorizon.key)], now: now)
        let existing = found[0]
        // The clock of the node that issued a token may be ahead of ours: the cut-off must not fall before the token.
        var notBefore = max(now, ending.issuedAt ?? now)
        if let existing { notBefore = max(notBefore, try RevocationRecord(from: existing).notBefore) }
        let record = Record(
            key: target.key,
            expiresAt: now + retention(of: target),
            payload: try RevocationRecord(target: target.name, notBefore: notBefore).encoded()
        )
        let horizon = try found[1].map { record throws(StoreError) in try TokenHorizon(from: record) }
        let announced = EndingRecord(
            ending,
            at: notBefore,
            expiresAt: notBefore + reach(of: target, horizon ?? TokenHorizon(), now: now),
            version: (existing?.version ?? 0) + 1
        )
        var changes: [Change] = [existing.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)]
        changes.append(
            .insert(
                Record(
                    key: announced.key,
                    expiresAt: now + FeedLog.retention,
                    payload: try announced.encoded()
                )
            )
        )
        if case .grant(let family) = target { changes.append(.revokeFamily(family.value)) }
        return changes
    }

    /// Ends the target, together with `others`, whatever else ends it at the same time.
    ///
    /// A conflict is always one of `others`: nothing was written then, and the target stands.
    ///
    /// - Parameter time: where something else than one token ends while this server issues: see
    ///   ``endWhatSlippedThrough(_:since:by:)``.
    @discardableResult
    package func apply(
        ending: Ending,
        with others: [Change] = [],
        now: Instant,
        settlingBy time: (any TimeSource)? = nil
    ) async throws(StoreError) -> ApplyOutcome {
        for _ in 0..<Limits.applyAttempts {
            let outcome = try await store.apply(others + changes(ending: ending, now: now), now: now)
            switch outcome {
            case .applied:
                if let time { try await endWhatSlippedThrough(ending, since: now, by: time) }
                return outcome
            case .conflict(let index, _) where index < others.count: return outcome
            case .conflict: continue
            }
        }
        throw .unavailable(reason: "the revocation of \(ending.target.name) lost every race")
    }

    /// Ends the target once more, now that the act which ended it is stored.
    ///
    /// Something may have been issued between the moment that the act carries and its commit: whoever holds a stolen
    /// refresh token and never stops using it would have an access token that outlives the end by its whole life. Whatever
    /// is decided after the commit reads the act.
    package func endWhatSlippedThrough(
        _ ending: Ending,
        since moment: Instant,
        by time: any TimeSource
    ) async throws(StoreError) {
        let now = time.moment().steady
        if case .token = ending.target { return }
        guard now > moment else { return }
        var again = ending
        again.cause = .repeated
        try await apply(ending: again, now: now)
    }

    /// The latest cut-off among the targets: what was issued at it or before is void.
    package func cutOff(for targets: [RevocationTarget], now: Instant) async throws(StoreError) -> Instant? {
        try Self.cutOff(in: try await store.find(targets.map { .key($0.key) }, now: now))
    }

    /// The latest cut-off among the records that were found.
    static func cutOff(in found: [Record?]) throws(StoreError) -> Instant? {
        var latest: Instant?
        for record in found {
            guard let record else { continue }
            let notBefore = try RevocationRecord(from: record).notBefore
            latest = latest.map { max($0, notBefore) } ?? notBefore
        }
        return latest
    }

    /// How long the feed must tell of it.
    ///
    /// Whoever stole a key chooses the expiry inside a token, and caches may serve the key set of before for longer than
    /// our own tokens live: a retired key is told of for as long as any token may be configured to live. The price is a
    /// log that is kept for a day after a key was retired.
    private func reach(of target: RevocationTarget, _ horizon: TokenHorizon, now: Instant) -> Duration {
        guard !target.isSigningKey else { return Limits.longestTokenLifetime + Limits.clockSkew }
        return horizon.reach(configuration, at: now)
    }

    /// How long the record must stand: until the last thing that it could affect has expired.
    private func retention(of target: RevocationTarget) -> Duration {
        // Not today's lifetimes: a token may have been issued under longer ones, which were lowered since.
        let tokens =
            max(configuration.accessTokenLifetime, configuration.idTokenLifetime, Limits.longestTokenLifetime)
            + Limits.clockSkew
        switch target {
        // A revoked family is spent itself, so only the access tokens that it paid for are left.
        case .token, .grant, .signingKey: return tokens
        case .session, .subject, .client, .everything:
            return max(tokens, configuration.longestRefreshLifetime + Limits.clockSkew)
        }
    }
}
