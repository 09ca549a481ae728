package import OAuthVocabulary

/// What an application may keep in a browser.
package struct BrowserUse: Codable, Hashable, Sendable {
    /// What `/session/login` gives to it.
    package enum Session: String, Codable, Sendable, CaseIterable {
        /// Nothing: people sign in at the server's own page only.
        case none
        /// An access token for its scripts, and a refresh token in a cookie.
        case tokens
        /// An opaque session in a cookie, and no token at all.
        case session
    }

    /// Where its refresh tokens go.
    package enum TokenDelivery: String, Codable, Sendable, CaseIterable {
        /// Into the answer of the token endpoint (RFC 6749 §5.1).
        case body
        /// Into a cookie that no script can read.
        case cookie
    }

    /// Whether it is the operator's own, so that people may type their password into it.
    package var isFirstParty = false
    package var session = Session.none
    package var tokenDelivery = TokenDelivery.body

    package init() {}
}

extension RegisteredClient {
    package var isFirstParty: Bool {
        get { browserUse?.isFirstParty ?? false }
        set { change { $0.isFirstParty = newValue } }
    }

    package var browserSession: BrowserUse.Session {
        get { browserUse?.session ?? .none }
        set { change { $0.session = newValue } }
    }

    package var tokenDelivery: BrowserUse.TokenDelivery {
        get { browserUse?.tokenDelivery ?? .body }
        set { change { $0.tokenDelivery = newValue } }
    }

    /// Whether browsers keep its sign-in in a cookie of this server.
    package var usesCookies: Bool { browserSession != .none || tokenDelivery == .cookie }

    /// A record says nothing of browsers where nothing was ever said.
    private mutating func change(_ edit: (inout BrowserUse) -> Void) {
        var use = browserUse ?? BrowserUse()
        edit(&use)
        browserUse = use == BrowserUse() ? nil : use
    }
}

/// Whether pages of an origin are same-site with the server, so that browsers send it `SameSite=Strict` cookies from there
/// (RFC 6265bis §5.2, schemefully).
///
/// Browsers know where a site ends by the Public Suffix List; this server carries none. What it answers is narrower where it
/// can be (no numbers, no single labels, no suffixes that look public), and where it is wrong the browser keeps the cookie
/// back: Docs/decisions/0019-browser-sessions.md.
package enum SameSite {
    /// Second labels under which countries let anybody register: `co.uk`, `com.au`, `ac.jp`.
    private static let genericLabels: Set<String> = [
        "ac", "ad", "asn", "co", "com", "ed", "edu", "go", "gob", "gov", "gouv", "gr", "gv", "id", "in", "lg", "ltd",
        "me",
        "mil", "ne", "net", "nhs", "nom", "or", "org", "plc", "police", "sch", "web",
    ]

    package static func holds(_ origin: String, _ issuer: IssuerURL) -> Bool {
        guard let theirs = URIParts(origin), theirs.origin == origin, theirs.scheme == issuer.parts.scheme,
            let host = theirs.hostAndPort?.host, let ours = issuer.parts.hostAndPort?.host
        else { return false }
        // Ports do not part sites: `localhost` is same-site with itself on any port.
        if host == ours { return true }
        guard let theirLabels = labels(host), let ourLabels = labels(ours) else { return false }
        // One below the other, or both below the parent of the server, if that looks like somebody's.
        let parent = Array(ourLabels.dropFirst())
        let sites = [ourLabels, theirLabels].filter { $0.count >= 2 } + (isSomebodys(parent) ? [parent] : [])
        return sites.contains { ends(theirLabels, with: $0) && ends(ourLabels, with: $0) }
    }

    /// The labels of a DNS name; `nil` for addresses, which have no parents.
    private static func labels(_ host: String) -> [String]? {
        guard !host.hasPrefix("[") else { return nil }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !labels.contains(""), let last = labels.last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return labels
    }

    /// Whether one owner has all names that end like this, as far as its look tells.
    private static func isSomebodys(_ labels: [String]) -> Bool {
        guard labels.count == 2 else { return labels.count > 2 }
        return !(labels[1].utf8.count == 2 && genericLabels.contains(labels[0]))
    }

    private static func ends(_ labels: [String], with suffix: [String]) -> Bool {
        labels.count >= suffix.count && Array(labels.suffix(suffix.count)) == suffix
    }
}
