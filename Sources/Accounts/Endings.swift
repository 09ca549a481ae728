package import Instants
package import OAuthVocabulary
package import Storage

/// What else is written, in the same `apply`, when a right ends: the records by which tokens learn of it.
///
/// Accounts knows no tokens; whoever composes the server hands this in.
package struct Endings: Sendable {
    /// Why everything of a person ends.
    package enum Reason: Hashable, Sendable { case passwordChanged, disabled, deleted }

    /// For a person who was disabled or deleted, or whose password changed.
    package var subject: @Sendable (Subject, Reason, Instant) async throws(StoreError) -> [Change]
    /// For a session that was closed.
    package var session: @Sendable (SessionID, Subject, Instant) async throws(StoreError) -> [Change]

    package init(
        subject: @escaping @Sendable (Subject, Reason, Instant) async throws(StoreError) -> [Change],
        session: @escaping @Sendable (SessionID, Subject, Instant) async throws(StoreError) -> [Change]
    ) {
        self.subject = subject
        self.session = session
    }

    /// Nothing else is written: for tests, and where nothing is issued.
    package static let none = Endings(
        subject: { (_, _, _) async throws(StoreError) in [] },
        session: { (_, _, _) async throws(StoreError) in [] }
    )
}
