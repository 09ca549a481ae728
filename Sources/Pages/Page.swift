// Pages: what people see. Typed view values go in, finished HTML comes out; no request, session or store is known here.
// Owns the templates, styles, texts and the embedded assets of the demo application. Decides nothing, stores nothing.
// The policies that a browser is told to enforce (OAuth 2.1 §7.12 clickjacking, CSP level 3) stand next to the pages.

/// A page that can be rendered in any language it has texts for.
package protocol Page: Sendable {
    /// The finished document, UTF-8.
    ///
    /// - Parameters:
    ///   - texts: The words of one language.
    ///   - basePath: The path of the issuer without a trailing slash ("" or "/tenant"); assets are linked below it.
    func html(texts: Texts, basePath: String) -> [UInt8]

    /// Sources that this page's forms may lead to besides this server itself.
    ///
    /// Browsers apply `form-action` to the redirects that follow a form, so a page whose answer redirects to an
    /// application must name it. ``FormAction/source(for:)`` makes one from a redirect URI.
    var formActions: [String] { get }

    /// Sources of what this page shows in frames; nothing for every page but the one after signing out.
    var frameSources: [String] { get }

    /// Whether the page loads a script of ours; none needs it to work.
    var script: PageScript { get }
}

/// The script a page may load.
package enum PageScript: Sendable {
    case none
    case own
}

extension Page {
    package var formActions: [String] { [] }
    package var frameSources: [String] { [] }
    package var script: PageScript { .none }

    /// The finished document for an issuer without a path.
    package func html(texts: Texts) -> [UInt8] {
        html(texts: texts, basePath: "")
    }

    /// The value of the `Content-Security-Policy` header that belongs to this page.
    package var contentSecurityPolicy: String {
        let targets = ["'self'"] + formActions.filter(FormAction.isSource)
        let frames = frameSources.filter(FormAction.isSource)
        return [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            script == .own ? "script-src 'self'" : nil,
            frames.isEmpty ? nil : "frame-src \(frames.joined(separator: " "))",
            "form-action \(targets.joined(separator: " "))",
            "base-uri 'none'",
            // OAuth 2.1 §7.12: "authorization servers MUST prevent clickjacking attacks"
            "frame-ancestors 'none'",
        ].compactMap(\.self).joined(separator: "; ")
    }
}

/// The names of the form fields that pages send; the server reads them by these names.
package enum FormField {
    /// The token that proves that the form came from a page of ours.
    package static let csrfToken = "form_token"
    /// The person's user name or e-mail address.
    package static let username = "username"
    /// The person's password.
    package static let password = "password"
    /// The button that was pressed: one of ``Decision``.
    package static let decision = "decision"
    /// The account that was chosen; empty means another one.
    package static let account = "account"
    /// The pending request that the form belongs to.
    package static let interaction = "interaction"
    /// What an act of an account page is done to.
    package static let object = "object"
    /// The person's display name.
    package static let name = "name"
    package static let currentPassword = "current_password"
    package static let newPassword = "new_password"
    package static let repeatPassword = "repeat_password"
    /// In addresses of account pages: what was done last, the server's proof of that, and the part of a list.
    package static let notice = "done"
    package static let proof = "proof"
    package static let page = "page"
}

/// The values of the ``FormField/decision`` field.
package enum Decision: String, Sendable {
    case signIn = "sign-in"
    case cancel
    case allow
    case deny
    case signOut = "sign-out"
    case signOutEverywhere = "sign-out-everywhere"
    case stay
}

/// A field that a form carries back as it came.
package struct HiddenField: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// The fields as the templates read them.
    static func values(_ fields: [HiddenField]) -> [[String: String]] {
        fields.map { ["name": $0.name, "value": $0.value] }
    }
}
