// Room: everything that the program says to the person or script that started it: text, tables, JSON, prompts, and the
// sentence and exit code with which it gives up. The only place that writes to standard output and standard error.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where a command writes.
struct Console: Sendable {
    private let write: @Sendable (String, Stream) -> Void
    /// Whether a person is looking: colours and boxes are for people, plain text is for pipes.
    let isDecorated: Bool

    enum Stream: Int32, Sendable {
        case output = 1
        case errors = 2
    }

    init(isDecorated: Bool, write: @escaping @Sendable (String, Stream) -> Void) {
        self.isDecorated = isDecorated
        self.write = write
    }

    /// The process's own streams.
    static let standard = Console(isDecorated: isatty(1) == 1 && getenv("NO_COLOR") == nil) { text, stream in
        writeFully(Array(text.utf8), to: stream.rawValue)
    }

    /// One line of result.
    func say(_ line: String = "") { write(line + "\n", .output) }

    /// One line for the operator that is no result: notes, warnings, faults.
    func note(_ line: String) { write(line + "\n", .errors) }

    /// Bold where a person looks.
    func strong(_ text: String) -> String { isDecorated ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    /// Pale where a person looks.
    func pale(_ text: String) -> String { isDecorated ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
}

/// Writes all bytes, or gives up quietly: a reader that has gone away is no fault of ours.
func writeFully(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let written = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return }
        rest = rest.dropFirst(written)
    }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    guard let bytes else { return 0 }
    return write(descriptor, bytes, count)
}
