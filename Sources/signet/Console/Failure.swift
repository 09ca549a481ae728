/// An exit code, by the conventions of `sysexits.h`.
///
/// `Docs/exit-codes.md` shows the same table.
struct ExitStatus: Hashable, Sendable {
    let code: Int32
    let meaning: String

    static let success = ExitStatus(code: 0, meaning: "done")
    static let usage = ExitStatus(code: 64, meaning: "the command line was not understood")
    static let data = ExitStatus(
        code: 65,
        meaning: "what was given or stored is unusable: a refused token, an unsound record, a corrupt or newer database"
    )
    static let noInput = ExitStatus(code: 66, meaning: "a file that was named cannot be read")
    static let notOnRecord = ExitStatus(
        code: 67,
        meaning: "the client, person, API, key, stream or trace that was named is unknown"
    )
    static let unavailable = ExitStatus(
        code: 69,
        meaning: "something is in use or not reachable: a taken port, a busy database"
    )
    static let internalFault = ExitStatus(code: 70, meaning: "a fault of the program itself")
    static let cannotCreate = ExitStatus(code: 73, meaning: "the data folder or a file in it cannot be made")
    static let inputOutput = ExitStatus(code: 74, meaning: "reading or writing failed")
    static let permission = ExitStatus(
        code: 77,
        meaning: "refused: a key or login that others can read, the key of another store, a person who said no"
    )
    static let configuration = ExitStatus(
        code: 78,
        meaning: "the configuration has faults, or asks for what only serve --dev may do"
    )

    static let interrupted = ExitStatus(code: 130, meaning: "Ctrl-C, before it was done")

    static let all = [
        success, usage, data, noInput, notOnRecord, unavailable, internalFault, cannotCreate, inputOutput, permission,
        configuration, interrupted,
    ]

    /// The table as `signet --help` prints it.
    static var table: String { all.map { "  \($0.code)\t\($0.meaning)" }.joined(separator: "\n") }
}

/// Why a command gave up: one sentence that says what was expected and what to do, and the exit code.
struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
    var status: ExitStatus
    /// Several only where several faults were found at once.
    var sentences: [String]

    init(_ status: ExitStatus, _ sentence: String) {
        self.status = status
        sentences = [sentence]
    }

    init(_ status: ExitStatus, _ sentences: [String]) {
        self.status = status
        self.sentences = sentences
    }

    /// Indented sentences are details of the one before: commands to copy, faults of a list.
    func show(on console: Console) {
        for sentence in sentences { console.note(sentence.hasPrefix("  ") ? sentence : "signet: " + sentence) }
    }

    var description: String { sentences.joined(separator: "\n") }
}
