package import Instants
package import OAuthVocabulary
package import Storage

/// A visit to a page of ours that waits for its person to sign in.
///
/// Spent when it is answered. An authorization request that waits is an ``InteractionRecord``.
package struct VisitRecord: Payload, Hashable {
    package static let kind = RecordKind("visit")

    /// The page below the issuer, such as `/account`.
    package var path: String
    /// What its address says besides.
    package var fields: [InteractionRecord.Field]
    /// The browser in which it was started: hash of its cookie.
    package var browserBinding: String
    package var startedAt: Instant
    /// Who has to sign in again, where the page wants a fresh sign-in of somebody who is signed in already.
    package var reauthenticating: Subject?
    /// Whether the page wants a fresh sign-in of anybody.
    package var mustBeFresh: Bool?

    package static func key(_ id: String) -> RecordKey { RecordKey(kind, id) }
}

/// A visit that belongs to the browser that asks, and has not been answered.
package struct OpenVisit: Sendable {
    package let id: String
    package let stored: Stored<VisitRecord>

    package var record: VisitRecord { stored.content }
}
