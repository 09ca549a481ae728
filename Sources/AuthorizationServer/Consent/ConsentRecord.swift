package import Instants
package import OAuthVocabulary
package import Storage

/// What a person has allowed a client to do.
package struct ConsentRecord: Payload, Hashable {
    package static let kind = RecordKind("consent")

    package var subject: Subject
    package var client: ClientID
    /// The scopes by the audience that they mean something to.
    package var granted: [String: ScopeSet]
    /// When the person last allowed something.
    package var grantedAt: Instant

    package init(subject: Subject, client: ClientID, granted: [String: ScopeSet] = [:], grantedAt: Instant) {
        self.subject = subject
        self.client = client
        self.granted = granted
        self.grantedAt = grantedAt
    }

    /// Identifiers hold no spaces, so no two pairs share a name.
    package static func key(_ subject: Subject, _ client: ClientID) -> RecordKey {
        RecordKey(kind, "\(subject) \(client)")
    }

    /// The scopes of an access, each with its audience: those of OpenID Connect belong to the issuer; `offline_access`
    /// to whatever API the refresh tokens will be for, so that allowing one API offline allows no other.
    package static func division(
        of access: ResolvedAccess,
        configuration: ProviderConfiguration
    ) -> [String: ScopeSet] {
        let api = access.audience.first ?? configuration.issuerAudience
        var division: [String: ScopeSet] = [:]
        for scope in access.scope {
            let isIssuers = Scope.ofOpenIDConnect.contains(scope) && scope != .offlineAccess
            let audience = isIssuers ? configuration.issuerAudience : api
            division[audience] = ScopeSet((division[audience]?.scopes ?? []) + [scope])
        }
        return division
    }

    /// Adds what was allowed now to what was allowed before.
    package mutating func add(_ division: [String: ScopeSet], at now: Instant) {
        for (audience, scope) in division {
            granted[audience] = ScopeSet((granted[audience]?.scopes ?? []) + scope.scopes)
        }
        grantedAt = now
    }
}
