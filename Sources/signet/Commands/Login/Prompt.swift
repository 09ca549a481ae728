import Instants
import OAuthClient
import QRCode

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a person sees while a login waits for them: where to go, what to enter, and the same for a camera.
struct Prompt {
    let lines: [String]

    init(_ started: DeviceAuthorization, showsQRCode: Bool, terminal: Terminal = .errors) {
        var lines = [
            "", "Open this page on your phone or computer, and enter the code there:", "",
            "    " + Printable.text(started.verificationURI, limit: 300), "    " + Printable.text(started.userCode), "",
        ]
        if showsQRCode, let complete = started.verificationURIComplete,
            let drawn = Self.drawn(complete, on: terminal)
        {
            lines += ["Or scan this, and compare the code:", ""] + drawn + [""]
        }
        self.lines = lines + ["Waiting for you there. Ctrl-C gives up."]
    }

    /// The QR code, where there is a terminal that is wide enough for one.
    private static func drawn(_ address: String, on terminal: Terminal) -> [String]? {
        guard let width = terminal.width, let code = QRCode(address), code.terminalWidth <= width else { return nil }
        return code.terminalLines(colors: terminal.hasColors ? .ansi : .lightOnDark)
    }

    /// On standard error: standard output is for results.
    func show(on console: Console) {
        for line in lines { console.note(line) }
    }
}

/// What is known of the terminal behind a stream.
struct Terminal {
    /// In columns; `nil` where nobody looks.
    var width: Int?
    var hasColors: Bool

    static let errors = Terminal(of: 2)

    init(width: Int?, hasColors: Bool) {
        self.width = width
        self.hasColors = hasColors
    }

    private init(of descriptor: Int32) {
        var size = winsize()
        let isTerminal = isatty(descriptor) == 1
        let isKnown = isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        width = isTerminal ? (isKnown ? Int(size.ws_col) : 80) : nil
        hasColors = isTerminal && getenv("NO_COLOR") == nil
    }
}

/// Text from a server, made fit for a terminal: nothing in it steers one.
enum Printable {
    static func text(_ text: String, limit: Int = 100) -> String {
        let shown = text.unicodeScalars.prefix(limit).map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                "\u{FFFD}"
            default: scalar
            }
        }
        return String(String.UnicodeScalarView(shown))
    }
}
