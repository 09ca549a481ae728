package import Instants
package import OAuthVocabulary

/// What can be ended.
package enum RevocationTarget: Hashable, Sendable {
    case token(TokenID)
    case grant(FamilyID)
    case session(SessionID)
    case subject(Subject)
    case client(ClientID)
    case signingKey(String)
    case everything

    package var name: String {
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

    /// The target of this name; `nil` if no target is named like that.
    package init?(name: String) {
        let halves = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let target: RevocationTarget? =
            switch (halves[0], halves.count == 2 ? halves[1] : nil) {
            case ("token", let id?): TokenID(id).map { .token($0) }
            case ("grant", let id?): FamilyID(id).map { .grant($0) }
            case ("session", let id?): SessionID(id).map { .session($0) }
            case ("subject", let id?): Subject(id).map { .subject($0) }
            case ("client", let id?): ClientID(id).map { .client($0) }
            case ("key", let id?): .signingKey(id)
            case ("everything", nil): .everything
            default: nil
            }
        guard let target else { return nil }
        self = target
    }
}

extension RevocationTarget: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let target = RevocationTarget(name: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a revocation target")
        }
        self = target
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }
}

/// Why a right ended: an open set, so that what is stored stays readable when another act is added.
package struct EndingCause: Hashable, Sendable, Codable, CustomStringConvertible {
    package let value: String

    package init(_ value: String) { self.value = value }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    package var description: String { value }

    /// The revocation endpoint was asked (RFC 7009).
    package static let revoked = EndingCause("revoked")
    /// A person signed out, or a session was closed for another reason.
    package static let signedOut = EndingCause("signed_out")
    /// A rotated refresh token came again (RFC 9700 §4.14.2).
    package static let refreshReuse = EndingCause("refresh_reuse")
    /// A redeemed authorization code came again (RFC 6749 §4.1.2).
    package static let codeReplay = EndingCause("code_replay")
    package static let passwordChanged = EndingCause("password_changed")
    package static let personDisabled = EndingCause("person_disabled")
    package static let personDeleted = EndingCause("person_deleted")
    package static let clientDisabled = EndingCause("client_disabled")
    package static let clientDeleted = EndingCause("client_deleted")
    /// A client's secret or key set was replaced.
    package static let clientCredentialsChanged = EndingCause("client_credentials_changed")
    package static let consentWithdrawn = EndingCause("consent_withdrawn")
    package static let keyRetired = EndingCause("key_retired")
    /// The operator, by a command.
    package static let operatorAct = EndingCause("operator")
    /// The act of before once more, for what was issued while it was being stored: no event of its own.
    package static let repeated = EndingCause("repeated")
    /// Nobody: the feed replaced many entries by one cut-off.
    ///
    /// Not an act, and no event for anybody but readers of the feed.
    package static let widened = EndingCause("widened")
}

/// An act that ends a right: what ends, why, and what is known of it.
package struct Ending: Hashable, Sendable {
    package var target: RevocationTarget
    package var cause: EndingCause
    /// Whose right it was, where that is known.
    package var subject: Subject?
    package var session: SessionID?
    package var client: ClientID?
    /// The only audiences that a token which this ends can have; `nil` where it may be any.
    package var audiences: [String]?
    /// The place of the grant in its status list, where it has one.
    package var statusIndex: Int64?
    /// When the only token that this ends was issued, where that is known.
    package var issuedAt: Instant?

    package init(
        _ target: RevocationTarget,
        because cause: EndingCause,
        subject: Subject? = nil,
        session: SessionID? = nil,
        client: ClientID? = nil,
        audiences: [String]? = nil
    ) {
        self.target = target
        self.cause = cause
        self.subject = subject
        self.session = session
        self.client = client
        self.audiences = audiences
        // What the target says itself need not be said twice.
        switch target {
        case .session(let id): self.session = id
        case .subject(let id): self.subject = id
        case .client(let id): self.client = id
        case .token, .grant, .signingKey, .everything: break
        }
    }
}
