package import Instants
package import JOSE
package import OAuthVocabulary

/// The types of event that streams carry.
package enum SecurityEventType {
    /// CAEP 1.0 section 3.1.
    package static let sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    /// CAEP 1.0 section 3.3.
    package static let credentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
    /// SSF 1.0 section 8.1.4.1: sent when a receiver asks for it, whatever its stream carries.
    package static let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification"

    /// What a stream can be asked to carry.
    package static let all = [sessionRevoked, credentialChange]
}

/// One event before it is a token: what happened, to whom.
package struct SecurityEvent: Hashable, Sendable {
    package var type: String
    /// `sub_id`: RFC 9493, and the complex subjects of SSF 1.0 section 3.3.
    package var subject: JSONObject
    /// What the event itself says.
    package var members: JSONObject

    /// What receivers are told of an ending; nothing where nobody's session or credential is concerned.
    ///
    /// A single token is no session, and a grant that its own client gave back is none either: who holds such tokens
    /// learns of it by the revocation feed or the status list.
    package static func events(of ending: EndingRecord, issuer: IssuerURL) -> [SecurityEvent] {
        // The feed's own bookkeeping, and acts that were told already.
        guard ending.cause != .widened, ending.cause != .repeated else { return [] }
        let person = ending.subject.map { issuerSubject($0, issuer: issuer) }
        var events: [SecurityEvent] = []
        switch ending.target {
        case .session(let session):
            events.append(sessionRevoked(complex(user: person, session: session), ending))
        case .subject(let subject):
            let member = issuerSubject(subject, issuer: issuer)
            if ending.cause == .passwordChanged { events.append(passwordChanged(member, ending)) }
            events.append(sessionRevoked(member, ending))
        case .client(let client):
            events.append(sessionRevoked(complex(application: client), ending))
        case .grant where ending.cause != .revoked:
            guard person != nil, let client = ending.client else { break }
            // All members describe one subject: what this application has of this person, in this session if it is known.
            let subject = complex(user: person, session: ending.session, application: client)
            events.append(sessionRevoked(subject, ending))
        case .everything:
            let tenant: JSONObject = ["format": "uri", "uri": .string(issuer.value)]
            events.append(sessionRevoked(["format": "complex", "tenant": .object(tenant)], ending))
        case .token, .grant, .signingKey: break
        }
        return events
    }

    /// SSF 1.0 section 8.1.4.1: that the stream works.
    package static func verification(stream: String, state: String?) -> SecurityEvent {
        SecurityEvent(
            type: SecurityEventType.verification,
            subject: ["format": "opaque", "id": .string(stream)],
            members: state.map { ["state": .string($0)] } ?? [:]
        )
    }

    // MARK: - Subjects

    /// RFC 9493 §3.2.3: issuer and subject, as ID tokens have them.
    private static func issuerSubject(_ subject: Subject, issuer: IssuerURL) -> JSONObject {
        ["format": "iss_sub", "iss": .string(issuer.value), "sub": .string(subject.value)]
    }

    private static func complex(
        user: JSONObject? = nil,
        session: SessionID? = nil,
        application: ClientID? = nil
    ) -> JSONObject {
        var subject: JSONObject = ["format": "complex"]
        if let user { subject["user"] = .object(user) }
        // RFC 9493 §3.2.4: an identifier with no meaning beyond itself; it is the `sid` of ID and access tokens.
        if let session { subject["session"] = .object(["format": "opaque", "id": .string(session.value)]) }
        if let application {
            subject["application"] = .object(["format": "opaque", "id": .string(application.value)])
        }
        return subject
    }

    // MARK: - Events

    private static func sessionRevoked(_ subject: JSONObject, _ ending: EndingRecord) -> SecurityEvent {
        SecurityEvent(type: SecurityEventType.sessionRevoked, subject: subject, members: common(ending))
    }

    private static func passwordChanged(_ subject: JSONObject, _ ending: EndingRecord) -> SecurityEvent {
        var members = common(ending)
        members["credential_type"] = "password"
        members["change_type"] = "update"
        return SecurityEvent(type: SecurityEventType.credentialChange, subject: subject, members: members)
    }

    /// CAEP 1.0 section 2.
    private static func common(_ ending: EndingRecord) -> JSONObject {
        var members: JSONObject = [
            "event_timestamp": .integer(ending.at.secondsSinceEpoch),
            "reason_admin": .object(["en": .string(reason(ending.cause))]),
        ]
        if let entity = initiator(ending.cause) { members["initiating_entity"] = .string(entity) }
        return members
    }

    private static func reason(_ cause: EndingCause) -> String {
        switch cause {
        case .revoked: "The right was revoked at the revocation endpoint"
        case .signedOut: "The session was closed"
        case .refreshReuse: "A refresh token was used a second time"
        case .codeReplay: "An authorization code was used a second time"
        case .passwordChanged: "The password was changed"
        case .personDisabled: "The account was disabled"
        case .personDeleted: "The account was deleted"
        case .clientDisabled: "The application was disabled"
        case .clientDeleted: "The application was deleted"
        case .clientCredentialsChanged: "The application's credentials were replaced"
        case .consentWithdrawn: "The person withdrew their consent"
        case .operatorAct: "The operator revoked it"
        default: "The right has ended"
        }
    }

    /// Named only where the cause leaves no doubt.
    private static func initiator(_ cause: EndingCause) -> String? {
        switch cause {
        case .personDisabled, .personDeleted, .clientDisabled, .clientDeleted, .clientCredentialsChanged, .operatorAct:
            "admin"
        case .consentWithdrawn: "user"
        case .refreshReuse, .codeReplay: "policy"
        default: nil
        }
    }
}
