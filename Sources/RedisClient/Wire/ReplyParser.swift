// Room: what Redis says, byte by byte: RESP2 and RESP3, read strictly and within limits, since whoever answers in Redis'
// place must not be able to end or to fill this process. Stores nothing.

import NIOCore

/// What a reply may come to; what is larger ends the connection.
public struct RedisReplyLimits: Hashable, Sendable {
    /// The longest string, in bytes.
    public var longestString = 16 << 20
    /// The longest line: lengths, numbers, states and errors.
    public var longestLine = 8 << 10
    /// How deep arrays may lie in arrays.
    public var depth = 8
    /// How many values one reply may have, those in its arrays included.
    public var values = 1 << 18
    /// How many bytes one reply may have.
    public var bytes = 64 << 20

    /// The default limits.
    public init() {}
}

/// Why what came is not a reply.
struct ReplyFault: Error, Hashable {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Reads replies as their bytes come in.
///
/// Strict: what is not the protocol is a fault, after which the parser must not be used again. It never reserves room for
/// what was only announced, and looks at each byte once (a line that has not ended yet is short enough to be looked at again).
struct ReplyParser {
    private enum Container {
        case array
        case push
        /// Belongs to the value after it, and is of no interest.
        case attribute
    }

    private struct Frame {
        var container: Container
        var missing: Int
        var values: [RedisValue] = []
    }

    private enum Text {
        case string
        case error
        /// Begins with three letters and a colon.
        case verbatim
    }

    private let limits: RedisReplyLimits
    private var stack: [Frame] = []
    private var announced: (text: Text, length: Int)?
    private var values = 0
    private var bytes = 0

    init(limits: RedisReplyLimits = RedisReplyLimits()) { self.limits = limits }

    /// Whether a reply has begun and not ended.
    var isInside: Bool { values > 0 }

    /// The next reply; `nil` until all of it is there.
    mutating func next(from buffer: inout ByteBuffer) throws(ReplyFault) -> RedisValue? {
        while true {
            let value: RedisValue?
            if let announced {
                guard buffer.readableBytes >= announced.length + 2 else { return nil }
                value = try string(announced.text, length: announced.length, from: &buffer)
                self.announced = nil
            } else {
                guard let line = try line(from: &buffer) else { return nil }
                value = try self.value(of: line)
            }
            guard let value, let reply = try settled(value) else { continue }
            values = 0
            bytes = 0
            return reply
        }
    }

    // MARK: - Lines and strings

    private mutating func line(from buffer: inout ByteBuffer) throws(ReplyFault) -> [UInt8]? {
        let view = buffer.readableBytesView.prefix(limits.longestLine)
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            guard view.count < limits.longestLine else {
                throw ReplyFault("a line of more than \(limits.longestLine) bytes")
            }
            return nil
        }
        let line = Array(view[view.startIndex..<end])
        guard line.last == UInt8(ascii: "\r") else { throw ReplyFault("a line that does not end with CR LF") }
        guard line.dropLast().firstIndex(of: UInt8(ascii: "\r")) == nil else {
            throw ReplyFault("a carriage return within a line")
        }
        buffer.moveReaderIndex(forwardBy: line.count + 1)
        try count(bytes: line.count)
        return Array(line.dropLast())
    }

    private mutating func string(
        _ text: Text,
        length: Int,
        from buffer: inout ByteBuffer
    ) throws(ReplyFault) -> RedisValue {
        guard let content = buffer.readBytes(length: length), let end = buffer.readBytes(length: 2),
            end == Array("\r\n".utf8)
        else { throw ReplyFault("a string longer or shorter than announced") }
        switch text {
        case .string: return .bytes(content)
        case .error: return .error(RedisReplyError(line: content))
        case .verbatim:
            guard content.count >= 4, content[3] == UInt8(ascii: ":") else {
                throw ReplyFault("a verbatim string without its type")
            }
            return .bytes(Array(content.dropFirst(4)))
        }
    }

    // MARK: - Values

    /// The value that a line is; `nil` if it only opens one.
    private mutating func value(of line: [UInt8]) throws(ReplyFault) -> RedisValue? {
        // The members of a container were counted when it was announced.
        if stack.isEmpty { try count(values: 1) }
        guard let type = line.first else { throw ReplyFault("an empty line") }
        let rest = line.dropFirst()
        switch type {
        case UInt8(ascii: "+"): return .bytes(Array(rest))
        case UInt8(ascii: "-"): return .error(RedisReplyError(line: rest))
        case UInt8(ascii: ":"): return .integer(try Self.number(rest))
        case UInt8(ascii: "$"): return try announce(.string, rest)
        case UInt8(ascii: "!"): return try announce(.error, rest)
        case UInt8(ascii: "="): return try announce(.verbatim, rest)
        case UInt8(ascii: "*") where rest.elementsEqual("-1".utf8): return .null
        case UInt8(ascii: "*"): return try open(.array, rest)
        case UInt8(ascii: "~"): return try open(.array, rest)
        case UInt8(ascii: "%"): return try open(.array, rest, each: 2)
        case UInt8(ascii: "|"): return try open(.attribute, rest, each: 2)
        case UInt8(ascii: ">"):
            guard stack.isEmpty else { throw ReplyFault("a push within a reply") }
            return try open(.push, rest)
        case UInt8(ascii: "_"):
            guard rest.isEmpty else { throw ReplyFault("a null with a value") }
            return .null
        case UInt8(ascii: "#"):
            guard rest.count == 1, rest.first == UInt8(ascii: "t") || rest.first == UInt8(ascii: "f") else {
                throw ReplyFault("a boolean that is neither t nor f")
            }
            return .boolean(rest.first == UInt8(ascii: "t"))
        case UInt8(ascii: ","): return .double(try Self.fraction(rest))
        case UInt8(ascii: "("):
            let digits = rest.first == UInt8(ascii: "-") ? rest.dropFirst() : rest
            guard !digits.isEmpty, digits.allSatisfy(Self.isDigit) else {
                throw ReplyFault("a number with other signs")
            }
            return .bytes(Array(rest))
        default: throw ReplyFault("a reply of an unknown type")
        }
    }

    private mutating func announce(_ text: Text, _ digits: ArraySlice<UInt8>) throws(ReplyFault) -> RedisValue? {
        if case .string = text, digits.elementsEqual("-1".utf8) { return .null }
        let length = try Self.length(digits)
        guard length <= limits.longestString else {
            throw ReplyFault("a string of more than \(limits.longestString) bytes")
        }
        try count(bytes: length)
        announced = (text, length)
        return nil
    }

    private mutating func open(
        _ container: Container,
        _ digits: ArraySlice<UInt8>,
        each: Int = 1
    ) throws(ReplyFault) -> RedisValue? {
        let length = try Self.length(digits)
        guard length <= limits.values else { throw ReplyFault("a reply of more than \(limits.values) values") }
        guard length > 0 else {
            switch container {
            case .array: return .array([])
            case .push: return .push([])
            case .attribute:
                try count(values: 1)
                return nil
            }
        }
        guard stack.count < limits.depth else { throw ReplyFault("arrays in more than \(limits.depth) arrays") }
        try count(values: length * each)
        stack.append(Frame(container: container, missing: length * each))
        return nil
    }

    /// Puts a value where it belongs; returns the reply if it was the last one missing.
    private mutating func settled(_ value: RedisValue) throws(ReplyFault) -> RedisValue? {
        var value = value
        while var frame = stack.popLast() {
            frame.values.append(value)
            frame.missing -= 1
            guard frame.missing == 0 else {
                stack.append(frame)
                return nil
            }
            switch frame.container {
            case .array: value = .array(frame.values)
            case .push: value = .push(frame.values)
            case .attribute: return nil
            }
        }
        return value
    }

    // MARK: - Limits and numbers

    private mutating func count(values more: Int) throws(ReplyFault) {
        values += more
        guard values <= limits.values else { throw ReplyFault("a reply of more than \(limits.values) values") }
    }

    private mutating func count(bytes more: Int) throws(ReplyFault) {
        bytes += more
        guard bytes <= limits.bytes else { throw ReplyFault("a reply of more than \(limits.bytes) bytes") }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func length(_ digits: ArraySlice<UInt8>) throws(ReplyFault) -> Int {
        guard (1...10).contains(digits.count), digits.allSatisfy(isDigit),
            let length = Int(String(decoding: digits, as: UTF8.self))
        else { throw ReplyFault("a length that is no number") }
        return length
    }

    private static func number(_ text: ArraySlice<UInt8>) throws(ReplyFault) -> Int64 {
        guard let number = Int64(String(decoding: text, as: UTF8.self)) else {
            throw ReplyFault("an integer that is none")
        }
        return number
    }

    private static func fraction(_ text: ArraySlice<UInt8>) throws(ReplyFault) -> Double {
        guard let number = Double(String(decoding: text, as: UTF8.self)) else {
            throw ReplyFault("a fraction that is none")
        }
        return number
    }
}
