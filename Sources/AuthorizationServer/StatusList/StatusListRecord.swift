package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage

/// How far the places of the lists have been given away.
package struct StatusAllocationRecord: Payload, Hashable {
    package static let kind = RecordKind("status-allocation")
    package static let key = RecordKey(kind, "places")

    /// The list that is being filled.
    package var list: Int
    /// The counter of the next place in it that nobody has reserved.
    package var next: Int
}

/// One status list.
///
/// The record expires with the last token that is in it.
package struct StatusListRecord: Payload, Hashable {
    package static let kind = RecordKind("status-list")

    package var number: Int
    /// The bits, compressed, as `lst` has them.
    package var lst: String
    /// Until when tokens may refer to it.
    package var until: Instant

    package static func key(_ number: Int) -> RecordKey { RecordKey(kind, String(number)) }

    func record() throws(StoreError) -> Record {
        Record(key: Self.key(number), expiresAt: until, payload: try encoded())
    }
}

/// The places of one grant, or of one token that belongs to no grant.
package struct StatusEntryRecord: Payload, Hashable {
    package static let kind = RecordKind("status-entry")

    /// A place, and since when tokens name it.
    package struct Assigned: Codable, Hashable, Sendable {
        package var reference: StatusReference
        package var at: Instant
    }

    /// The places, oldest first: the last one is what the next token names, the others are what older tokens may name.
    package var assigned: [Assigned]
    /// A token of the grant was ended alone, and its place with it: the next token needs another one.
    package var isSpent = false
    /// The session in which the grant was authorized.
    package var session: SessionID?

    package static func key(grant: FamilyID) -> RecordKey { RecordKey(kind, "grant:\(grant)") }
    package static func key(token: TokenID) -> RecordKey { RecordKey(kind, "token:\(token)") }
    /// What the places of a session are listed by.
    ///
    /// No grant has such a name, so ending a grant does not touch it.
    package static func family(_ session: SessionID) -> String { "session:\(session)" }
}
