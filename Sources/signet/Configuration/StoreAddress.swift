import RedisClient

/// Where a server keeps its records, as an operator writes it.
enum StoreAddress: Hashable, Sendable {
    /// In a file of the data folder.
    case sqlite
    /// In PostgreSQL: a connection URI as libpq reads it, with whatever libpq takes in its query.
    case postgres(String)
    /// In a Redis, which may lose them: only where the operator says so (`store.risk`).
    case redis(RedisAddress)

    init?(_ text: String) {
        if text == "sqlite" {
            self = .sqlite
        } else if Self.schemes.contains(where: { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }) {
            self = .postgres(text)
        } else if text.hasPrefix("redis"), let address = try? RedisAddress(text) {
            self = .redis(address)
        } else {
            return nil
        }
    }

    private static let schemes = ["postgres://", "postgresql://"]

    var isPostgres: Bool {
        guard case .postgres = self else { return false }
        return true
    }

    var isRedis: Bool {
        guard case .redis = self else { return false }
        return true
    }

    /// Whether the address itself carries a password.
    var hasPassword: Bool {
        switch self {
        case .sqlite: false
        case .postgres(let address): Self.masked(address) != address
        case .redis(let address): address.password != nil
        }
    }

    /// The address without its password, for people and logs.
    var shown: String {
        switch self {
        case .sqlite: "sqlite"
        case .postgres(let address): Self.masked(address)
        case .redis(let address): address.description
        }
    }

    /// Takes out what stands between the user's colon and the host, and every query parameter that names a secret.
    private static func masked(_ address: String) -> String {
        guard let start = address.range(of: "://")?.upperBound else { return address }
        let parts = address[start...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var authority = String(parts[0])
        // A password may hold an @ or a / that nobody escaped: rather too much is taken out than too little.
        if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
            authority.replaceSubrange(colon..<at, with: ":***")
        }
        guard parts.count == 2 else { return address[..<start] + authority }
        let query = parts[1].split(separator: "&", omittingEmptySubsequences: false).map { parameter in
            let name = parameter.prefix { $0 != "=" }.lowercased()
            let isSecret = name.contains("password") || name == "signet_direct"
            return isSecret ? "\(name)=***" : String(parameter)
        }
        return address[..<start] + authority + "?" + query.joined(separator: "&")
    }
}

extension String {
    /// The first place of a text in this one.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
