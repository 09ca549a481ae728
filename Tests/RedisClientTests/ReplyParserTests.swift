// The Redis client under test: the parser here, addresses in `AddressTests`, a pool against a real Redis in `PoolTests`,
// and against servers that misbehave in `HostileServerTests`.

import NIOCore
import Testing

@testable import RedisClient

private func parse(_ text: String, limits: RedisReplyLimits = RedisReplyLimits()) throws -> [RedisValue] {
    var parser = ReplyParser(limits: limits)
    var buffer = ByteBuffer(string: text)
    var values: [RedisValue] = []
    while let value = try parser.next(from: &buffer) { values.append(value) }
    return values
}

private func bytes(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

@Suite
struct ReplyParserTests {
    static let replies: [(String, RedisValue)] = [
        ("+OK\r\n", bytes("OK")),
        ("+\r\n", bytes("")),
        ("-ERR no\r\n", .error(RedisReplyError(code: "ERR", message: "no"))),
        ("-NOSCRIPT\r\n", .error(RedisReplyError(code: "NOSCRIPT", message: ""))),
        (":0\r\n", .integer(0)),
        (":-9223372036854775808\r\n", .integer(.min)),
        ("$0\r\n\r\n", bytes("")),
        ("$2\r\n\r\n\r\n", bytes("\r\n")),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("_\r\n", .null),
        ("*0\r\n", .array([])),
        ("*2\r\n:1\r\n*1\r\n$1\r\na\r\n", .array([.integer(1), .array([bytes("a")])])),
        ("~1\r\n:1\r\n", .array([.integer(1)])),
        ("%1\r\n+a\r\n:1\r\n", .array([bytes("a"), .integer(1)])),
        ("#t\r\n", .boolean(true)),
        ("#f\r\n", .boolean(false)),
        (",1.5\r\n", .double(1.5)),
        (",inf\r\n", .double(.infinity)),
        ("(-123456789012345678901234567890\r\n", bytes("-123456789012345678901234567890")),
        ("!9\r\nERR is no\r\n", .error(RedisReplyError(code: "ERR", message: "is no"))),
        ("=5\r\ntxt:a\r\n", bytes("a")),
        (">1\r\n+hello\r\n", .push([bytes("hello")])),
        ("|1\r\n+a\r\n+b\r\n:7\r\n", .integer(7)),
        ("*2\r\n|1\r\n+a\r\n+b\r\n:7\r\n:8\r\n", .array([.integer(7), .integer(8)])),
        ("|0\r\n:7\r\n", .integer(7)),
    ]

    @Test(arguments: replies)
    func `A reply is read, whole or byte by byte, and the next one after it`(text: String, value: RedisValue) throws {
        #expect(try parse(text + text + "+end\r\n") == [value, value, bytes("end")])
        var parser = ReplyParser()
        var buffer = ByteBuffer()
        for (position, byte) in text.utf8.enumerated() {
            #expect(try parser.next(from: &buffer) == nil)
            buffer.writeInteger(byte)
            if position < text.utf8.count - 1 { buffer.discardReadBytes() }
        }
        #expect(try parser.next(from: &buffer) == value)
        #expect(!parser.isInside && buffer.readableBytes == 0)
    }

    static let faults = [
        "\r\n", "OK\r\n", "+OK\n", "+O\rK\r\n", ":\r\n", ":1a\r\n", ":9223372036854775808\r\n", ": 1\r\n",
        "$\r\n", "$-2\r\n", "$+1\r\n", "$1a\r\n", "$99999999999\r\n", "$9999999999\r\n", "$1\r\nab\r\n",
        "$2\r\na\r\n\r\n", "$?\r\n", "*?\r\n", "*-2\r\n", "*4294967296\r\n", "*9999999999\r\n", "~-1\r\n", "%-1\r\n",
        ">-1\r\n", "_x\r\n", "#x\r\n", "#\r\n", ",\r\n", ",abc\r\n", "(\r\n", "(-\r\n", "(12x\r\n", "!-1\r\n",
        "=3\r\ntxt\r\n",
        "=4\r\ntxt-\r\n", "*1\r\n>1\r\n:1\r\n", "@1\r\n", "\u{0}\r\n", ".\r\n",
    ]

    @Test(arguments: faults)
    func `What is not the protocol is a fault`(text: String) {
        #expect(throws: ReplyFault.self) { try parse(text) }
        #expect(throws: ReplyFault.self) { try parse(":1\r\n" + text) }
    }

    @Test
    func `Nothing is taken beyond the limits, and what is at them is`() throws {
        var limits = RedisReplyLimits()
        limits.longestString = 4
        limits.longestLine = 16
        limits.depth = 2
        limits.values = 5
        limits.bytes = 64
        for (good, bad) in [
            ("$4\r\nabcd\r\n", "$5\r\nabcde\r\n"),
            ("+1234567890123\r\n", "+12345678901234\r\n"),
            ("*1\r\n*1\r\n:1\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n"),
            ("*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "*5\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n"),
            ("%2\r\n:1\r\n:2\r\n:3\r\n:4\r\n", "%3\r\n"),
        ] {
            #expect(try parse(good, limits: limits).count == 1)
            #expect(throws: ReplyFault.self) { try parse(bad, limits: limits) }
        }
        limits.bytes = 15
        #expect(throws: ReplyFault.self) { try parse("*3\r\n$4\r\nabcd\r\n$4\r\nabcd\r\n", limits: limits) }
        // The limits are for one reply: many small ones may follow each other.
        limits.bytes = 64
        #expect(try parse(String(repeating: "*2\r\n:1\r\n:2\r\n", count: 1000), limits: limits).count == 1000)
    }

    @Test
    func `An announcement alone reserves nothing`() throws {
        var parser = ReplyParser()
        var buffer = ByteBuffer(string: "*200000\r\n*200000\r\n")
        #expect(throws: ReplyFault.self) { try parser.next(from: &buffer) }
        parser = ReplyParser()
        buffer = ByteBuffer(string: "*1\r\n$16777216\r\n")
        #expect(try parser.next(from: &buffer) == nil)
        #expect(buffer.capacity < 1 << 16)
    }

    @Test
    func `A line without end is refused before it is long`() {
        #expect(throws: ReplyFault.self) { try parse(String(repeating: "+", count: 9000)) }
    }

    @Test
    func `An error does not repeat what was sent`() {
        let error = RedisReplyError(
            line: Array("ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'me' 'hunter2'".utf8)
        )
        #expect(!error.description.contains("hunter2") && error.code == "ERR")
        #expect(RedisReplyError(line: Array("a\u{7}b c\u{1B}d".utf8)).description == "ERR cd")
        #expect(RedisReplyError(line: Array("ERR \(String(repeating: "x", count: 9999))".utf8)).message.count == 200)
    }

    /// Mutations of good replies: seeded, and no outcome but a value, a fault or waiting for more.
    @Test(arguments: 0..<40)
    func `Mutated replies are read or refused, and the parser ends`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let good = Self.replies.map(\.0)
        var values = 0
        for _ in 0..<500 {
            var text = Array(good[random.below(good.count)].utf8) + Array(good[random.below(good.count)].utf8)
            for _ in 0..<(1 + random.below(4)) {
                let position = random.below(text.count)
                switch random.below(3) {
                case 0: text[position] = UInt8(random.below(256))
                case 1: text.remove(at: position)
                default: text.insert(Array("*$%|~>0919\r\n".utf8)[random.below(12)], at: position)
                }
                if text.isEmpty { text = [0] }
            }
            var parser = ReplyParser()
            var buffer = ByteBuffer(bytes: text)
            var rounds = 0
            while let value = try? parser.next(from: &buffer) {
                _ = value
                values += 1
                rounds += 1
                #expect(rounds <= text.count)
            }
        }
        #expect(values > 0)
    }
}

private struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
