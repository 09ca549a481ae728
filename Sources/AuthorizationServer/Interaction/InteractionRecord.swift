package import Instants
package import OAuthVocabulary
package import Storage

/// An authorization request that waits for a person.
///
/// It is spent when it is answered, so that going back issues nothing.
package struct InteractionRecord: Payload, Hashable {
    package static let kind = RecordKind("interaction")

    package struct Field: Codable, Hashable, Sendable {
        package var name: String
        package var value: String
    }

    /// The request as it came, so that every step checks it again as a whole.
    package var fields: [Field]
    /// The browser in which it was started: hash of its cookie.
    package var browserBinding: String
    package var client: ClientID
    /// What was asked for when it started; a later step that would grant anything else is refused.
    package var scope: ScopeSet
    package var audience: [String]
    package var startedAt: Instant
    /// Who was signed in when it started, and since when.
    package var subjectAtStart: Subject?
    package var sessionAtStart: SessionID?
    package var authenticatedAtStart: Instant?
    /// The account of this browser that the person chose.
    package var chosenAccount: Subject?

    package init(
        _ request: AuthorizationRequest,
        parameters: Parameters,
        browserBinding: String,
        session: SessionSnapshot?,
        startedAt: Instant
    ) {
        fields = parameters.restricted(to: AuthorizationContext.parameterNames).pairs.map {
            Field(name: $0.name, value: $0.value)
        }
        self.browserBinding = browserBinding
        client = request.client.content.id
        scope = request.access.scope
        audience = request.access.audience
        self.startedAt = startedAt
        subjectAtStart = session?.subject
        sessionAtStart = session?.id
        authenticatedAtStart = session?.authentication.at
    }

    package static func key(_ id: String) -> RecordKey { RecordKey(kind, id) }

    /// Whether the person authenticated after the interaction began: not before it, and not in the session that was
    /// there.
    package func isFresh(_ session: SessionSnapshot) -> Bool {
        guard session.authentication.at >= startedAt else { return false }
        return session.id != sessionAtStart || session.authentication.at != authenticatedAtStart
    }
}

/// An interaction that belongs to the browser that asks, and has not been answered.
package struct OpenInteraction: Sendable {
    package let id: String
    package let stored: Stored<InteractionRecord>
    package let parameters: Parameters

    package var record: InteractionRecord { stored.content }
}
