// Room: sessions, one a person and browser. `sid`, `auth_time`, `acr`, `amr` (OIDC Core §2, RFC 8176). Stores `session`
// records, named by the hash of the cookie and by the hash of every `sid` that the session answers to.

package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

extension RecordKind {
    /// Sessions of people in browsers.
    package static let session = RecordKind("session")
}

/// A live session.
package struct Session: Hashable, Sendable {
    /// `sid`.
    ///
    /// Drawn on its own: it tells nothing about the cookie, and presenting it opens nothing.
    package let id: SessionID
    /// The person as they were when the session was read.
    package let person: Person
    /// `auth_time`: when the person proved who they are.
    ///
    /// Using the session does not move it.
    package let authenticatedAt: Instant
    /// `amr`, RFC 8176.
    package let amr: [String]
    package let acr: String
    /// When the session ends unless it is used.
    package let expiresAt: Instant
    /// When it ends however much it is used.
    package let endsAt: Instant
    /// The ids of earlier sign-ins of the same person in this browser.
    ///
    /// Tokens that name them live and end with this session.
    package let earlierIDs: [SessionID]
    /// When the session was last used, to within `Lifetimes.refreshInterval`.
    package let usedAt: Instant
    package let origin: SessionOrigin
    package let recordKey: RecordKey
    package let version: Int64
    /// The only client that it means something to; `nil` for a sign-on session.
    package let client: ClientID?
    /// Whether the person's roles, groups or entitlements are other than when its id was drawn.
    package let hasOtherPrivileges: Bool

    package var subject: Subject { person.subject }
}

/// A live session, and the secret by which a browser named it.
package struct OpenedSession: Sendable {
    package let cookie: Secret
    package let session: Session

    package init(cookie: Secret, session: Session) {
        self.cookie = cookie
        self.session = session
    }
}

/// A session that was closed.
package struct ClosedSession: Hashable, Sendable {
    package let id: SessionID
    package let earlierIDs: [SessionID]
    package let subject: Subject
}

/// What is stored of a session.
struct SessionRecord: Hashable, Sendable {
    static let payloadVersion: Int64 = 1

    var key: RecordKey
    var version: Int64 = 1
    var id: SessionID
    var earlierIDs: [SessionID]
    var subject: Subject
    var authenticatedAt: Instant
    var amr: [String]
    var acr: String
    /// The person's `credentialsChangedAt` at the moment of signing in.
    ///
    /// The session lives while it stays the same; equal rather than later, so that a clock that steps back revives
    /// nothing.
    var credentials: Instant
    var usedAt: Instant
    /// When the session ends however much it is used.
    var endsAt: Instant
    var expiresAt: Instant
    /// What only the session of an application has.
    var application: ApplicationShare?
    /// What only the session of an application has that lies apart.
    var apart: ApartShare?
    /// Unknown of sessions that began before it was kept.
    var origin: SessionOrigin = .unknown

    static func key(cookie secret: [UInt8]) -> RecordKey {
        RecordKey(kind: .session, identifier: .sha256(of: secret))
    }

    /// `nil` for what cannot be a cookie of ours.
    static func key(cookie: Secret) -> RecordKey? {
        guard let secret = try? Base64URL.decode(cookie.exposed) else { return nil }
        return key(cookie: secret)
    }

    static func index(_ id: SessionID) -> SecondaryIndex {
        SecondaryIndex(name: "sid", value: .sha256(of: id.value))
    }

    var ids: [SessionID] { [id] + earlierIDs }

    var record: Record {
        Record(
            key: key,
            indexes: ids.map(Self.index),
            subject: subject.value,
            client: application?.client.value,
            version: version,
            expiresAt: expiresAt,
            payload: payload
        )
    }

    private var payload: [UInt8] {
        var object: JSONObject = ["v": .integer(Self.payloadVersion)]
        object["sid"] = .string(id.value)
        if !earlierIDs.isEmpty { object["earlier"] = .texts(earlierIDs.map(\.value)) }
        object["sub"] = .string(subject.value)
        object["auth_time"] = .instant(authenticatedAt)
        object["amr"] = .texts(amr)
        object["acr"] = .string(acr)
        object["credentials"] = .instant(credentials)
        object["used_at"] = .instant(usedAt)
        object["ends_at"] = .instant(endsAt)
        if let application {
            object["client"] = .string(application.client.value)
            object["idle"] = .integer(application.idleMilliseconds)
            object["privileges"] = .string(application.privileges)
        }
        if let apart {
            object["era"] = .string(apart.era)
            object["ended"] = apart.ended.map(JSON.instant)
        }
        object["agent"] = origin.agent.map(JSON.string)
        object["system"] = origin.system.map(JSON.string)
        object["network"] = origin.network.map(JSON.string)
        return object.serialized()
    }

    func session(of person: Person) -> Session {
        Session(
            id: id,
            person: person,
            authenticatedAt: authenticatedAt,
            amr: amr,
            acr: acr,
            expiresAt: expiresAt,
            endsAt: endsAt,
            earlierIDs: earlierIDs,
            usedAt: usedAt,
            origin: origin,
            recordKey: key,
            version: version,
            client: application?.client,
            hasOtherPrivileges: application.map { $0.privileges != person.privileges } ?? false
        )
    }
}

/// What a session of one client has beside what every session has.
struct ApplicationShare: Hashable, Sendable {
    var client: ClientID
    var idleMilliseconds: Int64
    /// A digest of the person's roles, groups and entitlements when the id was drawn.
    var privileges: String

    var idle: Duration { .milliseconds(idleMilliseconds) }
}

extension SessionRecord {
    /// The session that a record holds; throws `StoreError.corrupt` if it holds none.
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        let earlier = try payload.texts("earlier")
        let earlierIDs = earlier.compactMap { SessionID($0) }
        guard earlierIDs.count == earlier.count else { throw payload.corrupt("earlier") }
        let endsAt = try payload.instant("ends_at")
        self.init(
            key: record.key,
            version: record.version,
            id: try payload.made("sid") { SessionID($0) },
            earlierIDs: earlierIDs,
            subject: try payload.made("sub") { Subject($0) },
            authenticatedAt: try payload.instant("auth_time"),
            amr: try payload.texts("amr"),
            acr: try payload.text("acr"),
            credentials: try payload.instant("credentials"),
            usedAt: try payload.instant("used_at"),
            endsAt: endsAt,
            expiresAt: record.expiresAt ?? endsAt,
            // Absent before there were sessions of applications, and from every sign-on session since.
            application: try payload.optionalText("client").map { text throws(StoreError) in
                guard let client = ClientID(text) else { throw payload.corrupt("client") }
                return ApplicationShare(
                    client: client,
                    idleMilliseconds: try payload.integer("idle"),
                    privileges: try payload.text("privileges")
                )
            },
            apart: try payload.optionalText("era").map { era throws(StoreError) in
                ApartShare(
                    era: era,
                    ended: payload.object["ended"] == nil ? nil : try payload.instant("ended")
                )
            },
            origin: SessionOrigin(
                agent: try payload.optionalText("agent"),
                system: try payload.optionalText("system"),
                network: try payload.optionalText("network")
            )
        )
    }
}
