package import Instants
package import OAuthVocabulary
import Storage

/// An application that holds something of a person's: what they allowed it, or a grant that can still be refreshed.
package struct ConnectedApplication: Sendable {
    package var client: ClientID
    /// `nil` if the client is no longer on record.
    package var name: String?
    /// What it may do, with the sentences of the APIs; scopes of OpenID Connect have none.
    package var scopes: [(scope: Scope, text: String?)]
    package var since: Instant
    /// When a grant of it began or was refreshed last; `nil` where no grant is left that would tell.
    package var lastUsedAt: Instant?
}

/// What applications hold of a person's, from consents and refresh families: no record of its own, and nothing written
/// when a token is used.
package struct ConnectedApplications: Sendable {
    /// How many records of one person are read of each kind; who has more sees a part, and can disconnect that.
    package static let mostRecords = 4 * StoreLimits.largestPage

    let services: Services

    private struct Gathered {
        var scopes: Set<Scope> = []
        var since: Instant
        var lastUsedAt: Instant?
    }

    /// Everything that is connected, the last used first.
    package func list(of subject: Subject, now: Instant) async throws(OAuthError) -> [ConnectedApplication] {
        var gathered: [ClientID: Gathered] = [:]
        for consent in try await records(ConsentRecord.self, of: subject, now: now) {
            var entry = gathered[consent.client] ?? Gathered(since: consent.grantedAt)
            entry.since = min(entry.since, consent.grantedAt)
            for scopes in consent.granted.values { entry.scopes.formUnion(scopes) }
            gathered[consent.client] = entry
        }
        for family in try await records(RefreshFamily.self, of: subject, now: now) {
            let usedAt = family.rotations.last?.at ?? family.createdAt
            var entry = gathered[family.client] ?? Gathered(since: family.createdAt)
            entry.since = min(entry.since, family.createdAt)
            entry.lastUsedAt = max(entry.lastUsedAt ?? usedAt, usedAt)
            entry.scopes.formUnion(family.scope)
            gathered[family.client] = entry
        }
        var applications: [ConnectedApplication] = []
        for (client, entry) in gathered {
            let name = try await Reader(services, now: now).client(client)?.content.name
            applications.append(
                ConnectedApplication(
                    client: client,
                    name: name,
                    scopes: try await described(entry.scopes, now: now),
                    since: entry.since,
                    lastUsedAt: entry.lastUsedAt
                )
            )
        }
        return applications.sorted {
            ($0.lastUsedAt ?? $0.since, $0.client.value) > ($1.lastUsedAt ?? $1.since, $1.client.value)
        }
    }

    private func described(
        _ scopes: Set<Scope>,
        now: Instant
    ) async throws(OAuthError) -> [(scope: Scope, text: String?)] {
        let sorted = scopes.sorted { $0.value < $1.value }
        let owners = try await Reader(services, now: now).apiOwners(of: sorted)
        return zip(sorted, owners).map { scope, api in
            (scope: scope, text: api?.scopes.first { $0.scope == scope }?.text)
        }
    }

    /// The records of a kind that a person has, without those that are spent.
    private func records<Content: Payload>(
        _ type: Content.Type,
        of subject: Subject,
        now: Instant
    ) async throws(OAuthError) -> [Content] {
        try await answering { () async throws(StoreError) in
            var found: [Content] = []
            var after: IdentifierHash?
            var read = 0
            repeat {
                let page = try await services.store.page(
                    Content.kind,
                    filter: .subject(subject.value),
                    after: after,
                    limit: StoreLimits.largestPage,
                    now: now
                )
                for record in page where record.consumedAt == nil { found.append(try Content(from: record)) }
                read += page.count
                after = page.count < StoreLimits.largestPage ? nil : page.last?.key.identifier
            } while after != nil && read < Self.mostRecords
            return found
        }
    }
}

extension Services {
    package var connectedApplications: ConnectedApplications { ConnectedApplications(services: self) }
}
