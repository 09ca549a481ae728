import Hummingbird
import Instants
import IssuerConnection
import Testing

/// The transport on a real socket.
@Suite(.timeLimit(.minutes(5))) struct TransportTests {
    let transport = HTTPClientTransport()

    @Test("What is sent arrives, and what comes back is handed over whole")
    func exchange() async throws {
        try await withServer { router in
            router.post("echo") { request, _ in
                let body = try await request.body.collect(upTo: 1000)
                let name = request.headers[.accept] ?? ""
                return Response(
                    status: .created,
                    headers: [.contentType: name, .init("Signet-Trace-Id")!: "t-1"],
                    body: .init(byteBuffer: body)
                )
            }
        } _: { [transport] base in
            let response = try await transport.send(
                TransportRequest(
                    method: "POST",
                    url: "\(base)/echo",
                    headers: [("Accept", "a/b")],
                    body: [1, 2, 3]
                )
            )
            #expect(response.status == 201)
            #expect(response.body == [1, 2, 3])
            #expect(response.header("content-TYPE") == "a/b")
            #expect(response.traceID == "t-1")
        }
    }

    @Test("A body is read up to the bound and not an octet further", arguments: [true, false])
    func bound(isChunked: Bool) async throws {
        try await withServer { router in
            router.get("bytes") { request, _ in
                let count = request.uri.queryParameters["n"].flatMap { Int($0) } ?? 0
                let bytes = ByteBuffer(repeating: 7, count: count)
                let headers: HTTPFields = [.init("Signet-Trace-Id")!: "t-2"]
                guard isChunked else { return Response(status: .ok, headers: headers, body: .init(byteBuffer: bytes)) }
                return Response(
                    status: .ok,
                    headers: headers,
                    body: .init { writer in
                        for _ in 0..<10 { try await writer.write(ByteBuffer(repeating: 7, count: count / 10)) }
                        try await writer.finish(nil)
                    }
                )
            }
        } _: { [transport] base in
            let fits = try await transport.send(TransportRequest(url: "\(base)/bytes?n=1000", maximumBytes: 1000))
            #expect(fits.body.count == 1000)
            do throws(TransportError) {
                _ = try await transport.send(TransportRequest(url: "\(base)/bytes?n=1010", maximumBytes: 1000))
                Issue.record("1010 octets fitted into 1000")
            } catch {
                #expect(error.code == .tooLarge)
                #expect(error.traceID == "t-2")
            }
        }
    }

    @Test("FIELD I28: a redirect is an answer and is not followed")
    func redirect() async throws {
        let visits = Counter()
        try await withServer { router in
            router.get("away") { _, _ in Response(status: .found, headers: [.location: "/there"]) }
            router.get("there") { _, _ in
                visits.add()
                return "here"
            }
        } _: { [transport] base in
            let away = try await transport.send(TransportRequest(url: "\(base)/away"))
            #expect(away.status == 302)
            #expect(visits.count == 0)
            let there = try await transport.send(TransportRequest(url: "\(base)/there"))
            #expect(there.status == 200)
        }
    }

    @Test("A body that drips is cut off when the time is over, though every octet came soon after the last")
    func drip() async throws {
        try await withServer { router in
            router.get("drip") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        while true {
                            try await writer.write(ByteBuffer(string: "x"))
                            try await Task.sleep(for: .milliseconds(20))
                        }
                    }
                )
            }
        } _: { [transport] base in
            let slow = TransportRequest(url: "\(base)/drip", timeout: .milliseconds(300))
            #expect(await transportFailure { _ = try await transport.send(slow) } == .timedOut)
        }
    }

    @Test("A server that breaks off is told apart from one that cannot be reached")
    func broken() async throws {
        struct Broken: Error {}
        try await withServer { router in
            router.get("broken") { _, _ in
                Response(
                    status: .ok,
                    body: .init(contentLength: 100) { writer in
                        try await writer.write(ByteBuffer(string: "half"))
                        throw Broken()
                    }
                )
            }
        } _: { [transport] base in
            #expect(
                await transportFailure { _ = try await transport.send(.init(url: "\(base)/broken")) } == .connectionLost
            )
        }
        // Port 1 on loopback: nothing listens there.
        let refused = TransportRequest(url: "http://127.0.0.1:1/")
        do throws(TransportError) {
            _ = try await transport.send(refused)
            Issue.record("something listens on port 1")
        } catch {
            #expect(error.code == .unreachable)
            #expect(error.isBeforeSending)
        }
    }

    @Test(
        "FIELD I28: nothing is sent but to https, or to http on loopback",
        arguments: [
            ("http://issuer.example/token", TransportError.Code.insecure),
            ("http://127.0.0.1.issuer.example/", .insecure), ("http://10.0.0.1/", .insecure),
            ("http://[::ffff:7f00:1]/", .insecure), ("ftp://127.0.0.1/", .insecure), ("file:///etc/passwd", .malformed),
            ("//127.0.0.1/", .malformed), ("http://127.0.0.1@issuer.example/", .malformed),
            ("http://127.0.0.1\\@issuer.example/", .malformed), ("http://127.0.0.1/#x", .malformed), ("", .malformed),
        ]
    )
    func insecure(url: String, code: TransportError.Code) async {
        #expect(await transportFailure { _ = try await transport.send(TransportRequest(url: url)) } == code)
        #expect(
            await transportFailure {
                try await transport.stream(
                    .init(url: url),
                    idleTimeout: .seconds(1),
                    onHead: { _ in },
                    onBytes: { _ in }
                )
            } == code
        )
    }

    @Test("A header field with a line break is not sent")
    func headerInjection() async throws {
        try await withServer { router in
            router.get("ok") { _, _ in "ok" }
        } _: { [transport] base in
            func request(_ value: String) -> TransportRequest {
                TransportRequest(url: "\(base)/ok", headers: [("Authorization", value)])
            }
            let good = try await transport.send(request("Bearer a"))
            #expect(good.status == 200)
            let injected = request("Bearer a\r\nX-Admin: 1")
            do throws(TransportError) {
                _ = try await transport.send(injected)
                Issue.record("the line break was sent")
            } catch {
                #expect(error.code == .malformed)
                #expect(!error.description.contains("Bearer"))
            }
        }
    }

    @Test("A cancelled task gets its answer at once")
    func cancelled() async throws {
        try await withServer { router in
            router.get("never") { _, _ in
                try await Task.sleep(for: .seconds(60))
                return "late"
            }
        } _: { [transport] base in
            let task = Task { await transportFailure { _ = try await transport.send(.init(url: "\(base)/never")) } }
            try await Task.sleep(for: .milliseconds(50))
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test(
        "A trace id that is not one is not shown",
        arguments: ["a b", "x\u{1B}[0m", String(repeating: "a", count: 129), ""]
    )
    func traceID(value: String) {
        let named = TransportResponse(status: 200, headers: [(name: "signet-trace-id", value: "A-z_9")])
        #expect(named.traceID == "A-z_9")
        #expect(TransportResponse(status: 200, headers: [(name: "Signet-Trace-Id", value: value)]).traceID == nil)
    }

    @Test("The system's clocks go forward together")
    func clocks() async throws {
        let clock = SystemClientClock()
        let (wall, uptime) = (clock.now, clock.uptime)
        try await clock.sleep(for: .milliseconds(30))
        #expect(clock.uptime - uptime >= .milliseconds(30))
        #expect(clock.now - wall >= .milliseconds(20))
        #expect(clock.now.secondsSinceEpoch > 1_700_000_000)
    }
}
