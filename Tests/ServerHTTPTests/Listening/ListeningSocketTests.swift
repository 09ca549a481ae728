import NIOCore
import NIOPosix
import Testing

@testable import ServerHTTP

@Suite("The listening socket at the end", .timeLimit(.minutes(1)))
struct ListeningSocketTests {
    #if os(Linux)
        @Test("new connections are turned away, and those that had begun are served")
        func turnsAway() async throws {
            let socket = ListeningSocket()
            try await withServer(.with { $0.socket = socket }) { server in
                let begun = try await server.connect()
                await socket.turnAwayNewConnections()
                let attempt = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connectTimeout(.milliseconds(500))
                    .connect(host: "127.0.0.1", port: server.address.port)
                // Not refused, which would be told at once: not answered.
                let fault = await #expect(throws: ChannelError.self) { _ = try await attempt.get() }
                guard case .connectTimeout = fault else {
                    Issue.record("another fault: \(String(describing: fault))")
                    return
                }
                try await begun.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await begun.wait { $0.text.hasPrefix("HTTP/1.1 200 ") })
                try await begun.close()
            }
        }
    #endif

    @Test("before anything listens there is nobody to turn away")
    func nothingListens() async { await ListeningSocket().turnAwayNewConnections() }
}
