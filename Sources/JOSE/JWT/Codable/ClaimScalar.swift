/// A type that is one JSON value by itself: it goes to and from JSON here, not through its own Codable conformance.
protocol ClaimScalar {
    /// What the type is called in a refusal.
    static var expectation: String { get }
    /// The value, if it has the right type and loses nothing.
    static func read(_ json: JSON) -> Self?
    /// The JSON; nil for a value that has none.
    var json: JSON? { get }
}

extension Bool: ClaimScalar {
    static var expectation: String { "true or false" }
    static func read(_ json: JSON) -> Bool? { json.boolValue }
    var json: JSON? { .bool(self) }
}

extension String: ClaimScalar {
    static var expectation: String { "a text" }
    static func read(_ json: JSON) -> String? { json.stringValue }
    var json: JSON? { .string(self) }
}

extension JSON: ClaimScalar {
    static var expectation: String { "a value" }
    static func read(_ json: JSON) -> JSON? { json }
    var json: JSON? { self }
}

extension JSONObject: ClaimScalar {
    static var expectation: String { "an object" }
    static func read(_ json: JSON) -> JSONObject? { json.objectValue }
    var json: JSON? { .object(self) }
}

extension Instant: ClaimScalar {
    static var expectation: String { "a number of seconds" }
    static func read(_ json: JSON) -> Instant? { NumericDate.instant(json) }
    var json: JSON? { NumericDate.json(self) }
}

extension ClaimScalar where Self: FixedWidthInteger {
    static var expectation: String { "an integer of \(Self.isSigned ? "" : "unsigned ")\(Self.bitWidth) bits" }

    static func read(_ json: JSON) -> Self? {
        switch json {
        case .integer(let value): Self(exactly: value)
        // `1.0` and `1e3` are integers. Beyond 2^53 a double stands for several of them.
        case .number(let value): value.magnitude <= 0x1p53 ? Self(exactly: value) : nil
        default: nil
        }
    }

    var json: JSON? { Int64(exactly: self).map(JSON.integer) }
}

extension Int: ClaimScalar {}
extension Int8: ClaimScalar {}
extension Int16: ClaimScalar {}
extension Int32: ClaimScalar {}
extension Int64: ClaimScalar {}
extension Int128: ClaimScalar {}
extension UInt: ClaimScalar {}
extension UInt8: ClaimScalar {}
extension UInt16: ClaimScalar {}
extension UInt32: ClaimScalar {}
extension UInt64: ClaimScalar {}
extension UInt128: ClaimScalar {}

extension ClaimScalar where Self: BinaryFloatingPoint {
    static var expectation: String { "a number" }

    static func read(_ json: JSON) -> Self? {
        switch json {
        // A decimal fraction is rounded wherever it is read; an integer that would be is not the one that was written.
        case .integer(let value): return Self(exactly: value)
        case .number(let value):
            let rounded = Self(value)
            return rounded.isFinite ? rounded : nil
        default: return nil
        }
    }

    /// RFC 8259 §6 has no infinities and no NaN.
    var json: JSON? { isFinite ? .number(Double(self)) : nil }
}

extension Double: ClaimScalar {}
extension Float: ClaimScalar {}

extension JSON {
    /// How deep arrays and objects nest in the value; none is 0.
    var nesting: Int {
        switch self {
        case .null, .bool, .integer, .number, .string: 0
        case .array(let elements): 1 + (elements.lazy.map(\.nesting).max() ?? 0)
        case .object(let object): 1 + (object.lazy.map(\.value.nesting).max() ?? 0)
        }
    }
}

/// The place of an element in an array, as a part of a path.
struct IndexKey: CodingKey {
    let intValue: Int?
    var stringValue: String { intValue.map(String.init) ?? "" }

    init(_ index: Int) {
        intValue = index
    }

    init?(intValue: Int) {
        self.init(intValue)
    }

    init?(stringValue: String) {
        nil
    }
}

/// A member by its name: what a superclass is written under.
struct NameKey: CodingKey {
    static let superclass = NameKey("super")

    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) {
        stringValue = name
    }

    init?(stringValue: String) {
        self.init(stringValue)
    }

    init?(intValue: Int) {
        nil
    }
}

/// Names compared by code points, for a table of members.
struct MemberName: Hashable {
    let text: String

    static func == (left: MemberName, right: MemberName) -> Bool { isSameText(left.text, right.text) }

    /// Texts of the same code points have the same hash.
    func hash(into hasher: inout Hasher) { hashText(text, into: &hasher) }
}

/// Types whose own Codable form would be misread as a claim.
enum UnfitForClaims {
    /// Foundation's `Date` encodes itself as seconds since 2001, which as a NumericDate lies 31 years in the past.
    static func reason(_ type: Any.Type) -> String? {
        let name = String(reflecting: type)
        guard name == "Foundation.Date" || name == "FoundationEssentials.Date" else { return nil }
        return "a Date counts from 2001, a NumericDate from 1970: use Instant"
    }
}
