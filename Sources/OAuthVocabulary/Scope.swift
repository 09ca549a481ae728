// Scopes, RFC 6749 §3.3.

/// One `scope-token`.
package struct Scope: WireIdentifier {
    package let value: String

    /// `nil` unless every character is one that RFC 6749 §3.3 allows: %x21 / %x23-5B / %x5D-7E.
    package init?(_ text: String) {
        guard Self.accepts(text), !text.utf8.contains(UInt8(ascii: "\"")), !text.utf8.contains(UInt8(ascii: "\\"))
        else {
            return nil
        }
        value = text
    }

    private init(known: String) { value = known }

    /// OpenID Connect Core §3.1.2.1, §5.4 and §11.
    package static let openID = Scope(known: "openid")
    package static let profile = Scope(known: "profile")
    package static let email = Scope(known: "email")
    package static let address = Scope(known: "address")
    package static let phone = Scope(known: "phone")
    package static let offlineAccess = Scope(known: "offline_access")
    /// The scopes that belong to the issuer itself and not to an API.
    package static let ofOpenIDConnect = [openID, profile, email, address, phone, offlineAccess]
}

/// A set of scopes that keeps the order in which they were asked for.
package struct ScopeSet: Hashable, Sendable, Sequence, Codable, CustomStringConvertible, ExpressibleByArrayLiteral {
    /// The most scopes that one request may name.
    package static let maximumCount = 64

    package private(set) var scopes: [Scope]

    package init(_ scopes: some Sequence<Scope> = []) {
        self.scopes = []
        for scope in scopes where !self.scopes.contains(scope) { self.scopes.append(scope) }
    }

    package init(arrayLiteral elements: Scope...) { self.init(elements) }

    /// Makes the set from the `scope` parameter: scope-tokens delimited by single spaces.
    ///
    /// `nil` if any of it is not.
    package init?(parameter text: String) {
        guard !text.isEmpty else {
            self.init()
            return
        }
        guard text.utf8.contains(UInt8(ascii: " ")) else {
            guard let scope = Scope(text) else { return nil }
            self.init([scope])
            return
        }
        let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        let scopes = parts.compactMap { Scope(String(Substring($0))) }
        guard scopes.count == parts.count, parts.count <= Self.maximumCount else { return nil }
        self.init(scopes)
    }

    package var isEmpty: Bool { scopes.isEmpty }
    package func contains(_ scope: Scope) -> Bool { scopes.contains(scope) }
    package func isSubset(of other: ScopeSet) -> Bool { scopes.allSatisfy(other.contains) }
    package func filter(_ isIncluded: (Scope) -> Bool) -> ScopeSet { ScopeSet(scopes.filter(isIncluded)) }
    package func makeIterator() -> IndexingIterator<[Scope]> { scopes.makeIterator() }
    /// Space-delimited, as the `scope` parameter and claim have it.
    package var description: String { scopes.map(\.value).joined(separator: " ") }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let set = ScopeSet(parameter: text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a scope parameter")
            )
        }
        self = set
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
