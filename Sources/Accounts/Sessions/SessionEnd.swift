// What the durable store says of sessions that lie apart: which are over, and since when they lie there. Stores
// `session-end` records; a store that lost sessions, or went back to an older state, cannot take back what they say.

import Instants
import JOSE
import OAuthVocabulary
package import Storage

extension RecordKind {
    /// Sessions of applications in session mode that lie apart, in a store that may lose them.
    package static let applicationSession = RecordKind("application-session")
    /// What is over of them, in the store that loses nothing.
    package static let sessionEnd = RecordKind("session-end")
}

/// That one session is over, whatever lies apart.
///
/// It is named by the person as well: whoever guesses at ids ends sessions of their own.
struct SessionEnd: Hashable, Sendable {
    static let payloadVersion: Int64 = 1
    /// How much longer than the session its end is kept: the clock of the node that sweeps may be ahead.
    static let margin: Duration = .seconds(24 * 3600)

    var id: SessionID
    var subject: Subject
    /// Under which id the session goes on, if it was renewed.
    var next: SessionID?
    var expiresAt: Instant

    static func key(_ id: SessionID, of subject: Subject) -> RecordKey {
        RecordKey(kind: .sessionEnd, identifier: .sha256(of: "session\n\(subject.value)\n\(id.value)"))
    }

    var record: Record {
        var object: JSONObject = ["v": .integer(Self.payloadVersion), "sid": .string(id.value)]
        object["next"] = (next?.value).map(JSON.string)
        return Record(
            key: Self.key(id, of: subject),
            subject: subject.value,
            expiresAt: expiresAt,
            payload: object.serialized()
        )
    }
}

extension SessionEnd {
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        guard let subject = record.subject.flatMap({ Subject($0) }), let expiresAt = record.expiresAt else {
            throw payload.corrupt("sub")
        }
        self.init(
            id: try payload.made("sid") { SessionID($0) },
            subject: subject,
            next: try payload.optionalText("next").flatMap { SessionID($0) },
            expiresAt: expiresAt
        )
    }
}

/// That every session of a person is over that knew nothing of this end when it was opened.
struct PersonEnd: Hashable, Sendable {
    static let payloadVersion: Int64 = 1

    var subject: Subject
    /// Which end it is: later than the one before it even if the clock stands still or steps back.
    var at: Instant
    /// The session that stays, if one does.
    var kept: SessionID?
    var version: Int64 = 1

    static func key(_ subject: Subject) -> RecordKey {
        RecordKey(kind: .sessionEnd, identifier: .sha256(of: "person\n\(subject.value)"))
    }

    func record(expiresAt: Instant) -> Record {
        var object: JSONObject = ["v": .integer(Self.payloadVersion), "at": .instant(at)]
        object["kept"] = (kept?.value).map(JSON.string)
        return Record(
            key: Self.key(subject),
            subject: subject.value,
            expiresAt: expiresAt,
            payload: object.serialized()
        )
    }

    /// No clocks are compared: a session opened by a node whose clock is behind lives all the same.
    func ends(_ session: SessionRecord) -> Bool {
        if let kept, session.ids.contains(kept) { return false }
        return session.apart?.ended.map { $0 < at } ?? true
    }
}

extension PersonEnd {
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        guard let subject = record.subject.flatMap({ Subject($0) }) else { throw payload.corrupt("sub") }
        self.init(
            subject: subject,
            at: try payload.instant("at"),
            kept: try payload.optionalText("kept").flatMap { SessionID($0) },
            version: record.version
        )
    }
}

/// Since when sessions lie apart, and in which state of the store that has them: only sessions of this era live.
///
/// The same text lies beside the sessions. Where it is missing or another one, that store lost what it had, and what it
/// had is over for good, even if it comes back.
struct SessionEra: Hashable, Sendable {
    static let payloadVersion: Int64 = 1

    var name: String
    var since: Instant
    var version: Int64 = 1

    static let key = RecordKey(kind: .sessionEnd, identifier: .sha256(of: "era"))
    /// Where it lies beside the sessions.
    static let keyApart = RecordKey(kind: .applicationSession, identifier: .sha256(of: "era"))

    func record(at key: RecordKey) -> Record {
        let object: JSONObject = [
            "v": .integer(Self.payloadVersion), "era": .string(name), "since": .instant(since),
        ]
        return Record(key: key, payload: object.serialized())
    }
}

extension SessionEra {
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        self.init(name: try payload.text("era"), since: try payload.instant("since"), version: record.version)
    }
}
