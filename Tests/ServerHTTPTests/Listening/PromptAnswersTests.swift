import HTTPTypes
import JOSE
import NIOCore
import NIOPosix
import Testing

@testable import AuthorizationServer
@testable import ServerHTTP

/// What is answered on a connection's own thread, beside what Hummingbird answers on the same connection.
@Suite("Prompt answers", .timeLimit(.minutes(5)))
struct PromptAnswersTests {
    static let host = "Host: localhost\r\n"
    static let form = host + "Content-Type: application/x-www-form-urlencoded\r\n"

    private func with(_ test: (RunningServer, Gate) async throws -> Void) async throws {
        let gate = Gate()
        let server = try await RunningServer.start(features: [gate, ThreadFeature(), StreamFeature()])
        do {
            try await test(server, gate)
        } catch {
            gate.open()
            try? await server.stop()
            throw error
        }
        gate.open()
        try await server.stop()
    }

    /// What comes back for these bytes, as soon as there are so many answers.
    private func answers(_ text: String, count: Int, _ server: RunningServer) async throws -> [Substring] {
        let connection = try await server.connect()
        try await connection.send(text)
        try await connection.wait { $0.text.ranges(of: "HTTP/1.1 ").count >= count }
        // The last body.
        try await Task.sleep(for: .milliseconds(50))
        try await connection.close()
        return connection.text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: true)
    }

    @Test("what is answered at once is answered on the connection's thread, and nothing else is")
    func threads() async throws {
        try await with { server, _ in
            func loop(_ line: String, _ more: String = "\r\n") async throws -> Bool? {
                let answer = try await answers("\(line) HTTP/1.1\r\n" + Self.form + more, count: 1, server)
                guard let body = answer.first?.split(separator: "\r\n\r\n").last else { return nil }
                return body == "{\"loop\":true}" ? true : body == "{\"loop\":false}" ? false : nil
            }
            let chunks = "Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
            let here = [
                try await loop("GET /thread/prompt"), try await loop("GET /thread/prompt?a=b"),
                try await loop("POST /thread/prompt", "Content-Length: 3\r\n\r\na=b"),
                try await loop("POST /thread/prompt", chunks),
                try await loop("GET /thread/prompt", "Connection: keep-alive\r\n\r\n"),
            ]
            #expect(here == [true, true, true, true, true])
            let elsewhere = [
                try await loop("GET /thread/prompt", "Connection: close\r\n\r\n"), try await loop("GET /thread/slow"),
            ]
            #expect(elsewhere == [false, false])
        }
    }

    @Test("answers come in the order of the requests, whoever makes them")
    func order() async throws {
        try await with { server, _ in
            var text = ""
            for number in 0..<20 {
                text += "GET /echo?n=\(number) HTTP/1.1\r\n\(Self.host)\r\n"
                text += "GET /thread/slow HTTP/1.1\r\n\(Self.host)\r\n"
                let body = "n=p-\(number)"
                text += "POST /echo HTTP/1.1\r\n\(Self.form)Content-Length: \(body.count)\r\n\r\n\(body)"
                text += "GET /nothing HTTP/1.1\r\n\(Self.host)\r\n"
            }
            let found = try await answers(text, count: 80, server)
            try #require(found.count == 80)
            for number in 0..<20 {
                #expect(found[4 * number].contains("\"p_n\":\"\(number)\""))
                #expect(found[4 * number + 1].contains("{\"loop\":false}"))
                #expect(found[4 * number + 2].contains("\"p_n\":\"p-\(number)\""))
                #expect(found[4 * number + 3].hasPrefix("404"))
            }
        }
    }

    @Test(
        "what comes in while an answer is made waits for it",
        arguments: ["GET /echo", "GET /thread/slow", "nonsense"],
        [true, false]
    )
    func pipelining(next: String, together: Bool) async throws {
        try await with { server, gate in
            let connection = try await server.connect()
            let first = "GET /gate HTTP/1.1\r\n\(Self.host)\r\n"
            let others = String(repeating: "\(next) HTTP/1.1\r\n\(Self.host)\r\n", count: 3)
            try await connection.send(first + (together ? others : ""))
            #expect(try await connection.wait { _ in gate.arrived.value == 1 })
            if !together { try await connection.send(others) }
            try await Task.sleep(for: .milliseconds(100))
            #expect(connection.text.isEmpty)
            gate.open()
            let count = next == "nonsense" ? 2 : 4
            #expect(try await connection.wait { $0.text.ranges(of: "HTTP/1.1 ").count == count })
            let answers = connection.text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: true)
            #expect(answers.first?.contains("\"passed\":true") == true)
            #expect(answers.last?.hasPrefix(next == "nonsense" ? "400" : "200") == true)
            try await connection.close()
        }
    }

    @Test("a request whose body follows later waits with it")
    func laterBody() async throws {
        try await with { server, gate in
            let connection = try await server.connect()
            try await connection.send(
                "GET /gate HTTP/1.1\r\n\(Self.host)\r\nPOST /echo HTTP/1.1\r\n\(Self.form)Content-Length: 6\r\n\r\nn=l"
            )
            #expect(try await connection.wait { _ in gate.arrived.value == 1 })
            try await connection.send("ateGET /thread/slow HTTP/1.1\r\n\(Self.host)\r\n")
            gate.open()
            #expect(try await connection.wait { $0.text.ranges(of: "HTTP/1.1 200").count == 3 })
            #expect(connection.text.contains("\"p_n\":\"late\""))
            #expect(connection.text.contains("{\"loop\":false}"))
            try await connection.close()
        }
    }

    @Test("who closes their side after asking gets the answer")
    func halfClosed() async throws {
        try await with { server, gate in
            let connection = try await server.connect()
            let (gated, slow) = ("GET /gate HTTP/1.1\r\n", "GET /thread/slow HTTP/1.1\r\n")
            try await connection.send("\(gated)\(Self.host)\r\n\(slow)\(Self.host)\r\n")
            #expect(try await connection.wait { _ in gate.arrived.value == 1 })
            try await connection.finishSending()
            try await Task.sleep(for: .milliseconds(100))
            gate.open()
            #expect(try await connection.wait { $0.isClosed })
            #expect(connection.text.contains("\"passed\":true"))
            #expect(connection.text.contains("{\"loop\":false}"))
        }
    }

    @Test("who goes away meanwhile stops nothing")
    func goneReader() async throws {
        try await with { server, gate in
            let connection = try await server.connect()
            try await connection.send("GET /gate HTTP/1.1\r\n\(Self.host)\r\n")
            #expect(try await connection.wait { _ in gate.arrived.value == 1 })
            try await connection.close()
            try await Task.sleep(for: .milliseconds(100))
            gate.open()
            let answer = try await answers("GET /gate HTTP/1.1\r\n\(Self.host)\r\n", count: 1, server)
            #expect(answer.first?.contains("\"passed\":true") == true)
        }
    }

    @Test("a request that comes byte by byte is a request")
    func trickle() async throws {
        try await with { server, _ in
            let connection = try await server.connect()
            for byte in "POST /echo HTTP/1.1\r\n\(Self.form)Content-Length: 7\r\n\r\nn=whole" {
                try await connection.send(String(byte))
            }
            #expect(try await connection.wait { $0.text.contains("\"p_n\":\"whole\"") })
            try await connection.close()
        }
    }

    @Test("who waits to be told to go on, and longer bodies than fit, are left to Hummingbird")
    func leftAlone() async throws {
        try await with { server, _ in
            let body = "n=" + String(repeating: "x", count: 64 * 1024)
            let long = try await answers(
                "POST /echo HTTP/1.1\r\n\(Self.form)Content-Length: \(body.count)\r\n\r\n\(body)",
                count: 1,
                server
            )
            #expect(long.first?.hasPrefix("413") == true)
            let longest = String(body.dropLast(2))
            let fits = try await answers(
                "POST /echo HTTP/1.1\r\n\(Self.form)Content-Length: \(longest.count)\r\n\r\n\(longest)",
                count: 1,
                server
            )
            #expect(fits.first?.hasPrefix("200") == true)
            let expecting = try await answers(
                "POST /echo HTTP/1.1\r\n\(Self.form)Expect: 100-continue\r\nContent-Length: 3\r\n\r\nn=e",
                count: 1,
                server
            )
            #expect(expecting.contains { $0.contains("\"p_n\":\"e\"") })
        }
    }

    @Test(
        "both ways give the same answer, with a date (RFC 9110 §6.6.1)",
        arguments: ["/echo?n=1", "/answer?as=later"]
    )
    func sameAnswer(path: String) async throws {
        try await with { server, _ in
            /// Without what differs from request to request.
            func lines(_ more: String) async throws -> [String] {
                let text = try await answers("GET \(path) HTTP/1.1\r\n\(Self.host)\(more)\r\n", count: 1, server)
                let lines = text.joined().split(separator: "\r\n").map(String.init)
                let dates = lines.filter { $0.lowercased().hasPrefix("date: ") }
                #expect(dates.count == 1)
                let date = /(?i)date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT/
                #expect((dates.first ?? "").wholeMatch(of: date) != nil)
                return lines.filter { !$0.lowercased().hasPrefix("date: ") }.map {
                    $0.replacing(/[0-9a-f]{32}/, with: "TRACE")
                }.sorted()
            }
            let (here, elsewhere) = (try await lines(""), try await lines("Connection: close\r\n"))
            #expect(here == elsewhere)
        }
    }
}

/// Endpoints that say whether they run on the thread of a connection.
struct ThreadFeature: Feature {
    func contribute(to assembly: inout Assembly) {
        assembly.add(ThreadEndpoint(path: "/thread/prompt", patience: .answersAtOnce))
        assembly.add(ThreadEndpoint(path: "/thread/slow", patience: .takesItsTime))
    }
}

struct ThreadEndpoint: Endpoint {
    let location: EndpointLocation
    let methods: Set<EndpointRequest.Method> = [.get, .post]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let patience: EndpointPatience

    init(path: String, patience: EndpointPatience) {
        location = .belowIssuer(path)
        self.patience = patience
    }

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        EndpointResponse(body: .json(["loop": .bool(Self.isOnEventLoop)]))
    }

    private static var isOnEventLoop: Bool { MultiThreadedEventLoopGroup.currentEventLoop != nil }
}
