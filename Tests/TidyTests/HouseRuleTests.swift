import Testing

@Suite("The house keeps its rules")
struct HouseRuleTests {
    static let rules = WordRules.all + ShapeRules.all + ImportRules.all + SecretRules.all

    @Test("The sources are found")
    func sourcesAreFound() {
        let (sources, tests) = (SourceTree.shared.sources.count, SourceTree.shared.tests.count)
        #expect(sources > 20)
        #expect(tests > 10)
    }

    @Test("Every file keeps every rule", arguments: rules)
    func everyFileKeeps(_ rule: HouseRule) {
        let violations = SourceTree.shared.everything.filter(rule.appliesTo).flatMap(rule.check)
        report(violations, why: rule.why)
    }

    @Test("Every folder with sources opens with a room card")
    func roomCards() {
        let without = RoomCards.foldersWithoutCard(SourceTree.shared.sources)
        #expect(without == [], "\(without.joined(separator: "\n"))")
    }

    @Test("No placeholder is left")
    func placeholders() {
        let left = SourceTree.shared.everything.filter { $0.name.lowercased().hasPrefix("placeholder") }.map(\.path)
        #expect(left == [], "\(left.joined(separator: "\n"))")
    }

    @Test("The manifest depends on no unsafe flags, so that others can depend on us")
    func manifestHasNoUnsafeFlags() throws {
        let found = SourceTree.shared.document("Package.swift")
        let manifest = try #require(found)
        let uses = manifest.occurrences(of: "unsafeFlags", in: manifest.code)
        #expect(uses.isEmpty)
    }

    @Test("Every ratchet is still needed")
    func ratchetsOnlyShrink() {
        let tree = SourceTree.shared
        for (path, limit) in Ratchets.fileLengths {
            let length = tree.sources.first { $0.path == path }?.lineCount ?? 0
            #expect(length > ShapeRules.longestFile, "\(path) is short now: remove it from Ratchets.fileLengths")
            #expect(length >= limit - 10, "\(path) has \(length) lines now: lower its ratchet from \(limit)")
        }
        let functions = tree.sources.flatMap { file in
            ShapeRules.functions(in: file).map { (key: "\(file.path) \($0.name)", lineCount: $0.lineCount) }
        }
        for (key, limit) in Ratchets.functionLengths {
            let length = functions.filter { $0.key == key }.map(\.lineCount).max() ?? 0
            #expect(length > ShapeRules.longestFunction, "\(key) is short now: remove it from Ratchets.functionLengths")
            #expect(length >= limit - 5, "\(key) has \(length) lines now: lower its ratchet from \(limit)")
        }
        let exemptions =
            Ratchets.timeAndRandomness + Ratchets.uncheckedSendable + Ratchets.mayEndTheProcess + Ratchets.mayExport
            + Ratchets.mayImportFoundation + Ratchets.mayCompareSecrets + Ratchets.mayNameUnfinishedWork
        for exemption in exemptions {
            let isNeeded = tree.everything.contains(where: exemption.covers)
            #expect(isNeeded, "\(exemption.path) is gone: remove it")
            #expect(exemption.reason.count > 10, "\(exemption.path) needs a reason")
        }
    }
}

/// One expectation for many findings, so that the summary stays readable.
func report(_ violations: [Violation], why: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let list = violations.prefix(40).map(\.description).joined(separator: "\n")
    let more = violations.count > 40 ? "\n… and \(violations.count - 40) more" : ""
    let count = violations.count
    #expect(count == 0, "\(why)\n\(list)\(more)", sourceLocation: sourceLocation)
}
