import Foundation
import Testing

/// The repository as it lies on disk, read once.
struct SourceTree: Sendable, CustomTestStringConvertible {
    static let shared = SourceTree(root: repositoryRoot(from: #filePath))

    let root: URL
    /// Swift files under Sources.
    let sources: [SourceFile]
    /// Swift files under Tests, and what the journeys are written in.
    let tests: [SourceFile]
    /// Markdown, scripts, snippets and manifests outside Sources and Tests, and the documentation catalogs within.
    let others: [SourceFile]

    var testDescription: String { root.path }

    var everything: [SourceFile] { sources + tests + others }

    init(root: URL) {
        self.root = root
        sources = SourceTree.read(root, "Sources") { $0.hasSuffix(".swift") }
        tests = SourceTree.read(root, "Tests") { path in
            [".swift", ".py", ".sh", ".c"].contains { path.hasSuffix($0) }
        }
        let folders = ["Docs", "Snippets", "scripts", ".ci", "Benchmarks", "Examples"]
        let files = ["README.md", "CONTRIBUTING.md", "Makefile", "Package.swift", "Fuzz/README.md"]
        others =
            folders.flatMap { SourceTree.read(root, $0) { _ in true } }
            + SourceTree.read(root, "Sources") { $0.hasSuffix(".md") }
            + files.compactMap { SourceTree.file(root, $0) }
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    func document(_ path: String) -> SourceFile? {
        SourceTree.file(root, path)
    }

    /// The names of the folders directly in a folder.
    func folders(in path: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: path).path)) ?? []
        return names.filter { name in
            var isFolder: ObjCBool = false
            let place = root.appending(path: path).appending(path: name).path
            return FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) && isFolder.boolValue
        }.sorted()
    }

    private static func repositoryRoot(from file: String) -> URL {
        URL(filePath: file).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    }

    private static func file(_ root: URL, _ path: String) -> SourceFile? {
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return nil }
        return SourceFile(path: path, text: text)
    }

    private static func read(_ root: URL, _ folder: String, where isWanted: (String) -> Bool) -> [SourceFile] {
        let place = root.appending(path: folder).path
        let paths = (FileManager.default.enumerator(atPath: place)?.allObjects as? [String]) ?? []
        return
            paths
            .filter { !$0.contains(".build/") && !$0.contains("__pycache__") && isWanted($0) }
            .sorted()
            .compactMap { file(root, "\(folder)/\($0)") }
    }
}
