internal import FoundationEssentials
package import Storage

/// What a feature stores in a record's payload: JSON with a version, owned by the feature.
package protocol Payload: Codable, Sendable {
    static var kind: RecordKind { get }
    /// The version that this program writes; 1 until the shape changes. Whoever raises it adds how the earlier shape is
    /// read, and a frozen fixture of it.
    static var version: Int { get }

    /// The body as ``encoded()`` writes it, byte for byte; `nil` leaves it to the general encoder.
    ///
    /// Only for what is written by the thousand a second: the general one costs tens of microseconds.
    var spelledBody: [UInt8]? { get }
    /// The body that was spelled like that; `nil` leaves it to the general decoder, which also says what is wrong.
    static func read(_ text: inout PayloadScanner) -> Self?
}

private struct Envelope<Body: Codable>: Codable {
    var v: Int
    var body: Body
}

extension Payload {
    package static var version: Int { 1 }
    package var spelledBody: [UInt8]? { nil }
    package static func read(_ text: inout PayloadScanner) -> Self? { nil }

    /// The payload as bytes for a record.
    package func encoded() throws(StoreError) -> [UInt8] {
        if let spelledBody {
            return Array("{\"body\":".utf8) + spelledBody + Array(",\"v\":\(Self.version)}".utf8)
        }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(Envelope(v: Self.version, body: self)))
        } catch {
            throw .corrupt(reason: "a \(Self.kind) payload cannot be written: \(error)")
        }
    }

    /// The payload of a record.
    ///
    /// Throws `corrupt` for another version or shape, naming the kind and never the content.
    package init(from record: Record) throws(StoreError) {
        guard record.key.kind == Self.kind else {
            throw .corrupt(reason: "a \(record.key.kind) record was read as \(Self.kind)")
        }
        var text = PayloadScanner(record.payload)
        if text.take("{\"body\":"), let body = Self.read(&text), text.take(",\"v\":"),
            text.number() == Int64(Self.version),
            text.take("}"), text.isAtEnd
        {
            self = body
            return
        }
        guard let envelope = try? JSONDecoder().decode(Envelope<Self>.self, from: Data(record.payload)) else {
            throw .corrupt(reason: "a \(Self.kind) payload cannot be read")
        }
        guard envelope.v <= Self.version else {
            throw .corrupt(
                reason: "a \(Self.kind) payload has version \(envelope.v), newer than this program's \(Self.version)"
            )
        }
        self = envelope.body
    }
}

/// A decoded payload together with the record that it came from.
///
/// A request hands it from hand to hand: a copy is one reference, whatever is in it.
package struct Stored<Content: Payload>: Sendable {
    final class Both: Sendable {
        let content: Content
        let record: Record

        init(_ content: Content, _ record: Record) {
            self.content = content
            self.record = record
        }
    }

    private(set) var both: Both

    package var content: Content {
        _read { yield both.content }
        set { both = Both(newValue, both.record) }
    }

    package var record: Record {
        _read { yield both.record }
        set { both = Both(both.content, newValue) }
    }

    package init(_ record: Record) throws(StoreError) {
        both = Both(try Content(from: record), record)
    }

    /// What ``PayloadMemo`` has decoded before.
    init(_ both: Both) { self.both = both }

    /// The change that writes this content over the record as it was read.
    package func replaced() throws(StoreError) -> Change {
        var next = record
        next.payload = try content.encoded()
        return .replace(next, ifVersion: record.version)
    }

    /// The guard that holds while nobody has changed the record.
    package var unchanged: Change { .require(record.key, version: record.version) }
}

extension Stored: Equatable where Content: Equatable {
    package static func == (left: Stored, right: Stored) -> Bool {
        left.content == right.content && left.record == right.record
    }
}
