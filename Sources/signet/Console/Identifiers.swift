/// Identifiers among the arguments of a command.
///
/// Those that are drawn or computed are base64url (RFC 4648 §5) and may begin with a hyphen, as one `kid` in 64 does. A parser
/// takes that for options, and with an `h` in it for a wish for help: nothing would be done, and the command would succeed.
enum Identifiers {
    /// The length of the shortest, which is a client's.
    private static let shortest = 16
    /// The options that take whatever comes after them.
    private static let takers: Set = ["--jti", "--family", "--session", "--client"]

    /// The arguments with such identifiers at their end, behind a `--`, after which nothing is an option.
    static func apart(_ arguments: [String]) -> [String] {
        guard !arguments.contains("--") else { return arguments }
        var (others, identifiers): ([String], [String]) = ([], [])
        for argument in arguments {
            let isValue = others.last.map(takers.contains) ?? false
            if isIdentifier(argument), !isValue { identifiers.append(argument) } else { others.append(argument) }
        }
        return identifiers.isEmpty ? arguments : others + ["--"] + identifiers
    }

    private static func isIdentifier(_ argument: String) -> Bool {
        guard argument.utf8.count >= shortest, argument.hasPrefix("-"), argument.utf8.allSatisfy(isBase64URL) else {
            return false
        }
        // The name of an option is in small letters.
        return !argument.hasPrefix("--") || argument.contains { $0.isUppercase || $0.isNumber || $0 == "_" }
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
