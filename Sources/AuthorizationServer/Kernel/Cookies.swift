package import OAuthVocabulary

/// A cookie as endpoints call it.
///
/// The `__Host-` prefix and the attributes are the HTTP room's.
package struct CookieName: Hashable, Sendable, CustomStringConvertible {
    package let value: String

    /// `value` must be of the characters of a token (RFC 6265 §4.1.1); names are made, not read.
    package init(_ value: String) { self.value = value }

    package var description: String { value }
}

/// The cookies that an endpoint reads: those whose names begin alike.
package struct CookieFamily: Hashable, Sendable {
    package let prefix: String

    package init(prefix: String) { self.prefix = prefix }
}

/// The cookies of a request that belong to the family which its endpoint declares.
package struct RequestCookies: Sendable {
    private var values: [CookieName: Secret] = [:]
    /// Names that came with something that cannot be ours: doubled with two values, over-long, of other characters.
    package private(set) var unusable: Set<CookieName> = []

    package init() {}

    /// Takes one cookie; the name of one that differs from an earlier one is unusable, because which of them is ours
    /// cannot be told.
    package mutating func add(_ name: CookieName, _ value: Secret?) {
        guard !unusable.contains(name) else { return }
        if let value, values[name].map({ $0 == value }) ?? true {
            values[name] = value
        } else {
            values[name] = nil
            unusable.insert(name)
        }
    }

    package subscript(name: CookieName) -> Secret? { values[name] }

    /// Whether anything of that name came.
    package func has(_ name: CookieName) -> Bool { values[name] != nil || unusable.contains(name) }
}

/// A cookie that an answer sets or clears.
package struct CookieChange: Sendable {
    /// With which requests the browser sends it: RFC 6265bis §4.1.2.7.
    package enum SameSite: String, Sendable {
        case strict = "Strict"
        case lax = "Lax"
        /// With all; browsers accept it with `Secure` only.
        case none = "None"
    }

    package var name: CookieName
    /// `nil` clears it.
    package var value: Secret?
    /// `nil`: it ends with the browser.
    package var lifetime: Duration?
    package var sameSite: SameSite

    package init(_ name: CookieName, _ value: Secret?, lifetime: Duration? = nil, sameSite: SameSite) {
        self.name = name
        self.value = value
        self.lifetime = lifetime
        self.sameSite = sameSite
    }
}

/// What a request says of the page that sent it: a browser writes it, and no page can forge it.
package struct Provenance: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case none
        /// What any page of any site can post without being asked.
        case form
        /// What another origin can send only after a preflight (Fetch §3.2).
        case json
    }

    /// Every `Origin` that came; one, from a browser.
    package var origins: [String] = []
    /// Every `Sec-Fetch-Site` that came; one, from a browser of these years (Fetch Metadata §2.4).
    package var fetchSites: [String] = []
    /// Every value of the header `Signet-CSRF`.
    package var markers: [String] = []
    package var content = Content.none

    package init() {}
}
