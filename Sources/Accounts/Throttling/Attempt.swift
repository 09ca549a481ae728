package import OAuthVocabulary
package import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension RecordKind {
    /// Counters of failed attempts.
    package static let throttle = RecordKind("throttle")
}

/// One try at proving something from one address, as the throttle counts it: by account and address together, by
/// address, and by account.
///
/// Accounts that do not exist are counted like those that do.
package struct Attempt: Hashable, Sendable {
    enum Scope: String, Hashable, Sendable {
        case login
        case clientAuthentication = "client"
        case userCode = "user-code"
    }

    let scope: Scope
    /// Of the account and the address, or of the person who tries.
    let pair: RecordKey?
    let address: RecordKey
    let account: RecordKey?
    /// All of them.
    let lookups: [Lookup]

    /// A person signing in.
    ///
    /// Usernames that name the same person count as one.
    package static func login(username: String, address: String) -> Attempt {
        Attempt(.login, account: Username.folded(username), address: address)
    }

    /// A client authenticating.
    ///
    /// Without an identifier only the address is counted.
    package static func clientAuthentication(clientID: String?, address: String) -> Attempt {
        Attempt(.clientAuthentication, account: clientID, address: address)
    }

    /// A signed-in person entering the code that a device shows (RFC 8628 §5.1).
    ///
    /// What is guessed at is any code there is, so that what counts is who guesses: the person wherever they are, and the
    /// address whoever it is.
    package static func userCode(person: Subject, address: String) -> Attempt {
        Attempt(.userCode, person: person.value, address: address)
    }

    private init(_ scope: Scope, person: String, address: String) {
        self.scope = scope
        pair = Self.key(scope, "person", [Array(person.utf8)])
        self.address = Self.key(scope, "address", [NetworkAddress.prefix(of: address)])
        account = nil
        lookups = Self.lookups(self.address, pair, account)
    }

    private init(_ scope: Scope, account: String?, address: String) {
        self.scope = scope
        let network = NetworkAddress.prefix(of: address)
        pair = account.map { Self.key(scope, "pair", [Array($0.utf8), network]) }
        self.address = Self.key(scope, "address", [network])
        self.account = account.map { Self.key(scope, "account", [Array($0.utf8)]) }
        lookups = Self.lookups(self.address, pair, self.account)
    }

    private static func lookups(_ keys: RecordKey?...) -> [Lookup] { keys.compactMap { $0.map(Lookup.key) } }

    /// Each part is hashed on its own first, so that no two lists of parts run together to the same bytes.
    private static func key(_ scope: Scope, _ name: String, _ parts: [[UInt8]]) -> RecordKey {
        let digests = parts.flatMap { IdentifierHash.sha256(of: $0).bytes }
        return RecordKey(kind: .throttle, identifier: .sha256(of: Array("\(scope.rawValue) \(name) ".utf8) + digests))
    }
}

/// What of an address names its owner: all of an IPv4 address, the first 64 bits of an IPv6 address, since whoever has
/// one of those has all of its network.
///
/// An IPv4 address written in IPv6 is the IPv4 address.
enum NetworkAddress {
    static func prefix(of text: String) -> [UInt8] { parsed(text) ?? Array(text.utf8) }

    /// The same of what is an address; `nil` for any other text.
    static func parsed(_ text: String) -> [UInt8]? {
        let bare = text.prefix { $0 != "%" }.drop { $0 == "[" }.prefix { $0 != "]" }
        if let four = parse(String(bare), AF_INET, length: 4) { return four }
        guard let six = parse(String(bare), AF_INET6, length: 16) else { return nil }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        return six.starts(with: mapped) ? Array(six.suffix(4)) : Array(six.prefix(8))
    }

    private static func parse(_ text: String, _ family: Int32, length: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: length)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
