import AuthorizationServer
import JOSE
import NIOCore
import NIOPosix
import OAuthVocabulary
import ResourceServer
import RevocationFeed
import SQLiteStore
import Storage
import Synchronization
import Testing

@testable import signet

@Suite("Revocation, server and API: a storm", .serialized, .timeLimit(.minutes(5)))
struct FeedStormTests {
    static let readers = 10
    static let revokedTokens = 400
    /// Of tokens that nobody here has.
    static let others = 5000

    @Test(
        "FIELD R48: thousands are revoked while ten follow and three never read: all refuse all of them, and no other"
    )
    func storm() async throws {
        try await FeedHouse.with { house in
            let tokens = try await concurrently(Self.revokedTokens) { _ in try await house.token() }
            let good = try await concurrently(20) { _ in try await house.token() }
            let apis = (0..<Self.readers).map { _ in FollowingAPI(house) }
            let stalled = try await stall(3, house)
            try await following(apis[...]) {
                for api in apis { try await api.verifier.start(within: .seconds(60)) }
                async let flood: Void = flood(house)
                _ = try await concurrently(tokens.count) { try await house.revoke(tokens[$0]) }
                try await flood
                let last = try await house.token()
                try await house.revoke(last)
                for api in apis {
                    #expect(await api.refusesInTheEnd(last))
                    // The last one is there, and what came before it is there because it is.
                    var served = 0
                    for token in tokens where await api.refusal(token)?.code != .tokenRevoked { served += 1 }
                    #expect(served == 0)
                    for token in good { #expect(await api.serves(token)) }
                    #expect(await api.isFreshInTheEnd(.seconds(2)))
                }
            }
            // They were served, all the while.
            for (channel, received) in stalled {
                try await channel.setOption(.autoRead, value: true).get()
                #expect(await becomesTrue { received.text.contains("event: hello") })
                try? await channel.close()
            }
        }
    }

    /// Runs them all while the body runs.
    private func following(_ apis: ArraySlice<FollowingAPI>, _ body: () async throws -> Void) async throws {
        guard let first = apis.first else { return try await body() }
        try await first.follow { try await following(apis.dropFirst(), body) }
    }

    /// What another process ends, many in one commit.
    private func flood(_ house: FeedHouse) async throws {
        let bench = try house.bench
        for batch in 0..<(Self.others / 100) {
            var changes: [Change] = []
            for index in 0..<100 {
                let id = try #require(TokenID("nobody-has-\(batch)-\(index)"))
                let ending = Ending(.token(id), because: .revoked)
                changes += try await bench.revocations.changes(ending: ending, now: bench.now)
            }
            try #require(try await bench.store.apply(changes, now: bench.now) == .applied)
        }
    }

    private func concurrently<Value: Sendable>(
        _ count: Int,
        _ body: @escaping @Sendable (Int) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: [Value].self) { group in
            let lanes = 8
            for lane in 0..<lanes {
                group.addTask {
                    var values: [Value] = []
                    for index in stride(from: lane, to: count, by: lanes) { values.append(try await body(index)) }
                    return values
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// What came over a connection, once it is read.
    private final class Received: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        private let bytes = Mutex<[UInt8]>([])

        var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let part = unwrapInboundIn(data).readableBytesView
            bytes.withLock { $0 += part }
        }
    }

    /// Readers that ask for the stream and do not look at what comes.
    private func stall(_ count: Int, _ house: FeedHouse) async throws -> [(any Channel, Received)] {
        let server = try house.server
        let authorization = RunningServer.basic("orders-api", FeedHouse.secret)
        let reading = try await FeedReading(server, audience: FeedHouse.audience, authorization: authorization)
        let place = reading.query(try await reading.snapshot().message.position)
        var channels: [(any Channel, Received)] = []
        for _ in 0..<count {
            let received = Received()
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.autoRead, value: false)
                .channelOption(.socketOption(.so_rcvbuf), value: 4096)
                .channelInitializer { $0.pipeline.addHandler(received) }
                .connect(host: "127.0.0.1", port: house.port)
                .get()
            try await channel.writeAndFlush(
                ByteBuffer(
                    string: "GET /revocations/events?\(place) HTTP/1.1\r\nHost: localhost:\(house.port)\r\n"
                        + "Authorization: \(authorization)\r\n\r\n"
                )
            )
            channels.append((channel, received))
        }
        return channels
    }
}
