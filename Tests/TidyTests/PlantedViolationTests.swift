import Testing

/// One rule, a text that breaks it and its twin that does not.
struct Planted: Sendable, CustomTestStringConvertible {
    let rule: HouseRule
    let path: String
    let broken: String
    let kept: String

    init(
        _ rule: HouseRule,
        at path: String = "Sources/AuthorizationServer/Token/X.swift",
        _ broken: String,
        not kept: String
    ) {
        self.rule = rule
        self.path = path
        self.broken = broken
        self.kept = kept
    }

    var testDescription: String { "\(rule.name): \(broken.prefix(40).replacing("\n", with: " "))" }
}

@Suite("Each rule can fail")
struct PlantedViolationTests {
    static let planted: [Planted] = words + moreWords + secrets + shapes + imports

    static let words = [
        Planted(WordRules.systemTimeAndRandomness, "let now = Date()", not: "let now = clock.now"),
        Planted(WordRules.systemTimeAndRandomness, "Int.random(in: 0..<6)", not: "random.next(in: 0..<6)"),
        Planted(
            WordRules.systemTimeAndRandomness,
            "let k = SymmetricKey(size: .bits256)",
            not: "SymmetricKey(data: d)"
        ),
        Planted(WordRules.systemTimeAndRandomness, "let id = UUID()", not: "let id = \"UUID()\" // not UUID()"),
        Planted(WordRules.forceTry, "let x = try! f()", not: "let x = try? f()"),
        Planted(WordRules.forceTry, "let x = y as! Int", not: "let x = y as? Int"),
        Planted(WordRules.forceUnwrap, "let x = y!", not: "let x = !y"),
        Planted(WordRules.forceUnwrap, "let x = f()!.z", not: "let x = f() != z"),
        Planted(WordRules.forceUnwrap, "var x: Int!", not: "var x: Int? // really!"),
        Planted(WordRules.forceUnwrap, "let s = \"\\(y!)\"", not: "let s = \"\\(y)!\""),
        Planted(WordRules.printing, "print(\"secret\")", not: "console.print(\"sentence\")"),
        Planted(WordRules.printing, "debugPrint(x)", not: "let fingerprint(x)"),
    ]

    static let moreWords = [
        Planted(WordRules.unfinishedWork, "// TODO: later", not: "let toDo = 1"),
        Planted(WordRules.unfinishedWork, at: "Docs/x.md", "FIXME", not: "fix me"),
        Planted(WordRules.fatalErrors, "fatalError(\"no\")", not: "throw OAuthError.serverError"),
        Planted(
            WordRules.uncheckedSendable,
            "// Safe: trust me.\nfinal class A: @unchecked Sendable {}",
            not: "// Checked.\nfinal class A: Sendable {}"
        ),
        Planted(WordRules.blockComments, "let a = 1 /* one */", not: "let a = 1  // GET /* is a glob"),
        Planted(WordRules.backDoors, "@_spi(Tests) public import JOSE", not: "public import JOSE"),
        Planted(WordRules.backDoors, "@_exported import JOSE", not: "package import JOSE"),
        Planted(WordRules.oldTestFramework, at: "Tests/JOSETests/X.swift", "import XCTest", not: "import Testing"),
        Planted(WordRules.privatePlaces, at: "Docs/x.md", "see /Users/me/signet", not: "GET https://a.example/Users/7"),
        Planted(WordRules.privatePlaces, "let p = \"/root/x\"", not: "let p = \"/var/lib/signet\""),
    ]

    static let secrets = [
        Planted(
            SecretRules.comparison,
            "guard client.secretHash == presented else { return }",
            not: "guard client.secretHash == nil else { return }"
        ),
        Planted(
            SecretRules.comparison,
            "return expected != password",
            not: "return Secret(expected) != Secret(password)"
        ),
        Planted(SecretRules.comparison, "mac(message) == bytes", not: "ConstantTime.equal(mac(message), bytes)"),
    ]

    static let shapes = [
        Planted(ShapeRules.fileLength, lines(401), not: lines(400)),
        Planted(ShapeRules.functionLength, "func f() {\n\(lines(69))}\n", not: "func f() {\n\(lines(68))}\n"),
        Planted(
            ShapeRules.functionLength,
            "init(\n    a: Int\n)\n    throws\n{\n\(lines(65))}\n",
            not: "init(\n    a: Int\n)\n    throws\n{\n\(lines(64))}\n"
        ),
        Planted(ShapeRules.functionLength, "var x: Int {\n\(lines(69))}\n", not: "let x = [\n\(lines(69))]\n"),
        // A brace in a literal or a comment is not a brace.
        Planted(
            ShapeRules.functionLength,
            "func f() {\n    // }\n    let a = \"}\"\n\(lines(67))}\n",
            not: "func f() {\n    // {\n    let a = \"{\"\n}\n\(lines(70))"
        ),
        // A requirement has no body; what follows is not its body.
        Planted(
            ShapeRules.functionLength,
            "protocol P {\n    func f() -> Int\n    func g()\n}\nfunc h() {\n\(lines(69))}\n",
            not: "protocol P {\n    func f() -> Int\n    func g()\n}\nextension P {\n\(lines(80))}\n"
        ),
    ]

    static let imports = [
        Planted(ImportRules.arrows, "import Hummingbird", not: "import Storage"),
        Planted(ImportRules.arrows, "package import GRDB", not: "package import JOSE"),
        Planted(ImportRules.arrows, "import NIOCore", not: "import Synchronization"),
        Planted(ImportRules.arrows, "import Pages", not: "// import Pages"),
        Planted(ImportRules.arrows, "import struct Accounts.Person", not: "import struct Storage.Record"),
        Planted(
            ImportRules.arrows,
            at: "Sources/Accounts/X.swift",
            "import AuthorizationServer",
            not: "import CArgon2"
        ),
        Planted(ImportRules.arrows, at: "Sources/JOSE/X.swift", "public import Storage", not: "public import Instants"),
        Planted(ImportRules.arrows, at: "Sources/Storage/X.swift", "public import JOSE", not: "public import Instants"),
        Planted(
            ImportRules.arrows,
            at: "Sources/OAuthClient/X.swift",
            "import ServerHTTP",
            not: "import OAuthVocabulary"
        ),
        Planted(ImportRules.foundation, "import Foundation", not: "import FoundationEssentials"),
        Planted(ImportRules.arrows, at: "Sources/JOSE/X.swift", "import FoundationEssentials", not: "import Crypto"),
        Planted(
            ImportRules.arrows,
            at: "Sources/JOSE/JWS/Algorithms/PrimitiveBytes.swift",
            "import Foundation",
            not: "import FoundationEssentials"
        ),
    ]

    private static func lines(_ count: Int) -> String {
        String(repeating: "    work()\n", count: count)
    }

    @Test("A planted violation is found, and its twin is not", arguments: planted)
    func plantedViolationIsFound(_ planted: Planted) {
        let broken = SourceFile(path: planted.path, text: planted.broken)
        let kept = SourceFile(path: planted.path, text: planted.kept)
        #expect(planted.rule.appliesTo(broken))
        #expect(!planted.rule.check(broken).isEmpty)
        #expect(planted.rule.check(kept).isEmpty)
    }

    @Test("Every rule has a planted violation", arguments: HouseRuleTests.rules)
    func everyRuleCanFail(_ rule: HouseRule) {
        #expect(PlantedViolationTests.planted.contains { $0.rule.name == rule.name })
    }

    @Test("A room without a row in the table of imports is found")
    func unknownRoom() {
        let unknown = SourceFile(path: "Sources/Cellar/X.swift", text: "import Storage\n")
        let known = SourceFile(path: "Sources/SQLiteStore/X.swift", text: "import Storage\n")
        #expect(ImportRules.arrows.check(unknown).count == 1)
        #expect(ImportRules.arrows.check(known).isEmpty)
    }

    @Test("A folder without a card is found, and one with a card is not")
    func roomCards() {
        let bare = SourceFile(path: "Sources/A/A.swift", text: "/// A.\nstruct A {}\n")
        let carded = SourceFile(path: "Sources/A/B.swift", text: "// The room of A.\n// RFC 6749 §4.\nstruct B {}\n")
        #expect(RoomCards.foldersWithoutCard([bare]).count == 1)
        #expect(RoomCards.foldersWithoutCard([bare, carded]).isEmpty)
    }
}
