/// A stored password: an argon2id hash with its parameters and salt as a PHC string.
///
/// It cannot be printed by accident; `phc` is what is stored.
struct PasswordHash: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let phc: String

    var description: String { "<password hash>" }
    var debugDescription: String { "<password hash>" }
    var customMirror: Mirror { Mirror(self, children: []) }

    /// What this hash was made with; `nil` if it is no argon2id hash of version 19 (RFC 9106 §3.1), or one that
    /// demands more than this server is ready to spend.
    var parameters: PasswordHasher.Parameters? {
        let parts = phc.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19" else { return nil }
        let costs = parts[3].split(separator: ",", omittingEmptySubsequences: false)
        guard costs.count == 3 else { return nil }
        let numbers = zip(costs, ["m=", "t=", "p="]).compactMap { cost, name in
            cost.hasPrefix(name) ? UInt32(cost.dropFirst(name.count)) : nil
        }
        guard numbers.count == 3 else { return nil }
        let parameters = PasswordHasher.Parameters(memoryKiB: numbers[0], iterations: numbers[1], lanes: numbers[2])
        return parameters.isAffordable ? parameters : nil
    }

    /// A hash that no password has: verifying against it costs what a real one costs, and fails.
    static func matchingNothing(_ parameters: PasswordHasher.Parameters) -> PasswordHash {
        let salt = String(repeating: "A", count: 22)
        let digest = String(repeating: "A", count: 43)
        return PasswordHash(phc: "\(parameters.prefix)\(salt)$\(digest)")
    }
}
