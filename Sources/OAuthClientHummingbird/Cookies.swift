internal import HTTPTypes
internal import Hummingbird

/// The cookies that a login sets and reads (draft-ietf-httpbis-rfc6265bis §4.1.3 for the prefix).
struct CookieRules: Hashable, Sendable {
    /// Whether the application is reached by https.
    let isSecure: Bool
    /// What keeps apart applications on one host: cookies know no ports.
    let suffix: String

    /// What the browser holds of a session.
    var session: String { name("session") }

    /// What binds the login of this state to the browser: one for each, so that two tabs do not disturb each other.
    func login(_ state: String) -> String { "\(loginPrefix)\(state.prefix(12))" }

    /// How the names of all cookies of logins begin.
    var loginPrefix: String { name("login") + "-" }

    /// draft-ietf-httpbis-rfc6265bis §4.1.3.2: with `__Host-` no other host, and no page without https, can set it.
    private func name(_ purpose: String) -> String { isSecure ? "__Host-\(purpose)" : "\(purpose)-\(suffix)" }

    /// A line that sets a cookie for this host only, out of reach of scripts and of other sites' forms.
    func setting(_ name: String, to value: String, for lifetime: Duration?) -> String {
        var line = "\(name)=\(value); Path=/; HttpOnly; SameSite=Lax"
        if isSecure { line += "; Secure" }
        if let lifetime { line += "; Max-Age=\(lifetime.components.seconds)" }
        return line
    }

    /// A line that removes a cookie.
    func removing(_ name: String) -> String { setting(name, to: "", for: .zero) }
}

/// The cookies of a request.
struct RequestCookies: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ headers: HTTPFields) {
        pairs = headers[values: .cookie].flatMap { $0.split(separator: ";") }.compactMap { part in
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2 else { return nil }
            return (String(words[0].drop { $0 == " " || $0 == "\t" }), String(words[1]))
        }
    }

    /// The one value of this name; nil if there are two: one of them was set by another.
    func value(_ name: String) -> String? {
        let found = pairs.filter { $0.name.utf8.elementsEqual(name.utf8) }
        return found.count == 1 ? found[0].value : nil
    }

    /// The names that begin so.
    func names(from prefix: String) -> [String] { pairs.map(\.name).filter { $0.hasPrefix(prefix) } }
}
