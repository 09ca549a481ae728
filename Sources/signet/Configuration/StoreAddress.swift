/// Where a server keeps its records, as an operator writes it.
enum StoreAddress: Hashable, Sendable {
    /// In a file of the data folder.
    case sqlite
    /// In PostgreSQL: a connection URI as libpq reads it, with whatever libpq takes in its query.
    case postgres(String)

    init?(_ text: String) {
        if text == "sqlite" {
            self = .sqlite
        } else if Self.schemes.contains(where: { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }) {
            self = .postgres(text)
        } else {
            return nil
        }
    }

    private static let schemes = ["postgres://", "postgresql://"]

    /// Whether the address itself carries a password.
    var hasPassword: Bool {
        guard case .postgres(let address) = self else { return false }
        return Self.masked(address) != address
    }

    /// The address without its password, for people and logs.
    var shown: String {
        switch self {
        case .sqlite: "sqlite"
        case .postgres(let address): Self.masked(address)
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
