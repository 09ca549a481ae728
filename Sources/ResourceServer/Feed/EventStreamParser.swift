/// An event of a `text/event-stream`.
struct ServerSentEvent: Hashable, Sendable {
    /// The kind, `message` where the stream does not say.
    var type: String
    var data: String
    /// The last `id` of the stream.
    var lastID: String
}

/// Why a `text/event-stream` is not read on.
struct EventStreamError: Error, Hashable, Sendable {
    let reason: String
}

/// Reads `text/event-stream` (WHATWG HTML, "Interpreting an event stream") from pieces that may be cut anywhere.
///
/// The memory is bounded, unlike in the standard: a line or an event that is too long is an error.
struct EventStreamParser: Sendable {
    private let maximumBytes: Int
    private var line: [UInt8] = []
    private var followsCarriageReturn = false
    private var isFirstLine = true
    private var type: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var lastID: [UInt8] = []

    /// - Parameter maximumBytes: of a line, and of the data of an event.
    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// Takes the next piece, and hands over the events that it completes.
    mutating func consume(_ bytes: [UInt8], onEvent: (ServerSentEvent) throws -> Void) throws {
        for byte in bytes {
            if followsCarriageReturn {
                followsCarriageReturn = false
                if byte == 0x0A { continue }
            }
            switch byte {
            case 0x0A, 0x0D:
                followsCarriageReturn = byte == 0x0D
                if let event = try endLine() { try onEvent(event) }
            default:
                guard line.count < maximumBytes else { throw EventStreamError(reason: "a line is too long") }
                line.append(byte)
            }
        }
    }

    private mutating func endLine() throws -> ServerSentEvent? {
        var content = line[...]
        line.removeAll(keepingCapacity: true)
        if isFirstLine {
            isFirstLine = false
            // "strip one leading U+FEFF BYTE ORDER MARK", as UTF-8 decoding does.
            if content.starts(with: [0xEF, 0xBB, 0xBF]) { content = content.dropFirst(3) }
        }
        if content.isEmpty { return dispatch() }
        let name = content.prefix { $0 != 0x3A }
        var value = content.dropFirst(name.count + 1)
        if value.first == 0x20 { value = value.dropFirst() }
        if name.elementsEqual("event".utf8) {
            type = Array(value)
        } else if name.elementsEqual("data".utf8) {
            guard data.count + value.count < maximumBytes else {
                throw EventStreamError(reason: "an event is too long")
            }
            if hasData { data.append(0x0A) }
            data += value
            hasData = true
        } else if name.elementsEqual("id".utf8), !value.contains(0) {
            lastID = Array(value)
        }
        // Comments begin with a colon, so their name is empty; `retry` is the reader's own business.
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            type.removeAll()
            data.removeAll()
            hasData = false
        }
        // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and
        // return."
        guard !data.isEmpty else { return nil }
        return ServerSentEvent(
            type: type.isEmpty ? "message" : String(decoding: type, as: UTF8.self),
            data: String(decoding: data, as: UTF8.self),
            lastID: String(decoding: lastID, as: UTF8.self)
        )
    }
}
