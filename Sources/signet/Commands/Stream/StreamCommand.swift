// `signet stream`: streams of security events to receivers, by the Shared Signals Framework 1.0: fetched (RFC 8936) or
// pushed (RFC 8935). Owns what it prints; the record is AuthorizationServer's.

import ArgumentParser
import AuthorizationServer
import JOSE
import OAuthVocabulary

struct StreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream",
        abstract: "Tell others of ended sessions and changed credentials, by security events (SSF, CAEP).",
        subcommands: [
            StreamCreate.self, StreamList.self, StreamShow.self, StreamTest.self, StreamDelete.self,
        ]
    )
}

struct StreamCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Begin a stream of events to a registered API.",
        discussion: """
            The receiver authenticates with the credentials of the API. It fetches its events, or they are pushed to it; \
            what it has not taken waits for seven days.

            Examples:
              signet stream create --api https://orders.example --poll
              signet stream create --api https://orders.example --push https://orders.example/events --push-token-file token
              signet stream create --api https://orders.example --poll --event session-revoked
            """
    )

    /// The events by their last word; the whole URI is understood too.
    enum Event: String, ExpressibleByArgument, CaseIterable, Sendable {
        case sessionRevoked = "session-revoked"
        case credentialChange = "credential-change"

        var uri: String {
            switch self {
            case .sessionRevoked: SecurityEventType.sessionRevoked
            case .credentialChange: SecurityEventType.credentialChange
            }
        }

        init?(argument: String) {
            guard let event = Self.allCases.first(where: { $0.rawValue == argument || $0.uri == argument }) else {
                return nil
            }
            self = event
        }
    }

    @Option(
        help: ArgumentHelp("The API that receives, by its audience.", valueName: "audience"),
        transform: Words.resource
    )
    var api: ResourceIndicator
    @Flag(help: "The receiver fetches its events (RFC 8936).") var poll = false
    @Option(help: ArgumentHelp("Events are pushed to this address (RFC 8935).", valueName: "url")) var push: String?
    @Option(
        name: .customLong("push-token-file"),
        help: ArgumentHelp("A file with the bearer token that a push carries.", valueName: "file")
    )
    var pushTokenFile: String?
    @Option(
        name: .customLong("event"),
        help: ArgumentHelp("Only this event: session-revoked or credential-change. Repeat for several.")
    )
    var events: [Event] = []
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard poll != (push != nil) else { throw ValidationError("name one of --poll and --push") }
        guard push != nil || pushTokenFile == nil else { throw ValidationError("--push-token-file belongs to --push") }
    }

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let stream = try await bench.securityEvents.streams.create(
            for: api,
            delivery: try delivery(),
            events: events.isEmpty ? SecurityEventType.all : events.map(\.uri),
            now: bench.now
        )
        let shown = ShownStream(stream, issuer: bench.provider.issuer)
        await bench.close()
        shown.show(output: output)
    }

    private func delivery() throws -> EventStreams.Delivery {
        guard let push else { return .poll }
        guard let pushTokenFile else { return .push(url: push, authorization: nil) }
        let text = try TextFile.read(pushTokenFile, what: "the push token")
        let token = text.prefix { !$0.isNewline }
        return .push(url: push, authorization: Secret("Bearer \(token)"))
    }
}

struct StreamList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the streams.",
        discussion: "Example:\n  signet stream list --json"
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let streams = try await bench.securityEvents.streams.list(now: bench.now).sorted {
            ($0.audience.value, $0.createdAt) < ($1.audience.value, $1.createdAt)
        }
        let issuer = bench.provider.issuer
        await bench.close()
        let console = Console.standard
        guard !output.json else {
            return console.say(.array(streams.map { .object(ShownStream($0, issuer: issuer).json) }))
        }
        var table = Table("STREAM", "API", "DELIVERY", "DELIVERED", "STATE")
        for stream in streams {
            let shown = ShownStream(stream, issuer: issuer)
            table.rows.append([
                stream.id, stream.audience.value, shown.method, "\(stream.health.delivered)", shown.state,
            ])
        }
        table.show(on: console)
    }
}

struct StreamShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a stream: where its events go, how many wait, and what went wrong.",
        discussion: "Example:\n  signet stream show 4s7Q…"
    )

    @Argument(help: "The stream's identifier.") var id: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let found = try await bench.securityEvents.streams.find(id, now: bench.now)
        await bench.close()
        guard let found else { throw RegistrationError.unknown("there is no stream \(id)") }
        ShownStream(found.stream, issuer: bench.provider.issuer, summary: found).show(output: output)
    }
}

struct StreamTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a verification event, to see whether the receiver takes it.",
        discussion: """
            The event is queued; a running server pushes it at once, or hands it to the receiver's next poll. What became of \
            it, show says.

            Example:
              signet stream test 4s7Q…
            """
    )

    @Argument(help: "The stream's identifier.") var id: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        do {
            try await bench.securityEvents.verify(id)
        } catch let error as OAuthError {
            throw Failure(.unavailable, "stream \(id): \(error.description)")
        }
        await bench.close()
        output.confirm("a verification event is on its way to \(id)", ["stream_id": .string(id)])
    }
}

struct StreamDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "End a stream; what waits in it is dropped.",
        discussion: "Example:\n  signet stream delete 4s7Q…"
    )

    @Argument(help: "The stream's identifier.") var id: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        try await bench.securityEvents.streams.delete(id, now: bench.now)
        await bench.close()
        output.confirm("stream \(id) is deleted", ["stream_id": .string(id)])
    }
}
