// Escaping: everything that a template prints passes through here, scalar by scalar.
// Owns the content type that every template is parsed with; FIELD O41 (GO-2026-4861, CVE-2026-29191) is its reason.

import Mustache

/// HTML escaping over Unicode scalars.
///
/// The engine's own escaping walks over grapheme clusters: a quote followed by a combining accent is one character that
/// equals no quote, and leaves unescaped, while a browser, which reads scalars, sees the quote and ends the attribute.
struct ScalarHTMLEscaping: MustacheContentType {
    static let name = "SIGNET"
    /// The pragma that puts a template under this content type; prepended to every template when it is loaded.
    static let pragma = "{{% CONTENT_TYPE: \(name)}}"

    func escapeText(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
            case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
            case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
            case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
            case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
            case "`": escaped.append(contentsOf: "&#96;".unicodeScalars)
            case "\0": escaped.append("\u{FFFD}")
            case _ where Visible.isHidden(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                escaped.append(contentsOf: "&#x\(digits);".unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }
}
