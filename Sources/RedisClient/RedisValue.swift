/// One answer of Redis (RESP2 and RESP3).
public enum RedisValue: Hashable, Sendable {
    /// A simple or a bulk string, a verbatim text, a big number: bytes.
    case bytes([UInt8])
    /// A whole number.
    case integer(Int64)
    /// A fraction.
    case double(Double)
    /// Yes or no.
    case boolean(Bool)
    /// Nothing.
    case null
    /// Several values: an array or a set, or the keys and values of a map in turn.
    case array([RedisValue])
    /// What Redis says unasked; nobody waits for it.
    case push([RedisValue])
    /// What it refused.
    case error(RedisReplyError)

    /// The bytes, if it is bytes.
    public var bytes: [UInt8]? {
        guard case .bytes(let bytes) = self else { return nil }
        return bytes
    }

    /// The bytes as UTF-8 text, if it is that.
    public var text: String? { bytes.flatMap { String(validating: $0, as: UTF8.self) } }

    /// The whole number, if it is one.
    public var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    /// The members, if it has members.
    public var array: [RedisValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// Whether it is nothing.
    public var isNull: Bool { self == .null }
}
