import Crypto
import Instants
import JOSE
import OAuthVocabulary
import Storage

/// Reads the JSON payload of a record.
///
/// What does not fit is `StoreError.corrupt` and names the kind and the member.
struct PayloadReader {
    private let kind: RecordKind
    let object: JSONObject

    /// The payload of `record` if its `v` is `version`: a payload of another version is refused, not guessed at.
    init(_ record: Record, version: Int64) throws(StoreError) {
        kind = record.key.kind
        do {
            object = try JSONObject(parsing: record.payload)
        } catch {
            throw .corrupt(reason: "the payload of a \(record.key.kind) record is not a JSON object")
        }
        guard object["v"]?.integerValue == version else {
            throw .corrupt(
                reason: "the payload of a \(record.key.kind) record is not of version \(version), the one known here"
            )
        }
    }

    func text(_ name: String) throws(StoreError) -> String {
        guard let text = object[name]?.stringValue else { throw corrupt(name) }
        return text
    }

    func optionalText(_ name: String) throws(StoreError) -> String? {
        guard object[name] != nil else { return nil }
        return try text(name)
    }

    /// A list of texts; absent means empty.
    func texts(_ name: String) throws(StoreError) -> [String] {
        guard let value = object[name] else { return [] }
        guard let list = value.arrayValue else { throw corrupt(name) }
        let texts = list.compactMap(\.stringValue)
        guard texts.count == list.count else { throw corrupt(name) }
        return texts
    }

    func integer(_ name: String) throws(StoreError) -> Int64 {
        guard let number = object[name]?.integerValue else { throw corrupt(name) }
        return number
    }

    func instant(_ name: String) throws(StoreError) -> Instant {
        Instant(millisecondsSinceEpoch: try integer(name))
    }

    /// The text as whatever `make` makes of it; what it refuses is corrupt.
    func made<Value>(_ name: String, _ make: (String) -> Value?) throws(StoreError) -> Value {
        guard let value = make(try text(name)) else { throw corrupt(name) }
        return value
    }

    func corrupt(_ name: String) -> StoreError {
        .corrupt(reason: "`\(name)` in the payload of a \(kind) record is missing or of the wrong type")
    }
}

extension JSON {
    static func texts(_ texts: [String]) -> JSON { .array(texts.map(JSON.string)) }
    static func instant(_ instant: Instant) -> JSON { .integer(instant.millisecondsSinceEpoch) }
}

extension IdentifierHash {
    /// The SHA-256 of these bytes.
    static func sha256(of bytes: some Sequence<UInt8>) -> IdentifierHash {
        // By buffers: the generic way in looks its types up while it runs, and the one out goes byte by byte.
        var hash = SHA256()
        Array(bytes).withUnsafeBytes { hash.update(bufferPointer: $0) }
        return IdentifierHash(bytes: hash.finalize().withUnsafeBytes { Array($0) })
    }

    static func sha256(of text: String) -> IdentifierHash { sha256(of: text.utf8) }
}
