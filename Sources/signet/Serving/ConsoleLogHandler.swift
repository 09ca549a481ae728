import AuthorizationServer
import Instants
import Logging

/// Writes log lines to standard error: `time level message key=value …`, one line an event whatever is in it.
struct ConsoleLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let console: Console
    private let time: any TimeSource

    init(logLevel: Logger.Level, console: Console, time: any TimeSource) {
        self.logLevel = logLevel
        self.console = console
        self.time = time
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata.merging(metadataProvider?.get() ?? [:]) { _, new in new }
        all.merge(event.metadata ?? [:]) { _, new in new }
        if let error = event.error { all["error"] = "\(error)" }
        console.note(
            Self.line(time: time.moment().wall, level: event.level, message: "\(event.message)", metadata: all)
        )
    }

    static func line(time: Instant, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted("\($0.value)"))" }
        return ([time.text, level.rawValue, plain(message)] + pairs).joined(separator: " ")
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D }
        guard !isPlain else { return text }
        return "\"" + plain(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
    }

    /// A line break that a request brought along must not forge a line of the log, nor a control character a colour.
    private static func plain(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            let isLineBreak = [0x85, 0x2028, 0x2029].contains(scalar.value)
            guard scalar.properties.generalCategory == .control || isLineBreak else { return String(scalar) }
            return scalar == "\n" ? "\\n" : "\\u{\(String(scalar.value, radix: 16))}"
        }.joined()
    }
}
