// Room: the revocation feed of the server (a protocol of our own, Docs/revocation-feed.md): what was ended is numbered
// after it was committed, derived for each audience, signed and handed to the APIs that follow. Owns the record kinds
// `ending` (the outbox), `feed-batch` and `feed-state` (the log), `feed-lease`, `feed-key`, `feed-horizon`, `feed-cursor`.

package import Instants
package import OAuthVocabulary
package import Storage

/// One act that ended a right, as the outbox and the log keep it: written in the same apply as the act.
package struct EndingRecord: Payload, Hashable {
    package static let kind = RecordKind("ending")

    package var target: RevocationTarget
    package var cause: EndingCause
    /// Everything issued to the target up to and including this moment is void.
    package var at: Instant
    /// From here on no access token that this could affect is left.
    package var expiresAt: Instant
    /// The version of the revocation record that was written with it: with target and moment, its name.
    package var version: Int64
    package var subject: Subject?
    package var session: SessionID?
    package var client: ClientID?
    /// The only audiences that a token which this ends can have; `nil` where it may be any.
    package var audiences: [String]?
    /// The place of the grant in its status list, where it has one.
    package var statusIndex: Int64?

    package init(_ ending: Ending, at: Instant, expiresAt: Instant, version: Int64) {
        target = ending.target
        cause = ending.cause
        self.at = at
        self.expiresAt = expiresAt
        self.version = version
        subject = ending.subject
        session = ending.session
        client = ending.client
        audiences = ending.audiences
        statusIndex = ending.statusIndex
    }

    /// Names the act: the same in every reading, another for every act.
    package var name: String { "\(target.name)\n\(version)\n\(at.millisecondsSinceEpoch)" }

    package var key: RecordKey { RecordKey(Self.kind, name) }

    /// Whether a token of this audience can be affected.
    package func concerns(_ audience: String) -> Bool { audiences?.contains(audience) ?? true }
}

/// Endings that were numbered together.
///
/// Batches have no gaps in their numbers, and every node derives the same entries from them.
package struct FeedBatch: Payload, Hashable {
    package static let kind = RecordKind("feed-batch")

    /// 1 for the first.
    package var number: Int64
    /// When it was numbered; never earlier than the batch before.
    package var sequencedAt: Instant
    /// The audiences whose feed begins with this batch.
    package var opened: [String]
    /// In their order. Endings with the cause `widened` are no acts: only readers of the feed need them.
    package var endings: [EndingRecord]

    package init(number: Int64, sequencedAt: Instant, opened: [String] = [], endings: [EndingRecord]) {
        self.number = number
        self.sequencedAt = sequencedAt
        self.opened = opened
        self.endings = endings
    }

    package static func key(_ number: Int64) -> RecordKey { RecordKey(kind, String(number)) }
}
