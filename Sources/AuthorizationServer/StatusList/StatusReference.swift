package import JOSE
package import OAuthVocabulary

/// The place of a token in the status lists: the `idx` and, by its number, the list of draft-ietf-oauth-status-list
/// section 6.2.
package struct StatusReference: Codable, Hashable, Sendable {
    /// The number of the list, from 1.
    package var list: Int
    /// The place in it, from 0.
    package var index: Int

    package init(list: Int, index: Int) {
        self.list = list
        self.index = index
    }

    /// The reference in the claims of a token of ours; `nil` if there is none.
    package init?(claims: JSONObject, configuration: ProviderConfiguration) {
        guard let member = claims[Self.claimName]?.objectValue?["status_list"]?.objectValue,
            let index = member["idx"]?.integerValue.flatMap({ Int(exactly: $0) }),
            let uri = member["uri"]?.stringValue,
            let list = StatusListAddress.number(of: uri, configuration: configuration)
        else { return nil }
        self.init(list: list, index: index)
    }

    /// List and place in one number, as the log of endings keeps them.
    package var packed: Int64 { Int64(list) << 32 | Int64(index) }

    package init(packed: Int64) { self.init(list: Int(packed >> 32), index: Int(packed & 0xFFFF_FFFF)) }

    static let claimName = "status"

    /// The value of the claim `status`.
    func claim(_ configuration: ProviderConfiguration) -> JSON {
        let uri = StatusListAddress.uri(of: list, configuration: configuration)
        return .object(["status_list": .object(["idx": .integer(Int64(index)), "uri": .string(uri)])])
    }
}

/// Where status lists are fetched.
enum StatusListAddress {
    static let aggregation = "/status-lists"
    static let prefix = "/status-lists/"

    static func uri(of list: Int, configuration: ProviderConfiguration) -> String {
        configuration.url(prefix + String(list))
    }

    /// The number in an address of ours; `nil` for any other.
    static func number(of uri: String, configuration: ProviderConfiguration) -> Int? {
        let beginning = configuration.url(prefix)
        guard uri.hasPrefix(beginning), let number = Int(uri.dropFirst(beginning.count)) else { return nil }
        return self.uri(of: number, configuration: configuration) == uri ? number : nil
    }
}
