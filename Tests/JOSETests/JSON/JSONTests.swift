import JOSE
import Testing

/// RFC 8259.
@Suite struct JSONTests {
    @Test("Values of every kind are read")
    func kinds() throws {
        let text = #" { "a" : [ 1 , -2.5, 1e3, true, false, null ], "b" : { "c" : "é\u00e9\n\ud83d\ude00/\/" } } "#
        let object = try JSONObject(parsing: Array(text.utf8))
        #expect(object["a"] == [1, .number(-2.5), .number(1000), true, false, nil])
        #expect(object["b"] == ["c": "éé\n😀//"])
        #expect(object["d"] == nil)
    }

    @Test(
        "A text that is not strict JSON is refused, its repaired twin is read",
        arguments: [
            (#"{"a":1,"a":2}"#, #"{"a":1,"b":2}"#), (#"{"a":1,"\u0061":2}"#, #"{"a":1,"\u0062":2}"#),
            (#"{"x":{"a":1,"a":1}}"#, #"{"x":{"a":1},"a":1}"#), (#"{"a":1,}"#, #"{"a":1}"#), (#"[1,]"#, #"[1]"#),
            (#"{a:1}"#, #"{"a":1}"#), (#"{"a" 1}"#, #"{"a":1}"#), (#"[1 2]"#, #"[1,2]"#), (#"[1"#, #"[1]"#),
            (#"{"a":1"#, #"{"a":1}"#), (#""a"#, #""a""#), (#"'a'"#, #""a""#), (#"tru"#, #"true"#),
            (#"True"#, #"true"#), (#"nul"#, #"null"#), (#"01"#, #"10"#), (#"-"#, #"-1"#), (#"+1"#, #"1"#),
            (#".5"#, #"0.5"#), (#"1."#, #"1.0"#), (#"1e"#, #"1e1"#), (#"1e+"#, #"1e+1"#), (#"0x10"#, #"10"#),
            (#"NaN"#, #"0"#), (#"Infinity"#, #"0"#), (#"{}x"#, #"{}"#), (#"{}{}"#, #"{}"#), (#""#, #"0"#),
            (#""\x""#, #""\b\f\r\t\"\\""#), (#""\u12""#, #""\u0012""#), (#""\u+123""#, #""\u0123""#),
            (#""\ud800""#, #""\ud800\udc00""#), (#""\udc00""#, #""\ud800\udc00""#),
            (#""\ud800\ud800""#, #""\ud800\udc00""#), (#""\ud800x""#, #""\ud800\udc00x""#),
            ("\"\n\"", #""\n""#), ("\"\u{1}\"", #""\u0001""#), ("\u{FEFF}{}", "{}"), ("{}\u{A0}", "{} "),
            ("{}/**/", "{}"), ("\u{B}{}", "\t{}"),
        ]
    )
    func refusedTexts(spoiled: String, good: String) throws {
        #expect(try refusal { try JSON(parsing: Array(spoiled.utf8)) }.code == .malformed)
        #expect(throws: Never.self) { try JSON(parsing: Array(good.utf8)) }
    }

    @Test(
        "RFC 8259 §6: numbers that do not fit are refused, their fitting neighbours are read",
        arguments: [
            ("9223372036854775808", "9223372036854775807"), ("-9223372036854775809", "-9223372036854775808"),
            ("123456789012345678901234567890", "1234567890"), ("1e309", "1e308"), ("-1e309", "-1e308"),
            ("1e-400", "0e-400"), ("0.1e-400", "0.0e-400"), ("1e99999999999999999999", "1e9"),
        ]
    )
    func numbers(spoiled: String, good: String) throws {
        #expect(try refusal { try JSON(parsing: Array(spoiled.utf8)) }.code == .malformed)
        #expect(throws: Never.self) { try JSON(parsing: Array(good.utf8)) }
    }

    @Test(
        "Invalid UTF-8 in a string is refused, its valid twin is read",
        arguments: [
            ([0xC0, 0x80], [0xC3, 0x80]), ([0xED, 0xA0, 0x80], [0xED, 0x9F, 0xBF]), ([0xFF], [0x7F]),
            ([0xC3], [0xC3, 0xA9]), ([0xF4, 0x90, 0x80, 0x80], [0xF4, 0x8F, 0xBF, 0xBF]),
        ] as [([UInt8], [UInt8])]
    )
    func utf8(spoiled: [UInt8], good: [UInt8]) throws {
        for escape in [[], Array(#"\n"#.utf8)] {
            let quote = [UInt8(ascii: "\"")]
            #expect(try refusal { try JSON(parsing: quote + escape + spoiled + quote) }.code == .malformed)
            #expect(throws: Never.self) { try JSON(parsing: quote + escape + good + quote) }
        }
    }

    @Test("A special byte is found at every place of strings of every length", arguments: 0..<34)
    func places(length: Int) throws {
        let plain = (0..<length).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        #expect(try JSON(parsing: quoted(plain)).stringValue == String(decoding: plain, as: UTF8.self))
        for place in plain.indices {
            for control in [0x00, 0x09, 0x1F] as [UInt8] {
                var spoiled = plain
                spoiled[place] = control
                #expect(try refusal { try JSON(parsing: quoted(spoiled)) }.code == .malformed)
            }
            let around = (plain[..<place], plain[(place + 1)...])
            for (written, meant) in [(#"\""#, "\""), (#"\\"#, "\\"), ("é", "é"), ("\u{7F}", "\u{7F}"), (" ", " ")] {
                let text = try JSON(parsing: quoted(around.0 + Array(written.utf8) + around.1)).stringValue
                #expect(text == String(decoding: around.0 + Array(meant.utf8) + around.1, as: UTF8.self))
            }
            let early = Array(around.0) + [UInt8(ascii: "\"")] + around.1
            #expect(try refusal { try JSON(parsing: quoted(early)) }.code == .malformed)
        }
    }

    private func quoted(_ text: some Sequence<UInt8>) -> [UInt8] {
        [UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")]
    }

    @Test("A name that is written with escapes is the name that it stands for")
    func escapedNames() throws {
        let text = #"{"\u0069ss":"a","\u006aku":[1,{"\"":2}],"b":{"\u0062":3}}"#
        let object = try JSONObject(parsing: Array(text.utf8))
        #expect(object.map(\.name) == ["iss", "jku", "b"])
        #expect(object == ["iss": "a", "jku": [1, ["\"": 2]], "b": ["b": 3]])
        #expect(try refusal { try JSON(parsing: Array(#"{"iss":1,"\u0069ss":2}"#.utf8)) }.code == .malformed)
        #expect(try refusal { try JSON(parsing: Array(#"{"\u0069ss":1,"iss":2}"#.utf8)) }.code == .malformed)
    }

    @Test("Depth and length are limited; at the limit they are read")
    func limits() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(throws: Never.self) { try JSON(parsing: nested(16)) }
        #expect(try refusal { try JSON(parsing: nested(17)) }.code == .tooLarge)
        #expect(try refusal { try JSON(parsing: Array(repeating: UInt8(ascii: "["), count: 60_000)) }.code == .tooLarge)

        let limit = ParsingLimits.default.maximumBytes
        let spaces = [UInt8](repeating: 0x20, count: limit - 1)
        #expect(throws: Never.self) { try JSON(parsing: spaces + Array("0".utf8)) }
        #expect(try refusal { try JSON(parsing: spaces + Array("10".utf8)) }.code == .tooLarge)
    }

    @Test("A duplicate is found among thousands of members", .timeLimit(.minutes(5)))
    func manyMembers() throws {
        let names = (0..<7000).map { #""\#(String($0, radix: 36))":0"# }.joined(separator: ",")
        let limits = ParsingLimits(maximumBytes: 1 << 20, maximumDepth: 1)
        #expect(try JSONObject(parsing: Array("{\(names)}".utf8), limits: limits).count == 7000)
        for duplicate in ["0", "z", "5ef"] {
            let text = #"{\#(names),"\#(duplicate)":0}"#
            #expect(try refusal { try JSONObject(parsing: Array(text.utf8), limits: limits) }.code == .malformed)
        }
    }

    @Test("Texts are compared by code points: U+212A KELVIN SIGN is not the letter K")
    func codePoints() throws {
        let object = try JSONObject(parsing: Array("{\"\u{212A}\":1,\"K\":2}".utf8))
        #expect(object.count == 2)
        #expect(object["K"] == 2)
        #expect(object["\u{212A}"] == 1)
        #expect(JSON.string("\u{212A}") != JSON.string("K"))
        #expect(JSON.string("K") == JSON.string("K"))
    }

    @Test("Members keep their order, setting nil removes, equality does not see the order")
    func members() {
        var object: JSONObject = ["b": 1, "a": 2]
        object["c"] = "x"
        object["b"] = 3
        #expect(object.map(\.name) == ["b", "a", "c"])
        #expect(String(decoding: object.serialized(), as: UTF8.self) == #"{"b":3,"a":2,"c":"x"}"#)
        object["a"] = nil
        #expect(object.map(\.name) == ["b", "c"])
        #expect(object == ["c": "x", "b": 3])
        #expect(object.hashValue == (["c": "x", "b": 3] as JSONObject).hashValue)
        #expect(object != ["c": "x", "b": 4])
        #expect(JSONObject().isEmpty)
    }

    @Test("Control characters, quotes and backslashes are escaped when written")
    func writing() {
        let value: JSON = ["k\"\\": "a\u{0}\u{1F}\n\r\t/é"]
        #expect(String(decoding: value.serialized(), as: UTF8.self) == #"{"k\"\\":"a\u0000\u001f\n\r\t/é"}"#)
        #expect(JSON.number(.infinity).serialized() == Array("null".utf8))
    }

    @Test("What is written is read back the same, seeds 1...200", arguments: 1...200)
    func roundTrips(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let value = randomValue(depth: 0, &generator)
        #expect(try JSON(parsing: value.serialized()) == value)
    }

    private func randomValue(depth: Int, _ generator: inout SeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth < 5 ? 7 : 5), using: &generator) {
        case 0: return nil
        case 1: return .bool(generator.next() & 1 == 0)
        case 2: return .integer(.random(in: .min ... .max, using: &generator))
        case 3: return .number(.random(in: -1e300...1e300, using: &generator))
        case 4: return .string(randomText(&generator))
        case 5:
            let count = Int.random(in: 0..<5, using: &generator)
            return .array((0..<count).map { _ in randomValue(depth: depth + 1, &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0..<20, using: &generator) {
                object[randomText(&generator)] = depth < 2 ? randomValue(depth: depth + 1, &generator) : 1
            }
            return .object(object)
        }
    }

    private func randomText(_ generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0..<20, using: &generator) {
            let bound: UInt32 = generator.next() & 1 == 0 ? 0x7F : 0x10_FFFF
            if let scalar = Unicode.Scalar(UInt32.random(in: 0...bound, using: &generator)) {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
