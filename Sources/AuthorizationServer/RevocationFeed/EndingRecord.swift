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
    /// In their order.
    ///
    /// Endings with the cause `widened` are no acts: only readers of the feed need them.
    package var endings: [EndingRecord]

    package init(number: Int64, sequencedAt: Instant, opened: [String] = [], endings: [EndingRecord]) {
        self.number = number
        self.sequencedAt = sequencedAt
        self.opened = opened
        self.endings = endings
    }

    package static func key(_ number: Int64) -> RecordKey { RecordKey(kind, String(number)) }
}

// MARK: - Spelling

// Version 1 of both, spelled by hand: under a storm the outbox is written and read ten thousand times a second.

extension EndingRecord {
    package var spelledBody: [UInt8]? {
        var text = PayloadWriter()
        text.add("{\"at\":")
        text.add(at.millisecondsSinceEpoch)
        if let audiences {
            text.add(",\"audiences\":")
            text.add(texts: audiences)
        }
        text.add(",\"cause\":")
        text.add(text: cause.value)
        if let client {
            text.add(",\"client\":")
            text.add(text: client.value)
        }
        text.add(",\"expiresAt\":")
        text.add(expiresAt.millisecondsSinceEpoch)
        if let session {
            text.add(",\"session\":")
            text.add(text: session.value)
        }
        if let statusIndex {
            text.add(",\"statusIndex\":")
            text.add(statusIndex)
        }
        if let subject {
            text.add(",\"subject\":")
            text.add(text: subject.value)
        }
        text.add(",\"target\":")
        text.add(text: target.name)
        text.add(",\"version\":")
        text.add(version)
        text.add("}")
        return text.spelled
    }

    package static func read(_ text: inout PayloadScanner) -> EndingRecord? {
        guard text.take("{\"at\":"), let at = text.number() else { return nil }
        var audiences: [String]?
        if text.take(",\"audiences\":[") {
            guard let read = text.elements({ $0.text() }) else { return nil }
            audiences = read
        }
        guard text.take(",\"cause\":"), let cause = text.text() else { return nil }
        var client: ClientID?
        if text.take(",\"client\":") {
            guard let read = text.text().flatMap({ ClientID($0) }) else { return nil }
            client = read
        }
        guard text.take(",\"expiresAt\":"), let expiresAt = text.number() else { return nil }
        var session: SessionID?
        if text.take(",\"session\":") {
            guard let read = text.text().flatMap({ SessionID($0) }) else { return nil }
            session = read
        }
        var statusIndex: Int64?
        if text.take(",\"statusIndex\":") {
            guard let read = text.number() else { return nil }
            statusIndex = read
        }
        var subject: Subject?
        if text.take(",\"subject\":") {
            guard let read = text.text().flatMap({ Subject($0) }) else { return nil }
            subject = read
        }
        guard text.take(",\"target\":"), let target = text.text().flatMap({ RevocationTarget(name: $0) }),
            text.take(",\"version\":"), let version = text.number(), text.take("}")
        else { return nil }
        var ending = Ending(target, because: EndingCause(cause), subject: subject, audiences: audiences)
        ending.statusIndex = statusIndex
        var record = EndingRecord(
            ending,
            at: Instant(millisecondsSinceEpoch: at),
            expiresAt: Instant(millisecondsSinceEpoch: expiresAt),
            version: version
        )
        // As they are stored, whatever the target says.
        (record.subject, record.session, record.client) = (subject, session, client)
        return record
    }
}

extension FeedBatch {
    package var spelledBody: [UInt8]? {
        var text = PayloadWriter(reserving: 256 * (endings.count + 1))
        text.add("{\"endings\":[")
        for (index, ending) in endings.enumerated() {
            if index > 0 { text.add(",") }
            text.add(body: ending.spelledBody)
        }
        text.add("],\"number\":")
        text.add(number)
        text.add(",\"opened\":")
        text.add(texts: opened)
        text.add(",\"sequencedAt\":")
        text.add(sequencedAt.millisecondsSinceEpoch)
        text.add("}")
        return text.spelled
    }

    package static func read(_ text: inout PayloadScanner) -> FeedBatch? {
        guard text.take("{\"endings\":["), let endings = text.elements({ EndingRecord.read(&$0) }),
            text.take(",\"number\":"), let number = text.number(),
            text.take(",\"opened\":["), let opened = text.elements({ $0.text() }),
            text.take(",\"sequencedAt\":"), let sequencedAt = text.number(), text.take("}")
        else { return nil }
        return FeedBatch(
            number: number,
            sequencedAt: Instant(millisecondsSinceEpoch: sequencedAt),
            opened: opened,
            endings: endings
        )
    }
}
