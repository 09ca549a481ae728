import ArgumentParser
import JOSE
import ServerHTTP

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say why a request was refused, by the trace id of its answer.",
        discussion: """
            Every answer carries its trace id in the header Signet-Trace-Id; error pages and error JSON show it. Secrets \
            are not in the log. The log keeps the latest few megabytes.

            Example:
              signet explain 7f3a9c…
            """
    )

    @Argument(help: "The trace id.") var traceID: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let folder = DataFolder(try store.configuration().settings.dataDirectory)
        try folder.prepare(.refuse)
        let found: RefusalLogEntry?
        do {
            found = try ExplainLog.find(traceID, in: folder.path)
        } catch {
            throw Failure(
                .inputOutput,
                "the log of refusals in \(folder.path) cannot be read: run this as the user that runs signet"
            )
        }
        guard let found else {
            throw Failure(
                .notOnRecord,
                "no refusal with the trace id \(traceID) is in the log of \(folder.path): it was on another server, or "
                    + "too long ago"
            )
        }
        found.show(output: output)
    }
}

extension RefusalLogEntry {
    fileprivate func show(output: OutputOptions, on console: Console = .standard) {
        guard !output.json else {
            return console.say([
                "trace_id": .string(traceID), "time": .string(time.text), "method": .string(method),
                "path": .string(path), "status": .integer(Int64(status)), "error": .string(error),
                "error_description": .string(description), "detail": .string(detail), "client_id": JSON(clientID),
                "address": .string(address),
            ])
        }
        var card = Card()
        card.add("trace", traceID)
        card.add("time", time.text)
        card.add("request", "\(method) \(path) from \(address)")
        card.add("client", clientID)
        card.add("answer", "\(status) \(error)")
        card.add("said", description)
        card.add("because", detail)
        card.show(on: console)
    }
}
