import Hummingbird
import IssuerConnection
import Testing

/// Streaming on a real socket.
@Suite(.timeLimit(.minutes(5))) struct StreamTests {
    let transport = HTTPClientTransport()

    private static func pieces(_ texts: [String], thenHang: Duration? = nil) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream"],
            body: .init { writer in
                for text in texts { try await writer.write(ByteBuffer(string: text)) }
                if let thenHang { try await Task.sleep(for: thenHang) }
                try await writer.finish(nil)
            }
        )
    }

    @Test("A stream is handed over in order until the server ends it")
    func order() async throws {
        let texts = (0..<200).map { "piece \($0)\n" }
        try await withServer { router in
            router.get("stream") { _, _ in Self.pieces(texts) }
        } _: { [transport] base in
            var head = 0
            var bytes: [UInt8] = []
            try await transport.stream(.init(url: "\(base)/stream", maximumBytes: 1), idleTimeout: .seconds(5)) {
                head = $0.status
                #expect($0.header("content-type") == "text/event-stream")
            } onBytes: {
                bytes += $0
            }
            #expect(head == 200)
            #expect(String(decoding: bytes, as: UTF8.self) == texts.joined())
        }
    }

    @Test("A stream on which nothing comes is dead after the idle time-out; what came before was handed over")
    func idle() async throws {
        try await withServer { router in
            router.get("hang") { _, _ in Self.pieces(["first"], thenHang: .seconds(60)) }
            router.get("pause") { _, _ in Self.pieces(["first"], thenHang: .milliseconds(100)) }
        } _: { [transport] base in
            var bytes: [UInt8] = []
            // Far beyond the minute after which the server goes on: only the idle time-out ends this one early.
            let request = TransportRequest(url: "\(base)/hang", timeout: .seconds(240))
            let code = await transportFailure {
                try await transport.stream(request, idleTimeout: .milliseconds(400)) { _ in
                } onBytes: {
                    bytes += $0
                }
            }
            #expect(code == .timedOut)
            #expect(bytes == Array("first".utf8))
            let paused = await transportFailure {
                try await transport.stream(.init(url: "\(base)/pause"), idleTimeout: .seconds(5)) { _ in
                } onBytes: { _ in
                }
            }
            #expect(paused == nil)
        }
    }

    @Test("A head that does not come is waited for as long as the request says")
    func headTimeout() async throws {
        try await withServer { router in
            router.get("late") { _, _ in
                try await Task.sleep(for: .seconds(60))
                return "late"
            }
        } _: { [transport] base in
            let code = await transportFailure {
                try await transport.stream(
                    .init(url: "\(base)/late", timeout: .milliseconds(200)),
                    idleTimeout: .seconds(60)
                ) { _ in
                } onBytes: { _ in
                }
            }
            #expect(code == .timedOut)
        }
    }

    @Test("A callback that throws ends the stream", arguments: [true, false])
    func stopped(inHead: Bool) async throws {
        struct Enough: Error {}
        try await withServer { router in
            router.get("endless") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        while true { try await writer.write(ByteBuffer(repeating: 1, count: 4096)) }
                    }
                )
            }
        } _: { [transport] base in
            var count = 0
            let code = await transportFailure {
                try await transport.stream(.init(url: "\(base)/endless"), idleTimeout: .seconds(5)) { _ in
                    if inHead { throw Enough() }
                } onBytes: {
                    count += $0.count
                    if count > 100_000 { throw Enough() }
                }
            }
            #expect(code == .stopped)
            #expect(inHead == (count == 0))
        }
    }

    @Test("A cancelled task ends its stream")
    func cancelled() async throws {
        try await withServer { router in
            router.get("hang") { _, _ in Self.pieces(["first"], thenHang: .seconds(60)) }
        } _: { [transport] base in
            let (events, event) = AsyncStream<Void>.makeStream()
            let task = Task {
                await transportFailure {
                    try await transport.stream(.init(url: "\(base)/hang"), idleTimeout: .seconds(60)) { _ in
                    } onBytes: { _ in
                        event.yield()
                    }
                }
            }
            _ = await events.first { true }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test("A stream that breaks off is an error and no end")
    func broken() async throws {
        struct Broken: Error {}
        try await withServer { router in
            router.get("broken") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        try await writer.write(ByteBuffer(string: "half"))
                        throw Broken()
                    }
                )
            }
        } _: { [transport] base in
            let code = await transportFailure {
                try await transport.stream(.init(url: "\(base)/broken"), idleTimeout: .seconds(5)) { _ in
                } onBytes: { _ in
                }
            }
            #expect(code == .connectionLost)
        }
    }

    @Test("A slow taker slows the server down: what waits in between is bounded")
    func backPressure() async throws {
        let sent = Counter()
        try await withServer { router in
            router.get("endless") { _, _ in
                Response(
                    status: .ok,
                    body: .init { writer in
                        while true {
                            try await writer.write(ByteBuffer(repeating: 1, count: 65536))
                            sent.add(65536)
                        }
                    }
                )
            }
        } _: { [transport] base in
            struct Enough: Error {}
            var counts: [Int] = []
            _ = await transportFailure {
                try await transport.stream(.init(url: "\(base)/endless"), idleTimeout: .seconds(5)) { _ in
                } onBytes: { _ in
                    // The taker blocks on purpose: it is the consumer that is slow.
                    // On a busy machine it takes longer until the buffers are full.
                    while counts.count < 2 || (counts.last != counts.dropLast().last && counts.count < 12) {
                        sleepHere(milliseconds: 300)
                        counts.append(sent.count)
                    }
                    throw Enough()
                }
            }
            #expect(counts.count >= 2)
            // Once the buffers on the way are full, the server stands still.
            #expect(counts.last == counts.dropLast().last)
        }
    }
}

/// Blocks the thread.
private func sleepHere(milliseconds: Int) {
    let clock = SystemClientClock()
    let end = clock.uptime + .milliseconds(milliseconds)
    while clock.uptime < end {}
}
