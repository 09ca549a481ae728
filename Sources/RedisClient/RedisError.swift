/// Why Redis did not do what it was asked to.
///
/// The set is closed. ``wasSent`` says the one thing that callers must know: whether Redis may have carried it out.
public enum RedisError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection, and nothing was sent; trying again later may work.
    case unreachable(reason: String)
    /// Redis let us connect but not in: the user, the password, the database or its version; nothing was sent.
    case refused(reason: String)
    /// As many commands are under way as may be; nothing was sent.
    case overloaded
    /// The client was closed; nothing was sent.
    case closed
    /// Redis did not answer in time; it may have carried the commands out, or may yet.
    case timedOut
    /// The connection ended before the answer came; Redis may have carried the commands out.
    case interrupted(reason: String)
    /// The answer was not Redis' protocol, or beyond the limits; Redis may have carried the commands out.
    case malformedReply(reason: String)
    /// Redis answered with an error: it did not carry the command out, or not to its end.
    case replied(RedisReplyError)
    /// Redis answered with something else than the command's answer.
    case unexpectedReply(command: String)

    /// Whether Redis may have carried out what was asked.
    public var wasSent: Bool {
        switch self {
        case .unreachable, .refused, .overloaded, .closed: false
        case .timedOut, .interrupted, .malformedReply, .replied, .unexpectedReply: true
        }
    }

    /// One sentence for the operator; without secrets.
    public var description: String {
        switch self {
        case .unreachable(let reason): "Redis cannot be reached (\(reason))"
        case .refused(let reason): "Redis refused the connection (\(reason))"
        case .overloaded: "too many commands are waiting for Redis"
        case .closed: "the connection to Redis was closed"
        case .timedOut: "Redis did not answer in time; whether it did what was asked is not known"
        case .interrupted(let reason):
            "the connection to Redis ended before the answer (\(reason)); whether it did what was asked is not known"
        case .malformedReply(let reason): "Redis sent what is no answer (\(reason))"
        case .replied(let error): "Redis answered with an error (\(error))"
        case .unexpectedReply(let command): "Redis answered \(command) with something unexpected"
        }
    }
}

/// An error that Redis sent.
public struct RedisReplyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first word: `NOSCRIPT`, `WRONGTYPE`, `OOM`, `ERR`.
    public let code: String
    /// The rest, cut short, without the arguments that Redis likes to repeat.
    public let message: String

    /// The longest message that is kept.
    static let longestMessage = 200

    /// An error of these parts.
    public init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// The error that a line says.
    init(line: some Collection<UInt8>) {
        let text = String(decoding: line.prefix(2 * Self.longestMessage), as: UTF8.self)
        let halves = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        // "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'user' 'password'"
        let message = halves.count == 2 ? halves[1] : ""
        let end = message.firstRange(ofWords: "with args beginning with") ?? message.endIndex
        self.init(
            code: String(halves.first ?? "").isErrorCode ? String(halves.first ?? "") : "ERR",
            message: String(String(message[..<end]).prefix(Self.longestMessage)).printable
        )
    }

    /// The code and the message.
    public var description: String { message.isEmpty ? code : "\(code) \(message)" }
}

extension Substring {
    /// Where `words` begin.
    fileprivate func firstRange(ofWords words: String) -> Index? {
        indices.first { self[$0...].hasPrefix(words) }
    }
}

extension String {
    fileprivate var isErrorCode: Bool { !isEmpty && utf8.count <= 32 && utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }

    /// Without control characters, which have no place in a log.
    fileprivate var printable: String {
        String(String.UnicodeScalarView(unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }))
    }
}
