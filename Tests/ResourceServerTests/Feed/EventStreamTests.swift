import Testing

@testable import ResourceServer

@Suite("text/event-stream, as WHATWG HTML has it")
struct EventStreamTests {
    static func events(_ pieces: [[UInt8]], limit: Int = 1_000) throws -> [ServerSentEvent] {
        var parser = EventStreamParser(maximumBytes: limit)
        var events: [ServerSentEvent] = []
        for piece in pieces { try parser.consume(piece) { events.append($0) } }
        return events
    }

    static func event(_ data: String, _ type: String = "message", id: String = "") -> ServerSentEvent {
        ServerSentEvent(type: type, data: data, lastID: id)
    }

    static let streams: [(String, [ServerSentEvent])] = [
        ("data: a\n\n", [event("a")]),
        ("data:a\n\n", [event("a")]),
        ("data:  a\n\n", [event(" a")]),
        ("data: a\r\ndata: b\r\n\r\n", [event("a\nb")]),
        ("data: a\rdata: b\r\r", [event("a\nb")]),
        ("\u{FEFF}event: hello\ndata: a\n\n", [event("a", "hello")]),
        ("\u{FEFF}\u{FEFF}data: a\n\ndata: b\n\n", [event("b")]),
        ("event: x\n\ndata: a\n\n", [event("a")]),
        ("event: x\ndata: a\n\ndata: b\n\n", [event("a", "x"), event("b")]),
        (": comment\n\nid: 7\ndata: a\n\ndata: b\n\n", [event("a", id: "7"), event("b", id: "7")]),
        ("id: 7\u{0}\ndata: a\n\n", [event("a")]),
        ("id\nretry: 10\nunknown: y\ndata\n\ndata: a\n\n", [event("a")]),
        ("data\ndata\n\n", [event("\n")]),
        ("Data: a\n\n", []),
        ("data: a: b\n\n", [event("a: b")]),
        ("data: unfinished\n", []),
        ("data: ü€\n\n", [event("ü€")]),
    ]

    @Test("Events are read, whole and cut at every place", arguments: streams)
    func cutAnywhere(text: String, expected: [ServerSentEvent]) throws {
        let bytes = Array(text.utf8)
        #expect(try Self.events([bytes]) == expected)
        #expect(try Self.events(bytes.map { [$0] }) == expected)
        for cut in 0...bytes.count {
            #expect(try Self.events([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected)
        }
    }

    @Test("A line that does not end is refused at the bound, and one of that length is not")
    func longLine() throws {
        let fits = Array("data:\(String(repeating: "x", count: 94))".utf8)
        #expect(try Self.events([fits, Array("\n\n".utf8)], limit: 99).count == 1)
        #expect(throws: EventStreamError.self) { try Self.events([fits + [0x78]], limit: 99) }
    }

    @Test("An event of many lines is refused at the bound")
    func longEvent() throws {
        let line = Array("data: \(String(repeating: "x", count: 30))\n".utf8)
        #expect(try Self.events([line, line, line, [0x0A]], limit: 99).count == 1)
        #expect(throws: EventStreamError.self) { try Self.events([line, line, line, line], limit: 99) }
    }
}
