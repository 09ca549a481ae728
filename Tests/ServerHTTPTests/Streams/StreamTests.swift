import AuthorizationServer
import Foundation
import HTTPTypes
import JOSE
import Logging
import NIOCore
import NIOPosix
import OAuthVocabulary
import Testing

@testable import ServerHTTP

@Suite("Streams over a socket", .timeLimit(.minutes(5)))
struct StreamTests {
    static func request(_ target: String, method: String = "GET") -> String {
        "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n"
    }

    /// Starts a server with the streams, and stops it whatever the test does.
    static func withStreams(
        issuer: String = HTTPWorld.loopback,
        _ setup: ServerSetup = .standard,
        test: (RunningServer, StreamLog) async throws -> Void
    ) async throws {
        let feature = StreamFeature()
        let server = try await RunningServer.start(issuer: issuer, features: [feature], configure: setup.edit)
        do {
            try await test(server, feature.log)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    @Test("a stream comes in chunks, piece by piece, ends with its author, and leaves the connection usable")
    func whole() async throws {
        try await Self.withStreams { server, log in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream?pieces=3&pause=200"))
            #expect(try await reader.wait { $0.text.contains("piece 1\n") })
            #expect(log.ended == 0)
            #expect(try await reader.wait { $0.text.hasSuffix("\r\n0\r\n\r\n") })
            let text = reader.text.lowercased()
            #expect(text.contains("transfer-encoding: chunked\r\n") && !text.contains("content-length:"))
            #expect(text.contains("content-type: text/event-stream\r\n"))
            #expect(text.contains("cache-control: no-store\r\n") && text.contains("x-accel-buffering: no\r\n"))
            #expect(text.contains("signet-trace-id: "))
            #expect(reader.text.contains("piece 3\n"))
            try await reader.send(Self.request("/echo"))
            #expect(try await reader.wait { $0.text.contains("\"method\":\"GET\"") })
            try await reader.close()
        }
    }

    @Test("HEAD gets the head of a stream at once, and takes no place")
    func head() async throws {
        try await Self.withStreams(.with { $0.limits.streams = 1 }) { server, log in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream", method: "HEAD"))
            #expect(try await reader.wait { $0.text.hasSuffix("\r\n\r\n") })
            #expect(reader.text.hasPrefix("HTTP/1.1 200 OK"))
            #expect(reader.text.lowercased().contains("x-accel-buffering: no"))
            #expect(log.begun == 0 && server.world.server.frontDoor.streams.count == 0)
            try await reader.close()
        }
    }

    @Test("a stream whose author fails does not look complete; its twin that does not fail does")
    func failure() async throws {
        try await Self.withStreams { server, _ in
            let broken = try await server.connect()
            try await broken.send(Self.request("/stream?pieces=2&fails=1"))
            #expect(try await broken.wait { $0.isClosed })
            #expect(broken.text.contains("piece 2\n") && !broken.text.hasSuffix("\r\n0\r\n\r\n"))
            #expect(server.world.log.lines.contains { $0.level == .warning && $0.metadata["ending"] == "failed" })
            let sound = try await server.connect()
            try await sound.send(Self.request("/stream?pieces=2"))
            #expect(try await sound.wait { $0.text.hasSuffix("\r\n0\r\n\r\n") })
            #expect(!sound.isClosed)
            try await sound.close()
        }
    }

    @Test("the author of a stream is cancelled when its reader goes away, and the place is free again")
    func readerGone() async throws {
        try await Self.withStreams { server, log in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream?pause=20"))
            #expect(try await reader.wait { $0.text.contains("piece 2\n") })
            #expect(server.world.server.frontDoor.streams.count == 1)
            try await reader.close()
            #expect(try await reader.wait { _ in log.cancelled == 1 })
            #expect(try await reader.wait { _ in server.world.server.frontDoor.streams.count == 0 })
            #expect(
                try await reader.wait { _ in
                    server.world.log.lines.contains {
                        $0.message == "stream ended" && $0.metadata["ending"] == "reader-gone"
                    }
                }
            )
        }
    }

    @Test("a reader that goes away while there is nothing to write is noticed too")
    func silentlyGone() async throws {
        try await Self.withStreams { server, log in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream?pause=100000"))
            #expect(try await reader.wait { $0.text.contains("piece 1\n") })
            try await reader.close()
            #expect(try await reader.wait { _ in log.cancelled == 1 })
            #expect(try await reader.wait { _ in server.world.server.frontDoor.streams.count == 0 })
        }
    }

    @Test("a reader that does not read is cut off, while another goes on")
    func stalled() async throws {
        try await Self.withStreams(.with { $0.limits.streamTimeout = .milliseconds(700) }) { server, log in
            let stalled = try await server.connect(reading: .never)
            let sound = try await server.connect()
            try await stalled.send(Self.request("/stream?bytes=60000&pause=0"))
            try await sound.send(Self.request("/stream?pieces=300&pause=10"))
            // What it wrote into the buffers of two kernels is all that it ever writes.
            #expect(try await sound.wait { _ in log.cancelled == 1 })
            #expect(!sound.isClosed)
            #expect(try await sound.wait { $0.text.contains("piece 300\n") && $0.text.hasSuffix("\r\n0\r\n\r\n") })
            try await stalled.close()
            try await sound.close()
        }
    }

    @Test("a stream that goes on for longer than every time-out of a request is not cut off")
    func patience() async throws {
        try await Self.withStreams(
            .with {
                $0.limits.streamTimeout = .seconds(3)
                $0.limits.responseTimeout = .seconds(3)
                $0.limits.idleTimeout = .seconds(4)
            }
        ) { server, _ in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream?pieces=2&pause=5000"))
            #expect(try await reader.wait { $0.text.contains("piece 2\n") && $0.text.hasSuffix("\r\n0\r\n\r\n") })
            try await reader.close()
        }
    }

    @Test("there are so many streams for a group and so many in all; who comes then is asked to come back")
    func limits() async throws {
        let setup = ServerSetup.with {
            $0.limits.streams = 3
            $0.limits.streamsPerGroup = 2
        }
        try await Self.withStreams(setup) { server, log in
            func open(_ target: String) async throws -> RawConnection {
                let reader = try await server.connect()
                try await reader.send(Self.request(target))
                #expect(try await reader.wait { $0.text.contains("\r\n\r\n") })
                return reader
            }
            let first = try await open("/stream?group=orders")
            let second = try await open("/stream?group=orders")
            let third = try await open("/stream?group=orders")
            #expect(third.text.hasPrefix("HTTP/1.1 503 "))
            #expect(third.text.lowercased().contains("retry-after: 5\r\n"))
            #expect(third.text.contains("\"error\":\"temporarily_unavailable\""))
            let other = try await open("/stream?group=vault")
            #expect(other.text.hasPrefix("HTTP/1.1 200 "))
            #expect(try await open("/stream?group=third").text.hasPrefix("HTTP/1.1 503 "))
            #expect(try await open("/news").text.hasPrefix("HTTP/1.1 503 "))
            // Requests that are no streams do not notice.
            #expect(try await open("/echo").text.hasPrefix("HTTP/1.1 200 "))
            try await first.close()
            #expect(try await other.wait { _ in server.world.server.frontDoor.streams.count == 2 })
            #expect(try await open("/stream?group=orders").text.hasPrefix("HTTP/1.1 200 "))
            // A head may be on its way before its body has begun.
            #expect(try await other.wait { _ in log.begun == 4 })
            for reader in [second, third, other] { try await reader.close() }
        }
    }

    @Test("a shutdown ends streams and waiting polls at once, and properly")
    func shutdown() async throws {
        let feature = StreamFeature()
        let server = try await RunningServer.start(features: [feature])
        let reader = try await server.connect()
        try await reader.send(Self.request("/stream?pause=20"))
        let stalled = try await server.connect(reading: .never)
        try await stalled.send(Self.request("/stream?bytes=60000&pause=0"))
        let poll = try await server.connect()
        try await poll.send(Self.request("/news"))
        #expect(try await reader.wait { $0.text.contains("piece 2\n") && feature.log.begun == 3 })
        let clock = ContinuousClock()
        let asked = clock.now
        try await server.stop()
        // The time to drain is twenty seconds.
        #expect(clock.now - asked < .seconds(8))
        #expect(try await reader.wait { $0.isClosed } && reader.text.hasSuffix("\r\n0\r\n\r\n"))
        #expect(try await poll.wait { $0.isClosed } && poll.text.contains("\"cut\":true"))
        #expect(feature.log.cancelled == 3)
        try await stalled.close()
    }

    @Test("a stream passes through TLS and HTTP/2 as it comes, and ends when its reader resets it")
    func http2() async throws {
        let folder = try TemporaryFolder()
        let files = try await TestCertificates.make(in: folder.path, name: "id.example")
        try await Self.withStreams(issuer: HTTPWorld.https, .with { $0.tls = files }) { server, log in
            let curl = Curl(port: server.address.port, folder: folder.path)
            let whole = try await curl.send("/stream?pieces=5&pause=20")
            #expect(whole.version == "2" && whole.status == 200 && whole.body.contains("piece 5\n"))
            #expect(!whole.head.lowercased().contains("transfer-encoding"))
            #expect(!whole.head.lowercased().contains("content-length"))
            #expect(log.ended == 1 && log.cancelled == 0)
            // curl gives up in the middle, with what it has by then.
            #expect(try await curl.send("/stream?pause=20", timeout: 4).body.contains("piece 2\n"))
            for _ in 0..<6000 where log.cancelled == 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(log.cancelled == 1)
        }
    }

    @Test("the journal has a line when a stream begins and one when it ends, without what the address carried")
    func journal() async throws {
        try await Self.withStreams { server, _ in
            let reader = try await server.connect()
            try await reader.send(Self.request("/stream?pieces=60&pause=5&nonce=n0nce-n0nce-n0nce"))
            #expect(try await reader.wait { $0.text.contains("piece 1\n") })
            let log = server.world.log
            let begun = try #require(log.lines.first { $0.message == "request" && $0.metadata["path"] == "/stream" })
            #expect(!log.lines.contains { $0.message == "stream ended" })
            #expect(try await reader.wait { _ in log.lines.contains { $0.message == "stream ended" } })
            let ended = try #require(log.lines.first { $0.message == "stream ended" })
            #expect(ended.metadata["ending"] == "finished" && ended.metadata["trace"] == begun.metadata["trace"])
            #expect(!log.text.contains("n0nce"))
            try await reader.close()
        }
    }
}

@Suite("JSON bodies")
struct JSONBodyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var type: String?
        var body: [UInt8]
        var status: Int
        var description: String

        init(_ name: String, type: String? = "application/json", _ body: String, _ status: Int, _ description: String) {
            self.init(name, type: type, bytes: Array(body.utf8), status, description)
        }

        init(_ name: String, type: String? = "application/json", bytes: [UInt8], _ status: Int, _ description: String) {
            self.name = name
            self.type = type
            body = bytes
            self.status = status
            self.description = description
        }

        var testDescription: String { name }

        static let notJSON = "the body must be application/json in UTF-8"
        static let all = [
            Case("a form", type: "application/x-www-form-urlencoded", #"{"a":1}"#, 415, notJSON),
            Case("no type", type: nil, #"{"a":1}"#, 415, notJSON),
            Case("another charset", type: "application/json; charset=latin1", #"{"a":1}"#, 415, notJSON),
            Case("not UTF-8", bytes: [0x22, 0xFF, 0x22], 400, "the body is not UTF-8"),
            Case("nothing", "", 400, "the body is not JSON"),
            Case("cut off", #"{"a":1"#, 400, "the body is not JSON"),
            Case("two values", #"{"a":1}{"b":2}"#, 400, "the body is not JSON"),
            Case("a name twice", #"{"a":1,"a":2}"#, 400, "the body is not JSON"),
            Case("too large", "[\(String(repeating: "1,", count: 120))1]", 413, "the body is too large"),
        ]
    }

    @Test("a JSON body is refused unless it is one JSON text in UTF-8 of the right type and size", arguments: Case.all)
    func refusals(_ refused: Case) async throws {
        let world = try await HTTPWorld(features: [StreamFeature()])
        let headers = refused.type.map { [("content-type", $0)] } ?? []
        let answer = try await world.send(.post, "/json", headers: headers, body: refused.body)
        #expect(answer.status == refused.status)
        #expect(try answer.json["error_description"]?.stringValue == refused.description)
    }

    @Test("a JSON body reaches the endpoint that accepts it, with the parameters of the address")
    func accepted() async throws {
        let world = try await HTTPWorld(features: [StreamFeature()])
        for type in ["application/json", "Application/JSON; charset=UTF-8"] {
            let answer = try await world.send(
                .post,
                "/json?q=7",
                headers: [("content-type", type)],
                body: Array(#"{"a":[1]}"#.utf8)
            )
            #expect(answer.status == 200)
            #expect(try answer.json["got"] == ["a": [1]] && answer.json["q"] == "7")
        }
        let read = try await world.send(.get, "/json?q=8")
        #expect(try read.json["got"] == .null && read.json["q"] == "8")
    }
}
