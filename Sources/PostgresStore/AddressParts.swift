/// A postgres:// address cut into its parts, so that none of its passwords is shown, also where somebody escaped nothing.
///
/// libpq looks for the user's part first: it ends at an `@` before the first `/`, and whatever is in it, a `?` included, is
/// no query. Where libpq and a person may disagree about what is a password, rather too much is hidden than too little.
package struct AddressParts: Sendable {
    /// `postgres://`, or nothing if it is no such address.
    let scheme: Substring
    /// Everything between scheme and query, as it stands there.
    let hierarchy: Substring
    private(set) var user: Substring?
    private(set) var password: Substring?
    /// Hosts, ports and database.
    let place: Substring
    let parameters: [Substring]

    static let schemes = ["postgres://", "postgresql://"]

    package init(_ address: String) {
        let length = Self.schemes.first(where: address.hasPrefix)?.count ?? 0
        scheme = address.prefix(length)
        let rest = address.dropFirst(length)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let at = rest[..<slash].firstIndex(of: "@")
        let question = rest[(at ?? rest.startIndex)...].firstIndex(of: "?") ?? rest.endIndex
        hierarchy = rest[..<question]
        parameters = rest[question...].dropFirst().split(separator: "&")
        // A password may hold an @ or a / as well.
        guard let end = hierarchy.lastIndex(of: "@") else {
            place = hierarchy
            return
        }
        place = hierarchy[hierarchy.index(after: end)...]
        let name = hierarchy[..<end].prefix { $0 != ":" }
        user = name
        if name.endIndex < end { password = hierarchy[hierarchy.index(after: name.endIndex)..<end] }
    }

    /// Whether hosts and ports can be such; if not, a password may be among them.
    private var isReadable: Bool {
        place.prefix { $0 != "/" }.split(separator: ",").allSatisfy { host in
            let name = host.lastIndex(of: "]").map { host[$0...] } ?? host
            return name.drop { $0 != ":" }.dropFirst().allSatisfy { ("0"..."9").contains($0) }
        }
    }

    private static func isSecret(_ parameter: Substring) -> Bool {
        let name = parameter.prefix { $0 != "=" }.lowercased()
        // A password with a ? in it, cut in two.
        let isTorn = !parameter.contains("=") || (parameter.contains("@") && name != "user")
        return isTorn || name.contains("password") || name == "signet_direct"
    }

    /// Whether the address itself carries a password, or something that may be one.
    package var hasPassword: Bool { password != nil || !isReadable || parameters.contains(where: Self.isSecret) }

    /// The address with `***` in the place of every secret.
    package var shown: String {
        let shown = parameters.map { parameter in
            guard Self.isSecret(parameter) else { return String(parameter) }
            return parameter.contains("=") ? parameter.prefix { $0 != "=" }.lowercased() + "=***" : "***"
        }
        return text(hidden: ":***", parameters: shown)
    }

    /// The address without secrets, and of the parameters only these.
    func shown(parameters names: Set<String>) -> String {
        let shown = parameters.filter { names.contains(String($0.prefix { $0 != "=" })) && !Self.isSecret($0) }
        return text(hidden: "", parameters: shown.map(String.init))
    }

    private func text(hidden: String, parameters: [String]) -> String {
        guard isReadable else { return scheme + "***" }
        let owner = user.map { $0 + (password == nil ? "" : hidden) + "@" } ?? ""
        return scheme + owner + place + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
    }
}
