import OAuthVocabulary

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How secrets come in: by standard input or a prompt without echo, never as an argument that `ps` would show.
enum SecretInput {
    /// The longest line read, in bytes.
    static let longestLine = 4096

    /// The first line of standard input, without its line end.
    static func firstLine(of what: String) throws(Failure) -> Secret {
        guard let line = readLine(strippingNewline: true), !line.isEmpty else {
            throw Failure(.usage, "standard input is empty: the \(what) is read from its first line")
        }
        guard line.utf8.count <= longestLine else {
            throw Failure(.usage, "the \(what) on standard input is longer than \(longestLine) bytes")
        }
        return Secret(line)
    }

    static var isInteractive: Bool { isatty(0) == 1 && isatty(2) == 1 }

    /// Asks twice, without echo.
    static func prompt(for what: String, on console: Console) throws(Failure) -> Secret {
        let first = try ask("\(what): ", console)
        let second = try ask("\(what) again: ", console)
        guard first == second else { throw Failure(.usage, "the two entries differ: please try again") }
        return first
    }

    private static func ask(_ question: String, _ console: Console) throws(Failure) -> Secret {
        writeFully(Array(question.utf8), to: 2)
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else {
            throw Failure(.usage, "the terminal cannot be asked for a secret: give it on standard input instead")
        }
        let before = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(0, TCSAFLUSH, &settings)
        defer {
            var restored = before
            tcsetattr(0, TCSAFLUSH, &restored)
            console.note("")
        }
        guard let line = readLine(strippingNewline: true), !line.isEmpty else {
            throw Failure(.usage, "nothing was entered")
        }
        return Secret(line)
    }
}
