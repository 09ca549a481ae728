// Room: JSON (RFC 8259), as strict as RFC 7515 §4 and RFC 8725 §2.6 want it: duplicate members, invalid UTF-8,
// numbers that do not fit and anything after the value are refused. Owns the value types, the parser and the writer.

/// A JSON value (RFC 8259 §3).
///
/// A number written without fraction and exponent is an `integer` and must fit 64 bits; every other number is a
/// `number`. Strings are compared by code points.
public enum JSON: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent.
    case integer(Int64)
    /// Every other number.
    case number(Double)
    /// A string.
    case string(String)
    /// Values in their order.
    case array([JSON])
    /// Members by name.
    case object(JSONObject)

    /// The text, if this is a string.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The integer, if this is a number that was written as one.
    public var integerValue: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The truth value, if this is one.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements, if this is an array.
    public var arrayValue: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The object, if this is one.
    public var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Parses one JSON value.
    ///
    /// - Throws: `malformed` or `tooLarge`; the reason names the byte at which parsing stopped.
    public init(parsing bytes: [UInt8], limits: ParsingLimits = .default) throws(JOSEError) {
        let index = try JSONIndex(scanning: bytes, limits: limits)
        self = index.value(0)
    }

    /// The JSON text: compact, UTF-8, members in their order.
    ///
    /// JSON has no infinities and no NaN (RFC 8259 §6); such a number is written as `null`.
    public func serialized() -> [UInt8] {
        var writer = JSONWriter(expectedBytes: 512)
        writer.write(self)
        return writer.output
    }
}

extension JSON: Hashable {
    /// Whether both are the same value; strings by code points, objects in whatever order.
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): isSameText(left, right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Feeds the value to the hasher.
    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .string(let value): hashText(value, into: &hasher)
        case .array(let value): hasher.combine(value)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Makes `null` of a literal.
    public init(nilLiteral: ()) {
        self = .null
    }

    /// Makes a truth value of a literal.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    /// Makes an integer of a literal.
    public init(integerLiteral value: Int64) {
        self = .integer(value)
    }

    /// Makes a string of a literal.
    public init(stringLiteral value: String) {
        self = .string(value)
    }

    /// Makes an array of a literal.
    public init(arrayLiteral elements: JSON...) {
        self = .array(elements)
    }

    /// Makes an object of a literal.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(JSONObject(members: elements))
    }
}

/// How much JSON is accepted.
public struct ParsingLimits: Sendable {
    /// The longest text, in bytes.
    public var maximumBytes: Int
    /// How deep arrays and objects may nest; `1` admits a flat object.
    public var maximumDepth: Int

    /// Sets both limits.
    public init(maximumBytes: Int, maximumDepth: Int) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
    }

    /// 64 KiB, 16 deep.
    public static let `default` = ParsingLimits(maximumBytes: 64 * 1024, maximumDepth: 16)
}
