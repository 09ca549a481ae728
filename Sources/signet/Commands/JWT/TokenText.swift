import ArgumentParser
import JOSE

/// The token that a command works on.
struct TokenArgument: ParsableArguments {
    @Argument(
        help: "The token; - or nothing reads it from standard input, which other users of the machine cannot see."
    )
    var token: String?

    /// The token without the white space around it.
    func text() throws(Failure) -> String {
        let given: String
        if let token, token != "-" {
            given = token
        } else {
            given = try StandardInput.text(of: "token", limit: TokenLimits.default.maximumBytes + 1024)
        }
        let text = String(given.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        guard !text.isEmpty else { throw Failure(.usage, "there is no token: give it as an argument or pipe it in") }
        return text
    }
}

/// What is piped in.
enum StandardInput {
    /// All of it, as text.
    static func text(of what: String, limit: Int) throws(Failure) -> String {
        let bytes: [UInt8]
        do {
            bytes = try Files.readAll(descriptor: 0, limit: limit)
        } catch {
            throw Failure(.noInput, "the \(what) on standard input cannot be read (\(error))")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.data, "the \(what) on standard input is not UTF-8 text")
        }
        return text
    }
}
