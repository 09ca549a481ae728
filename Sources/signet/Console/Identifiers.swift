/// Identifiers among the arguments of a command.
///
/// Those that are drawn or computed are base64url (RFC 4648 §5) and may begin with a hyphen, as one `kid` in 64 does. A parser
/// takes that for options, and with an `h` in it for a wish for help: nothing would be done, and the command would succeed.
enum Identifiers {
    /// The length of the shortest, which is a client's.
    private static let shortest = 16
    /// The options whose value is an identifier.
    private static let takers: Set = [
        "--jti", "--family", "--session", "--client", "--user", "--id", "--kid", "--credential-id",
    ]

    /// The arguments with such identifiers joined to their option, or else at the end behind a `--`, after which nothing is an
    /// option.
    static func apart(_ arguments: [String]) -> [String] {
        guard !arguments.contains("--") else { return arguments }
        var (others, identifiers): ([String], [String]) = ([], [])
        for argument in arguments {
            if !isIdentifier(argument) {
                others.append(argument)
            } else if let option = others.last, takers.contains(option) {
                others[others.count - 1] = "\(option)=\(argument)"
            } else {
                identifiers.append(argument)
            }
        }
        return identifiers.isEmpty ? others : others + ["--"] + identifiers
    }

    /// The names of options are in small letters, which sixteen drawn characters are once in a million.
    private static func isIdentifier(_ argument: String) -> Bool {
        argument.utf8.count >= shortest && argument.hasPrefix("-") && argument.utf8.allSatisfy(isBase64URL)
            && argument.contains { $0.isUppercase || $0.isNumber || $0 == "_" }
    }

    private static func isBase64URL(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
