import Foundation
import Pages
import Testing

/// Writes every page and asset to a folder, for screenshots and for accessibility checkers:
/// `SIGNET_RENDERED_PAGES=/tmp/pages swift test --filter RenderedPages`.
@Suite struct RenderedPages {
    static let folder = ProcessInfo.processInfo.environment["SIGNET_RENDERED_PAGES"]

    @Test(.enabled(if: folder != nil)) func `every page is written to the folder`() throws {
        let folder = URL(filePath: try #require(Self.folder), directoryHint: .isDirectory)
        let assets = folder.appending(path: "assets", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: assets, withIntermediateDirectories: true)
        for name in Assets.names {
            let asset = try #require(Assets.asset(named: name))
            try Data(asset.bytes).write(to: assets.appending(path: name))
        }
        for (name, page) in Samples.ordinary {
            try Data(page.html(texts: .english)).write(to: folder.appending(path: "\(name).html"))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count > Samples.ordinary.count)
    }
}
