import Testing

@Suite("The documents are true")
struct DocumentTests {
    let tree = SourceTree.shared

    func document(_ path: String) throws -> SourceFile {
        let found = tree.document(path)
        return try #require(found, "\(path) is missing")
    }

    @Test("Every row of the RFC map is true")
    func rfcMapIsTrue() throws {
        let map = RFCMap(try document("Docs/rfc-map.md"))
        #expect(map.rows.count > 10)
        report(map.untrueRows(sources: tree.sources, exists: tree.exists), why: "the map leads people to the room")
    }

    @Test("Every specification that the sources cite is in the RFC map")
    func rfcMapIsComplete() throws {
        let map = RFCMap(try document("Docs/rfc-map.md"))
        report(map.missingRows(sources: tree.sources), why: "every specification has a room")
    }

    @Test("Every section that a guard quotes is named by a test")
    func quotedSectionsAreTested() {
        let missing = Citation.marksWithoutTest(sources: tree.sources, tests: tree.tests)
        let unlisted = missing.filter { !Ratchets.citedWithoutTest.contains($0.key.description) }
        report(
            unlisted.sorted { $0.key < $1.key }.map(\.value),
            why: "a requirement that no test names can be removed without anybody noticing"
        )
        let tested = Ratchets.citedWithoutTest.subtracting(missing.keys.map(\.description)).sorted()
        #expect(tested.isEmpty, "remove from Ratchets.citedWithoutTest: \(tested)")
    }

    @Test("The README's map of the house names every room and nothing else")
    func readmeMap() throws {
        let readme = try document("README.md")
        let named = HouseMap.places(in: readme)
        #expect(named.count > 8)
        let absent = named.filter { !tree.exists($0) }
        #expect(absent.isEmpty, "README names places that do not exist: \(absent)")
        let unnamed = tree.folders(in: "Sources").filter { !named.contains("Sources/\($0)") }
        #expect(unnamed.isEmpty, "README's map lacks: \(unnamed)")
    }

    @Test("Every relative link in the documents leads somewhere")
    func links() {
        let documents = tree.others.filter { $0.path.hasSuffix(".md") }
        let broken = documents.flatMap { document in
            DocumentLinks.targets(in: document).filter { !tree.exists($0.path) }
                .map { Violation(path: document.path, line: $0.line, message: "\($0.path) does not exist") }
        }
        report(broken, why: "a dead link is a promise not kept")
    }

    @Test("The code that the guides show is that of the snippets")
    func guideCode() {
        let guides = tree.others.filter { $0.path.hasPrefix("Docs/guides/") }
        let snippets = tree.others.filter { $0.path.hasPrefix("Snippets/") }
        #expect(guides.count >= 3)
        report(
            guides.flatMap { GuideCode.untrueFences(in: $0, snippets: snippets) },
            why: "code that no compiler has seen is wrong sooner or later"
        )
    }

    @Test("Every test that the threat model shows exists")
    func threatModelTests() throws {
        let model = try document("Docs/threat-model.md")
        let table = MarkdownTable(in: model, firstHeading: "Class")
        #expect(table.rows.count > 10)
        let untrue = ThreatModel.untrueRows(table, path: model.path, tests: tree.tests)
        report(untrue, why: "a defence without a test is a hope")
    }

    @Test("Every vulnerability that a test names is in the threat model")
    func threatModelIsComplete() throws {
        let model = String(decoding: try document("Docs/threat-model.md").text, as: UTF8.self)
        let tests = tree.tests.filter { !$0.path.hasPrefix("Tests/TidyTests/") }
        report(ThreatModel.missing(from: model, tests: tests), why: "the table is what others judge us by")
    }

    @Test("The exit codes in the documents are those of the executable")
    func exitCodes() throws {
        let source = try document("Sources/signet/Console/Failure.swift")
        let page = try document("Docs/exit-codes.md")
        let defined = ExitCodes.defined(in: source)
        #expect(defined.count > 5)
        #expect(ExitCodes.documented(in: page) == defined)
    }

    @Test("Decisions are numbered once and open with their state")
    func decisions() {
        let decisions = tree.others.filter { $0.path.hasPrefix("Docs/decisions/") }
        #expect(decisions.count >= 2)
        let numbers = decisions.map { $0.name.prefix(4) }
        #expect(Set(numbers).count == numbers.count)
        for decision in decisions {
            #expect(decision.name.wholeMatch(of: /\d{4}-[a-z0-9\-]+\.md/) != nil, "\(decision.path)")
            #expect(decision.textLines.first?.hasPrefix("# \(decision.name.prefix(4))") == true, "\(decision.path)")
        }
    }
}

@Suite("The document rules can fail")
struct PlantedDocumentTests {
    static let room = SourceFile(
        path: "Sources/A/A.swift",
        text: "// RFC 6749 §4.1.3: \"bound to the client\"\nguard x\n"
    )

    static func map(_ row: String) -> RFCMap {
        let table = "| Specification | Sections | Room | Tests |\n|---|---|---|---|\n\(row)\n"
        return RFCMap(SourceFile(path: "Docs/rfc-map.md", text: table))
    }

    @Test("A row whose room does not exist, or does not cite it, is found")
    func untrueRow() {
        let good = Self.map("| RFC 6749 | 4.1 | `Sources/A` | `Tests/ATests` |")
        let silent = Self.map("| RFC 7009 | 2 | `Sources/A` | `Tests/ATests` |")
        #expect(good.untrueRows(sources: [Self.room], exists: { _ in true }).isEmpty)
        #expect(good.untrueRows(sources: [Self.room], exists: { $0 != "Tests/ATests" }).count == 1)
        #expect(silent.untrueRows(sources: [Self.room], exists: { _ in true }).count == 1)
    }

    @Test("A cited specification without a row is found")
    func missingRow() {
        let other = Self.map("| RFC 7009 | 2 | `Sources/A` | `Tests/ATests` |")
        let same = Self.map("| RFC 6749 | 4 | `Sources/A` | `Tests/ATests` |")
        #expect(other.missingRows(sources: [Self.room]).count == 1)
        #expect(same.missingRows(sources: [Self.room]).isEmpty)
    }

    @Test("A quoted section that no test names is found")
    func untestedSection() {
        let near = SourceFile(path: "Tests/ATests/A.swift", text: "@Test(\"RFC 6749 §4.1\")\n")
        let exact = SourceFile(path: "Tests/ATests/A.swift", text: "@Test(\"RFC 6749 §4.1.3: another client\")\n")
        #expect(Citation.marksWithoutTest(sources: [Self.room], tests: [near]).count == 1)
        #expect(Citation.marksWithoutTest(sources: [Self.room], tests: [exact]).isEmpty)
    }

    @Test("Citations are read from comments in either spelling")
    func citations() {
        let read = Citation.all(
            in: "RFC 9068 §2.2.3.1, OpenID Connect Core §3.1.2.1. OIDC Core §2; RFC 7515 §3.1 and §5.2."
        )
        #expect(
            read.map(\.description) == [
                "RFC 9068 §2.2.3.1", "OIDC Core §3.1.2.1", "OIDC Core §2", "RFC 7515 §3.1", "RFC 7515 §5.2",
            ]
        )
        #expect(Citation.all(in: "OAuth 2.1 §7.12, RFC 7517").map(\.description) == ["OAuth 2.1 §7.12", "RFC 7517"])
    }

    @Test("A row of the threat model whose test is not in the file is found")
    func threatModelRow() {
        let tests = [SourceFile(path: "Tests/ATests/A.swift", text: "@Test(\"FIELD F20: alg none is refused\")\n")]
        func table(_ cell: String) -> MarkdownTable {
            let text = "| Class | Defence | Shown by |\n|---|---|---|\n| F20 | the key decides | \(cell) |\n"
            return MarkdownTable(in: SourceFile(path: "Docs/t.md", text: text), firstHeading: "Class")
        }
        let wrong = table("`Tests/ATests/A.swift` \"FIELD F21\"")
        let right = table("`Tests/ATests/A.swift` \"FIELD F20\"")
        #expect(ThreatModel.untrueRows(wrong, path: "t", tests: tests).count == 1)
        #expect(ThreatModel.untrueRows(table("`Tests/B.swift`"), path: "t", tests: tests).count == 1)
        #expect(ThreatModel.untrueRows(table(""), path: "t", tests: tests).count == 1)
        #expect(ThreatModel.untrueRows(right, path: "t", tests: tests).isEmpty)
    }

    @Test("A vulnerability that the threat model does not name is found")
    func threatModelGap() {
        let tests = [SourceFile(path: "Tests/ATests/A.swift", text: "@Test(\"CVE-2023-48228: no verifier\")\n")]
        #expect(ThreatModel.missing(from: "CVE-2023-4822", tests: tests).count == 1)
        #expect(ThreatModel.missing(from: "see CVE-2023-48228.", tests: tests).isEmpty)
    }

    @Test("Code in a guide that is not its slice, or names none, is found")
    func plantedGuideCode() {
        let snippet = SourceFile(
            path: "Snippets/A.swift",
            text:
                "// snippet.one\n    let a = 1\n// snippet.hide\n    use(a)\n// snippet.show\n// snippet.end\nlet b = 2\n"
        )
        let named = "<!-- Snippets/A.swift one -->\n```swift\n"
        let cases = [
            (named + "let a = 1\n```\n", 0), (named + "let a = 2\n```\n", 1), ("```swift\nlet a = 1\n```\n", 1),
        ]
        for (text, expected) in cases {
            let guide = SourceFile(path: "Docs/guides/a.md", text: text)
            #expect(GuideCode.untrueFences(in: guide, snippets: [snippet]).count == expected)
        }
    }

    @Test("Exit codes are read from the source and from the page")
    func exitCodes() {
        let source =
            "static let a = X(code: 64, meaning: \"lost\")\nstatic let b = X(\n    code: 65,\n    meaning: \"x\"\n)\n"
        let page = "| Code | Meaning |\n|---|---|\n| 64 | lost |\n| 65 | x |\n"
        #expect(ExitCodes.defined(in: SourceFile(path: "a.swift", text: source)) == ["64 lost", "65 x"])
        #expect(ExitCodes.documented(in: SourceFile(path: "a.md", text: page)) == ["64 lost", "65 x"])
    }

    @Test("Places and links are read from Markdown")
    func markdown() {
        let text =
            "```\nSources/JOSE/      tokens\n        in JWS/Keys\nDocs/  papers\n```\nsee [a](Docs/a.md#b) and [c](https://c.example)\n"
        let document = SourceFile(path: "README.md", text: text)
        #expect(HouseMap.places(in: document) == ["Sources/JOSE", "Sources/JOSE/JWS/Keys", "Docs"])
        #expect(DocumentLinks.targets(in: document).map(\.path) == ["Docs/a.md"])
    }
}
