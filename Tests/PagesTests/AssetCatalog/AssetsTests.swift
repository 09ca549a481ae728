import Crypto
import Foundation
import Testing

@testable import Pages

@Suite struct AssetsTests {
    @Test func `every asset has content, a type and a strong entity tag of its own`() throws {
        var tags: Set<String> = []
        for name in Assets.names {
            let asset = try #require(Assets.asset(named: name))
            #expect(!asset.bytes.isEmpty)
            #expect(asset.entityTag.hasPrefix("\"") && asset.entityTag.count == 26)
            tags.insert(asset.entityTag)
        }
        #expect(tags.count == Assets.names.count)
    }

    @Test(
        "CVE-2022-29967: a name that is not exactly an asset's finds nothing",
        arguments: [
            "", "/", ".", "..", "../signet.css", "/signet.css", "signet.css/", "./signet.css", "..%2fsignet.css",
            "signet.css%00", "signet.css\0.svg", "SIGNET.CSS", "layout.mustache", "/etc/passwd", "signet.css?v=1",
        ]
    )
    func unknownName(name: String) {
        #expect(Assets.asset(named: name) == nil)
        #expect(DemoAssets.asset(named: name) == nil)
    }

    @Test func `the twin: the exact name is found`() {
        #expect(Assets.asset(named: "signet.css")?.contentType == "text/css; charset=utf-8")
        #expect(DemoAssets.asset(named: "demo.html")?.contentType == "text/html; charset=utf-8")
    }

    @Test func `the demo's files are not served by the provider`() {
        #expect(Assets.names.filter { $0.hasPrefix("demo") } == [])
    }

    @Test func `style sheets load nothing from elsewhere`() throws {
        for asset in [Assets.asset(named: "signet.css"), DemoAssets.asset(named: "demo.css")] {
            let css = String(decoding: try #require(asset).bytes, as: UTF8.self)
            #expect(!css.contains("url(") && !css.contains("@import") && !css.contains("//"))
        }
    }

    @Test func `the served signet.js is under 6 KB and made of the source that lies beside it`() throws {
        let served = String(decoding: try #require(Assets.asset(named: "signet.js")).bytes, as: UTF8.self)
        #expect(served.utf8.count < 6000)
        let source = try Data(contentsOf: Self.pages.appending(path: "BrowserLibrary/signet.js"))
        let digest = SHA256.hash(data: source).prefix(16).map { String(format: "%02x", $0) }.joined()
        #expect(served.hasPrefix("/*! signet.js \(digest) "), "run scripts/minify.sh")
    }

    @Test func `signet.js imports nothing, and keeps nothing where another script would find it`() throws {
        let served = String(decoding: try #require(Assets.asset(named: "signet.js")).bytes, as: UTF8.self)
        for word in ["import", "localStorage", "indexedDB", "caches", ".cookie", "globalThis", "eval", "innerHTML"] {
            #expect(!served.contains(word), "\(word)")
        }
        #expect(served.matches(of: /sessionStorage\.setItem/).count == 1)
    }

    @Test func `what applications load from their own origins is named, and nothing else is shared`() {
        let shared = Assets.names.filter {
            if case .everyOrigin = Assets.asset(named: $0)?.readers { true } else { false }
        }
        #expect(shared == ["signet.d.ts", "signet.js"])
    }

    private static let pages = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources/Pages")
}
