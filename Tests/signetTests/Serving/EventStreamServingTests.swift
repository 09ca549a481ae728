import AsyncHTTPClient
import AuthorizationServer
import HTTPTypes
import Hummingbird
import JOSE
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import signet

@Suite("Executable: receivers of security events", .timeLimit(.minutes(5)))
struct EventStreamServingTests {
    static let audience = "https://orders.example"
    static let sessionRevoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
    static let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification"

    let temporary: TemporaryFolder
    var data: String { temporary.path + "/data" }

    init() throws { temporary = try TemporaryFolder() }

    func signet(_ arguments: String...) async throws -> Executable.Outcome {
        await (try Child(arguments + ["--data-dir", data])).outcome()
    }

    func json(_ arguments: String..., input: String = "") async throws -> JSON {
        let outcome = await (try Child(arguments + ["--data-dir", data, "--json"], input: input)).outcome()
        try #require(outcome.status == 0 && !outcome.output.isEmpty, "\(arguments): \(outcome)")
        return try outcome.json
    }

    /// Registers the API; its credentials.
    func api() async throws -> String {
        let api = try await json("api", "create", "--audience", Self.audience, "--name", "Orders")
        return RunningServer.basic(
            try #require(api["credential_id"].stringValue),
            try #require(api["credential_secret"].stringValue)
        )
    }

    /// The events of a SET that this server signed for this API.
    func events(_ set: String, _ server: RunningServer) async throws -> JSONObject {
        let keys = try KeySet(parsing: try await FeedReading.get(server.issuer + "/jwks.json", authorization: nil).body)
        let token = try UnverifiedToken(set).verified(
            by: keys,
            expecting: Expectations(
                issuer: .exactly(server.issuer),
                audience: .exactly(Self.audience),
                type: .exactly("secevent+jwt"),
                algorithms: [.rs256],
                now: SystemTimeSource().moment().wall,
                expiry: .unchecked
            )
        )
        return try #require(token.claims["events"]?.objectValue)
    }

    func poll(_ url: String, _ body: JSONObject, authorization: String) async throws -> JSON {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "Authorization", value: authorization)
        request.body = .bytes(body.serialized())
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        return try JSON(parsing: Array(try await response.body.collect(upTo: 1 << 20).readableBytesView))
    }

    @Test("A receiver that polls gets what is revoked, again until it acknowledges, over a restart of the server")
    func polling() async throws {
        let port = Executable.freePort()
        let issuer = "http://localhost:\(port)"
        let arguments = ["--listen", "127.0.0.1:\(port)", "--issuer", issuer]
        let (url, id, authorization, first) = try await RunningServer.with(arguments, folder: data) {
            server -> (String, String, String, JSON) in
            let server = server.named(issuer)
            let authorization = try await api()
            let stream = try await json(
                "stream",
                "create",
                "--api",
                Self.audience,
                "--poll",
                "--event",
                "session-revoked"
            )
            #expect(stream["events"] == [.string(Self.sessionRevoked)])
            let url = try #require(stream["endpoint_url"].stringValue)
            let id = try #require(stream["stream_id"].stringValue)
            _ = try await json("user", "create", "--username", "ada", "--no-password")
            async let waiting = poll(url, [:], authorization: authorization)
            _ = try await json("revoke", "--user", "ada")
            let answer = try await waiting
            let sets = try #require(answer["sets"].objectValue)
            let (_, set) = try #require(sets.first { _ in true })
            #expect(try await events(try #require(set.stringValue), server)[Self.sessionRevoked] != nil)
            #expect(try await json("stream", "show", id)["waiting"].integerValue == Int64(sets.count))
            return (url, id, authorization, answer)
        }
        try await RunningServer.with(arguments, folder: data) { _ in
            let names = first["sets"].objectValue?.map(\.name) ?? []
            let again = try await poll(url, ["returnImmediately": true], authorization: authorization)
            #expect(Set(again["sets"].objectValue?.map(\.name) ?? []).isSuperset(of: names) && !names.isEmpty)
            let all = again["sets"].objectValue?.map(\.name) ?? []
            let settled = try await poll(
                url,
                ["returnImmediately": true, "ack": .array(all.map { .string($0) })],
                authorization: authorization
            )
            #expect(settled["sets"] == [:])
            let shown = try await json("stream", "show", id)
            #expect(shown["waiting"] == 0 && shown["delivered"].integerValue == Int64(all.count))
            let listed = try await json("stream", "list")
            #expect(listed.arrayValue?.count == 1 && listed[0]["stream_id"] == .string(id))
            #expect(try await signet("stream", "list").output.contains(id))
            // Within a minute a second one would be a flood.
            _ = try await json("stream", "test", id)
            #expect(try await signet("stream", "test", id).status == Status.unavailable.code)
            _ = try await json("stream", "delete", id)
            #expect(try await signet("stream", "show", id).status == Status.notOnRecord.code)
            let gone = try await poll(url, ["returnImmediately": true], authorization: authorization)
            #expect(gone["error"] == "invalid_request")
        }
    }

    @Test(
        "A receiver to which events are pushed gets a test event with its token; a failure can be seen, and is tried again"
    )
    func pushing() async throws {
        try await PushReceiver.with { receiver in try await push(to: receiver) }
    }

    private func push(to receiver: PushReceiver) async throws {
        try await RunningServer.with([], folder: data) { server in
            _ = try await api()
            try temporary.write(Array("push-token-1\n".utf8), to: "token")
            let stream = try await json(
                "stream",
                "create",
                "--api",
                Self.audience,
                "--push",
                "http://127.0.0.1:\(receiver.port)/events",
                "--push-token-file",
                temporary.path + "/token"
            )
            let id = try #require(stream["stream_id"].stringValue)
            #expect(!"\(stream)".contains("push-token-1"))
            receiver.answer(503)
            _ = try await json("stream", "test", id)
            #expect(try await receiver.wait { !$0.isEmpty })
            var shown = try await json("stream", "show", id)
            while shown["failures"] == 0 { shown = try await json("stream", "show", id) }
            receiver.answer(202)
            #expect(shown["waiting"] == 1 && shown["last_error"].stringValue?.contains("503") == true)
            let failed = receiver.received.count
            #expect(try await receiver.wait { $0.count > failed })
            let push = try #require(receiver.received.last)
            #expect(push.authorization == "Bearer push-token-1")
            #expect(push.contentType == "application/secevent+jwt")
            #expect(try await events(push.body, server)[Self.verification] != nil)
            while shown["delivered"] == 0 { shown = try await json("stream", "show", id) }
            #expect(shown["delivered"] == 1 && shown["waiting"] == 0 && shown["failures"] == 0)
            #expect(try await signet("stream", "show", id).output.contains("1, last at "))
            #expect(!server.child.text(of: "errors").contains("push-token-1"))
        }
    }

    static let attempts: [([String], Int32)] = [
        (["--api", audience], 64),
        (["--api", audience, "--poll", "--push", "https://r.example/e"], 64),
        (["--api", audience, "--poll", "--push-token-file", "x"], 64),
        (["--api", audience, "--poll", "--event", "made-up"], 64),
        (["--api", audience, "--push", "http://r.example/e"], 65),
        (["--api", "https://other.example", "--poll"], 67),
        (["--api", audience, "--poll"], 0),
        (["--api", audience, "--push", "https://r.example/e"], 0),
    ]

    @Test("A stream that cannot be is refused; one that can be is not")
    func refusals() async throws {
        try await RunningServer.with([], folder: data) { _ in _ = try await api() }
        for (arguments, code) in Self.attempts {
            let outcome = await (try Child(["stream", "create"] + arguments + ["--data-dir", data])).outcome()
            #expect(outcome.status == code, "\(arguments): \(outcome)")
        }
    }
}

/// A receiver of RFC 8935, which answers as the test says.
final class PushReceiver: Sendable {
    struct Push: Sendable {
        var authorization: String?
        var contentType: String?
        var body: String
    }

    private let state = Mutex((status: 202, received: [Push]()))
    private let bound = Mutex(0)

    var port: Int { bound.withLock { $0 } }
    var received: [Push] { state.withLock(\.received) }
    func answer(_ status: Int) { state.withLock { $0.status = status } }

    /// Listens while the body runs.
    static func with(_ body: (PushReceiver) async throws -> Void) async throws {
        let receiver = PushReceiver()
        let router = Router()
        router.post("/events") { request, _ -> Response in
            let body = try await request.body.collect(upTo: 1 << 16)
            let push = Push(
                authorization: request.headers[.authorization],
                contentType: request.headers[.contentType],
                body: String(decoding: body.readableBytesView, as: UTF8.self)
            )
            let status = receiver.state.withLock { state in
                state.received.append(push)
                return state.status
            }
            return Response(status: .init(code: status))
        }
        // Its head comes at once, and then a byte a while for as long as somebody listens.
        router.post("/endless") { _, _ -> Response in
            Response(
                status: .accepted,
                body: ResponseBody { writer in
                    while !Task.isCancelled {
                        try await writer.write(ByteBuffer(string: " "))
                        try await Task.sleep(for: .milliseconds(100))
                    }
                }
            )
        }
        router.post("/elsewhere") { _, _ in
            Response(status: .temporaryRedirect, headers: [.location: "/events"])
        }
        router.post("/huge") { _, _ in
            Response(status: .accepted, body: ResponseBody(byteBuffer: ByteBuffer(repeating: 0x20, count: 2000)))
        }
        let (ports, bound) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { bound.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "receiver") { _ in SwiftLogNoOpLogHandler() }
        )
        let running = Task { try await application.run() }
        for await port in ports {
            receiver.bound.withLock { $0 = port }
            break
        }
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(receiver))
        } catch {
            outcome = .failure(error)
        }
        running.cancel()
        _ = await running.result
        try outcome.get()
    }

    func wait(until condition: ([Push]) -> Bool) async throws -> Bool {
        for _ in 0..<3000 {
            if condition(received) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return condition(received)
    }
}
