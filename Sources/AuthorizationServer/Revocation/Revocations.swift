// What has been ended before its time: RFC 7009 and every other act that ends a right. Owns the record kind `revocation`:
// one record a target, holding the moment before which everything issued to that target is void, kept until the last
// token that it could affect has expired. Written in the same apply as the act itself.

package import Instants
package import OAuthVocabulary
package import Storage

/// What can be ended.
package enum RevocationTarget: Hashable, Sendable {
    case token(TokenID)
    case grant(FamilyID)
    case session(SessionID)
    case subject(Subject)
    case client(ClientID)
    case signingKey(String)
    case everything

    var name: String {
        switch self {
        case .token(let id): "token:\(id)"
        case .grant(let id): "grant:\(id)"
        case .session(let id): "session:\(id)"
        case .subject(let id): "subject:\(id)"
        case .client(let id): "client:\(id)"
        case .signingKey(let id): "key:\(id)"
        case .everything: "everything"
        }
    }

    var key: RecordKey { RecordKey(RevocationRecord.kind, name) }
}

/// The stored side of a revocation.
package struct RevocationRecord: Payload, Hashable {
    package static let kind = RecordKind("revocation")

    /// What was ended, by name, for listings and for the feed.
    package var target: String
    /// Everything issued to the target up to and including this moment is void.
    package var notBefore: Instant
}

/// Ends rights, and tells whether they were ended.
package struct Revocations: Sendable {
    let store: any Store
    let configuration: ProviderConfiguration

    package init(store: any Store, configuration: ProviderConfiguration) {
        self.store = store
        self.configuration = configuration
    }

    /// The changes that end the target at `now`, to be applied together with the act that ends it.
    ///
    /// They hold only while nobody else ends the same target: on a conflict, ask again.
    package func changes(ending target: RevocationTarget, now: Instant) async throws(StoreError) -> [Change] {
        let existing = try await store.find(target.key, now: now)
        var notBefore = now
        if let existing { notBefore = max(now, try RevocationRecord(from: existing).notBefore) }
        let record = Record(
            key: target.key,
            expiresAt: now + retention(of: target),
            payload: try RevocationRecord(target: target.name, notBefore: notBefore).encoded()
        )
        var changes: [Change] = [existing.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)]
        if case .grant(let family) = target { changes.append(.revokeFamily(family.value)) }
        return changes
    }

    /// Ends the target, together with `others`, whatever else ends it at the same time.
    ///
    /// A conflict is always one of `others`: nothing was written then, and the target stands.
    @discardableResult
    package func apply(
        ending target: RevocationTarget,
        with others: [Change] = [],
        now: Instant
    ) async throws(StoreError) -> ApplyOutcome {
        for _ in 0..<Limits.applyAttempts {
            let outcome = try await store.apply(others + changes(ending: target, now: now), now: now)
            switch outcome {
            case .applied: return outcome
            case .conflict(let index, _) where index < others.count: return outcome
            case .conflict: continue
            }
        }
        throw .unavailable(reason: "the revocation of \(target.name) lost every race")
    }

    /// The latest cut-off among the targets: what was issued at it or before is void.
    package func cutOff(for targets: [RevocationTarget], now: Instant) async throws(StoreError) -> Instant? {
        var latest: Instant?
        for record in try await store.find(targets.map { .key($0.key) }, now: now) {
            guard let record else { continue }
            let notBefore = try RevocationRecord(from: record).notBefore
            latest = latest.map { max($0, notBefore) } ?? notBefore
        }
        return latest
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
