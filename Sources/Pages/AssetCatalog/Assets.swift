// Assets: the files that pages and the demo application link to, embedded in the binary.
// Names are looked up in a table and never become paths (FIELD O42, CVE-2022-29967). Validators: RFC 9110 §8.8.3.

import Crypto

/// A file that is sent as it is.
package struct Asset: Sendable {
    package let bytes: [UInt8]
    package let contentType: String
    /// A strong entity tag, quotes included.
    package let entityTag: String
    package let readers: Readers

    /// Which origins may load it.
    package enum Readers: Sendable {
        case ownPages
        case everyOrigin
    }

    init(_ bytes: [UInt8], _ contentType: String, for readers: Readers = .ownPages) {
        self.bytes = bytes
        self.contentType = contentType
        self.readers = readers
        let digits = Array("0123456789abcdef".utf8)
        let digest = SHA256.hash(data: bytes).prefix(12).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        self.entityTag = "\"\(String(decoding: digest, as: UTF8.self))\""
    }
}

/// The assets of the pages, served below `/assets/`.
package enum Assets {
    private static let table: [String: Asset] = [
        "signet.css": Asset(PackageResources.signet_css, "text/css; charset=utf-8"),
        "signet.svg": Asset(PackageResources.signet_svg, "image/svg+xml"),
        "form-post.js": Asset(PackageResources.form_post_js, "text/javascript; charset=utf-8"),
        "signed-out.js": Asset(PackageResources.signed_out_js, "text/javascript; charset=utf-8"),
        // What applications import from their own origins; scripts/minify.sh makes it of BrowserLibrary/signet.js.
        "signet.js": library,
        "signet.d.ts": Asset(PackageResources.signet_d_ts, "text/plain; charset=utf-8", for: .everyOrigin),
    ]

    fileprivate static let library = Asset(
        PackageResources.signet_min_js,
        "text/javascript; charset=utf-8",
        for: .everyOrigin
    )

    /// Every name that ``asset(named:)`` answers to.
    package static var names: [String] { table.keys.sorted() }

    /// The asset of exactly this name, without "/assets/" and without a query.
    package static func asset(named name: String) -> Asset? {
        table[name]
    }

    /// The address of an asset with its version, so that it may be cached for good and still changes with the server.
    static func link(to name: String, basePath: String) -> String {
        let version = table[name]?.entityTag.filter { $0 != "\"" }.prefix(8) ?? ""
        return "\(basePath)/assets/\(name)?v=\(version)"
    }
}

/// The files of the demo application, served by its own server on its own origin.
package enum DemoAssets {
    private static let table: [String: Asset] = [
        "demo.html": Asset(PackageResources.demo_html, "text/html; charset=utf-8"),
        "demo.css": Asset(PackageResources.demo_css, "text/css; charset=utf-8"),
        "demo.js": Asset(PackageResources.demo_js, "text/javascript; charset=utf-8"),
        "demo-log.js": Asset(PackageResources.demo_log_js, "text/javascript; charset=utf-8"),
        "demo-words.js": Asset(PackageResources.demo_words_js, "text/javascript; charset=utf-8"),
        "signet.svg": Asset(PackageResources.signet_svg, "image/svg+xml"),
        // A copy on the demo's own origin, as a bundler makes one.
        "signet.js": Assets.library,
    ]

    /// Every name that ``asset(named:)`` answers to.
    package static var names: [String] { table.keys.sorted() }

    /// The file of exactly this name.
    package static func asset(named name: String) -> Asset? {
        table[name]
    }
}
