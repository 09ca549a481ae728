import Testing

/// The documentation catalogs: their Swift is shown from slices of the files in Snippets, which every build compiles. The
/// guides in Docs repeat slices (`GuideCode`), since nothing renders them but a reader.
enum Catalogs {
    /// Swift that a page holds itself. A fence without a language is Swift to DocC.
    static func ownSwift(in page: SourceFile) -> [Violation] {
        var isFenced = false
        return page.textLines.enumerated().compactMap { index, line in
            guard line.trimmingSpaces.hasPrefix("```") else { return nil }
            isFenced.toggle()
            guard isFenced, ["", "swift"].contains(line.trimmingSpaces.dropFirst(3)) else { return nil }
            return Violation(path: page.path, line: index + 1, message: "show it from Snippets with @Snippet")
        }
    }

    /// "path slice" of every slice that a page shows.
    static func shown(in page: SourceFile) -> [String] {
        page.textLines.flatMap { line in
            line.matches(of: /@Snippet\(path: "([^"]+)", slice: "([^"]+)"\)/).map { "\($0.1) \($0.2)" }
                + line.matches(of: /<!-- Snippets\/(\S+)\.swift (\S+) -->/).map { "\($0.1) \($0.2)" }
        }
    }

    /// "path slice" of every slice of a snippet.
    static func slices(of snippet: SourceFile) -> [String] {
        let path = snippet.path.dropFirst("Snippets/".count).dropLast(".swift".count)
        return snippet.textLines.compactMap { line in
            guard let name = line.trimmingSpaces.wholeMatch(of: /\/\/ snippet\.([A-Za-z0-9_-]+)/)?.1 else { return nil }
            return ["end", "hide", "show"].contains(name) ? nil : "\(path) \(name)"
        }
    }
}

@Suite("The guides show code that is compiled")
struct CatalogTests {
    let pages = SourceTree.shared.others.filter { $0.path.contains(".docc/") && $0.path.hasSuffix(".md") }
    let snippets = SourceTree.shared.others.filter { $0.path.hasPrefix("Snippets/") }

    @Test("A guide holds no Swift of its own")
    func noSwiftOfTheirOwn() {
        #expect(pages.count > 3)
        report(pages.flatMap(Catalogs.ownSwift), why: "code that nothing compiles is wrong soon, and believed for long")
    }

    @Test("Guides and snippets name the same slices")
    func slices() {
        let guides = SourceTree.shared.others.filter { $0.path.hasPrefix("Docs/guides/") }
        let shown = Set((pages + guides).flatMap(Catalogs.shown))
        let slices = Set(snippets.flatMap(Catalogs.slices))
        #expect(shown.count > 10)
        #expect(shown.subtracting(slices).isEmpty, "in a guide, and in no snippet")
        #expect(slices.subtracting(shown).isEmpty, "in a snippet, and in no guide")
    }

    @Test("Every snippet has a name of its own")
    func names() {
        // SwiftPM makes a module of each, whatever its folder.
        #expect(Set(snippets.map(\.name)).count == snippets.count)
    }

    @Test("The rules about guides can fail")
    func planted() {
        func page(_ text: String) -> SourceFile { SourceFile(path: "Sources/A/A.docc/A.md", text: text) }
        #expect(Catalogs.ownSwift(in: page("```swift\nlet a = 1\n```\n")).map(\.line) == [1])
        #expect(Catalogs.ownSwift(in: page("text\n```\nlet a = 1\n```\n")).map(\.line) == [2])
        #expect(Catalogs.ownSwift(in: page("```sh\nls\n```\n")).isEmpty)
        #expect(Catalogs.shown(in: page("@Snippet(path: \"A/B\", slice: \"make\")\n")) == ["A/B make"])
        let snippet = SourceFile(
            path: "Snippets/A/B.swift",
            text: "// snippet.make\nlet a = 1\n// snippet.hide\n// snippet.show\n// snippet.end\n"
        )
        #expect(Catalogs.slices(of: snippet) == ["A/B make"])
    }
}
