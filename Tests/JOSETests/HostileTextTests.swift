import JOSE
import Testing

@Suite("Texts that a stranger chose")
struct HostileTextTests {
    /// All orders of eight marks on one letter: canonically equivalent texts, of which no two are the same.
    private static let equivalentTexts: [String] = {
        let marks: [Unicode.Scalar] = ["\u{301}", "\u{323}", "\u{327}", "\u{321}", "\u{334}", "\u{345}", "\u{31B}"]
        var orders: [[Unicode.Scalar]] = [[]]
        for mark in marks {
            orders = orders.flatMap { order in
                (0...order.count).map { Array(order[..<$0]) + [mark] + Array(order[$0...]) }
            }
        }
        return orders.map { order in String(String.UnicodeScalarView(["a"] + order)) }
    }()

    @Test("Canonically equivalent texts are different values with different hashes")
    func equivalentHashes() {
        let values = Self.equivalentTexts.prefix(64).map(JSON.string)
        #expect(Set(values.map(\.hashValue)).count == values.count)
        #expect(JSON.string("a").hashValue == JSON.string("a").hashValue)
        let objects = Self.equivalentTexts.prefix(64).map { JSONObject(dictionaryLiteral: ($0, 1)) }
        #expect(Set(objects.map(\.hashValue)).count == objects.count)
    }

    @Test("Thousands of canonically equivalent operations are looked through as quickly as others")
    func equivalentOperations() throws {
        func time(_ texts: some Sequence<String>) throws -> Duration {
            let members: JSONObject = ["kty": "oct", "k": "AAAA", "key_ops": .array(texts.map(JSON.string))]
            return try (0..<3).map { _ in try ContinuousClock().measure { _ = try JWK(members) } }.min() ?? .zero
        }
        let texts = Self.equivalentTexts.prefix(3000)
        let ordinary = try time(texts.indices.map { "operation \($0)" })
        #expect(try time(texts) < ordinary * 20)
    }

    @Test("CWE-117: the description of a refusal is one line of printable text, whatever name it is about")
    func descriptions() throws {
        let name = "x\nFAKE LINE \u{1B}[2J" + String(repeating: "y", count: 5000)
        let header = Base64URL.encode(JSONObject(dictionaryLiteral: (name, 1)).serialized())
        let object: JSONObject = [
            "payload": "", "protected": .string(header), "header": .object(JSONObject(dictionaryLiteral: (name, 1))),
            "signature": "",
        ]
        let error = try refusal { try UnverifiedSignedContent(parsing: object.serialized()) }
        #expect(error.claim == name)
        #expect(error.description.unicodeScalars.allSatisfy { (0x20..<0x7F).contains($0.value) || $0 == "…" })
        #expect(error.description.utf8.count < 300)
    }

    @Test("A refusal of crit lists a few names of it, not all")
    func criticalNames() throws {
        let key = try TestKeys.key(.es256)
        let names = JSON.array((0..<700).map { .string("\u{80}\($0)") })
        let token = try Forgery(header: Sample.header(key).setting("crit", names)).signed(by: key)
        let error = try refusal { try Sample.verify(token) }
        #expect(error.code == .criticalUnsupported)
        #expect(error.reason.hasPrefix(#"not understood: '\u{80}0', '\u{80}1'"#))
        #expect(error.reason.utf8.count < 500)
    }
}
