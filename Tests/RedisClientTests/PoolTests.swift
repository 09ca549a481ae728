import Logging
import NIOCore
import NIOPosix
import RedisClient
import RedisTesting
import Testing

/// One connection.
private var single: RedisSettings {
    var settings = RedisSettings.patient
    settings.connections = 1
    return settings
}

@Suite(.timeLimit(.minutes(2)))
struct PoolTests {
    @Test
    func `Commands of many tasks share a connection, and each gets its own answer`() async throws {
        try await RedisServer.with { server in
            let pool = try RedisPool(server.address, settings: single)
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let text = try? await pool.send(RedisCommand("ECHO", "\(number)")).text
                        #expect(text == "\(number)")
                    }
                }
            }
            let clients = try await pool.send(RedisCommand("CLIENT", "LIST")).text ?? ""
            #expect(clients.split(separator: "\n").count == 1)
            let answers = try await pool.send([
                RedisCommand("SET", "a", "1"), RedisCommand("LPUSH", "a", "x"), RedisCommand("GET", "a"),
            ])
            #expect(answers[0].text == "OK" && answers[2].text == "1")
            guard case .error(let error) = answers[1] else {
                Issue.record("no error")
                return
            }
            #expect(error.code == "WRONGTYPE")
            #expect(pool.commandsUnderWay == 0)
            await pool.close()
            await #expect(throws: RedisError.closed) { try await pool.send(RedisCommand("PING")) }
        }
    }

    @Test
    func `The chosen database is the one that is used`() async throws {
        try await RedisServer.with { server in
            var address = server.address
            address.database = 3
            let pool = try RedisPool(address, settings: .patient)
            try await pool.send(RedisCommand("SET", "a", "1"))
            let other = try RedisPool(server.address, settings: .patient)
            #expect(try await other.send(RedisCommand("GET", "a")).isNull)
            address.database = 99
            let missing = try RedisPool(address, settings: .patient)
            let error = await #expect(throws: RedisError.self) { try await missing.send(RedisCommand("PING")) }
            guard case .refused = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            for pool in [pool, other, missing] { await pool.close() }
        }
    }

    @Test
    func `TLS needs the right authority and the right name`() async throws {
        try await RedisServer.with(.init(hasTLS: true)) { server in
            let good = try RedisPool(server.address, settings: single)
            #expect(try await good.send(RedisCommand("PING")).text == "PONG")
            await good.close()
            for tls in [
                RedisTLS(authorities: server.folder + "/other.pem"),
                RedisTLS(authorities: server.folder + "/ca.pem", serverName: "redis.example"), RedisTLS(),
            ] {
                var address = server.address
                address.tls = tls
                let pool = try RedisPool(address, settings: single)
                let error = await #expect(throws: RedisError.self) { try await pool.send(RedisCommand("PING")) }
                #expect(error?.wasSent == false)
                await pool.close()
            }
            var plain = server.address
            plain.tls = nil
            let pool = try RedisPool(plain, settings: single)
            await #expect(throws: RedisError.self) { try await pool.send(RedisCommand("PING")) }
            await pool.close()
            #expect(throws: RedisError.self) {
                try RedisPool(RedisAddress(plain.place, tls: RedisTLS(authorities: server.folder + "/missing.pem")))
            }
        }
    }

    @Test
    func `A password is needed where there is one, and is never in an error`() async throws {
        try await RedisServer.with(.init(configuration: ["requirepass hunter2"])) { server in
            for password in [nil, RedisPassword("wrong-pass"), RedisPassword("hunter2")] {
                var address = server.address
                address.password = password
                let pool = try RedisPool(address, settings: single)
                if password == RedisPassword("hunter2") {
                    #expect(try await pool.send(RedisCommand("PING")).text == "PONG")
                } else {
                    let error = await #expect(throws: RedisError.self) { try await pool.send(RedisCommand("PING")) }
                    guard case .refused = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(!String(reflecting: error).contains("-pass"))
                }
                #expect(!String(reflecting: address).contains("hunter2") && !"\(address)".contains("hunter2"))
                await pool.close()
            }
        }
    }

    @Test
    func `More than may be under way is refused, and sent nowhere`() async throws {
        try await RedisServer.with { server in
            var settings = single
            settings.mostCommands = 3
            let pool = try RedisPool(server.address, settings: settings)
            let four = [RedisCommand](repeating: RedisCommand("INCR", "n"), count: 4)
            await #expect(throws: RedisError.overloaded) { try await pool.send(four) }
            #expect(try await pool.send(RedisCommand("GET", "n")).isNull)
            #expect(try await pool.send(Array(four.dropFirst())).map(\.integer) == [1, 2, 3])
            await pool.close()
        }
    }
}

/// A server that answers the log-in, and everything else with what the test says.
private func withHostileServer(
    _ answer: String,
    closing: Bool = false,
    _ body: (RedisAddress) async throws -> Void
) async throws {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Hostile(answer: answer, isClosing: closing))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    try await body(RedisAddress(.network(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)))
    try await channel.close()
}

private final class Hostile: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: String
    private let isClosing: Bool
    private var isGreeted = false

    init(answer: String, isClosing: Bool) {
        self.answer = answer
        self.isClosing = isClosing
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let text = isGreeted ? answer : "%1\r\n+server\r\n+redis\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        if isGreeted, isClosing { context.close(promise: nil) }
        isGreeted = true
    }
}

@Suite(.timeLimit(.minutes(1)))
struct HostileServerTests {
    @Test(arguments: ["HTTP/1.1 200 OK\r\n\r\n", "$99999999999\r\n", "+OK\r\n+OK\r\n+OK\r\n", "*1\r\n>1\r\n", ":x\r\n"])
    func `An answer that is none ends the connection, and says that the command was sent`(answer: String) async throws {
        try await withHostileServer(answer) { address in
            let pool = try RedisPool(address, settings: single)
            do throws(RedisError) {
                // The first answer may be good and the others to no question.
                try await pool.send(RedisCommand("PING"))
                try await pool.send(RedisCommand("PING"))
            } catch {
                #expect(error.wasSent)
            }
            await pool.close()
        }
    }

    @Test(arguments: ["", "$5\r\nhe", "*2\r\n:1\r\n"])
    func `A connection that is cut in mid-reply leaves the outcome open, and is not repeated`(part: String) async throws
    {
        try await withHostileServer(part, closing: true) { address in
            let pool = try RedisPool(address, settings: single)
            let error = await #expect(throws: RedisError.self) { try await pool.send(RedisCommand("INCR", "n")) }
            guard case .interrupted = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            await pool.close()
        }
    }

    @Test
    func `A reply that never ends is given up in time`() async throws {
        try await withHostileServer("$5\r\nhe") { address in
            var settings = single
            settings.commandTimeout = .milliseconds(500)
            let pool = try RedisPool(address, settings: settings)
            await #expect(throws: RedisError.timedOut) { try await pool.send(RedisCommand("GET", "n")) }
            await pool.close()
        }
    }

    @Test
    func `Nobody listening is told at once, and again without trying while it pauses`() async throws {
        var settings = single
        settings.shortestPause = .seconds(60)
        settings.longestPause = .seconds(60)
        let pool = try RedisPool(RedisAddress(.network(host: "127.0.0.1", port: 1)), settings: settings)
        for _ in 0..<3 {
            let error = await #expect(throws: RedisError.self) { try await pool.send(RedisCommand("PING")) }
            guard case .unreachable = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        await pool.close()
    }
}

@Suite
struct AddressTests {
    @Test(arguments: [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://:pw@h:1/2", "redis://h:1/2"),
        ("rediss://u:p%40%3A@redis.example:6380/15?ca=/a.pem&prefix=x:", "rediss://redis.example:6380/15"),
        ("redis://[::1]:7000", "redis://[::1]:7000/0"),
        ("redis+unix:///run/a@redis.sock?db=2", "redis+unix:///run/a@redis.sock?db=2"),
        ("redis+unix://u:p%40@/run/redis.sock?db=2", "redis+unix:///run/redis.sock?db=2"),
    ])
    func `An address is read, and described without who we are`(text: String, described: String) throws {
        #expect(try RedisAddress(text).description == described)
    }

    @Test
    func `Every part of an address is understood`() throws {
        let address = try RedisAddress("rediss://u:p%40%3A@h/3?ca=/a.pem&server-name=n&cert=/c&key=/k&prefix=%7Bx%7D:")
        #expect(
            address
                == RedisAddress(
                    .network(host: "h", port: 6379),
                    tls: RedisTLS(authorities: "/a.pem", serverName: "n", certificate: "/c", privateKey: "/k"),
                    user: "u",
                    password: RedisPassword("p@:"),
                    database: 3,
                    prefix: "{x}:"
                )
        )
    }

    @Test
    func `A socket takes a user with a password, and a user without one is no address of anybody`() throws {
        let address = RedisAddress(.socket(path: "/run/r"), user: "u", password: RedisPassword("p@/"), prefix: "x")
        #expect(try RedisAddress("redis+unix://u:p%40%2F@/run/r?prefix=x") == address)
        #expect(try RedisAddress("redis+unix://:p@/run/r").user == nil)
        for text in ["redis://u@h", "redis://u:@h", "redis://@h", "redis+unix://u@/r", "redis+unix:///r?user=u"] {
            #expect(throws: RedisAddressError.self) { try RedisAddress(text) }
        }
    }

    @Test(arguments: [
        "", "localhost", "http://h", "redis://", "redis://:pw@", "redis://h:0", "redis://h:65536", "redis://h:pw",
        "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://[::1", "redis://h?ca=/a", "rediss://h?cert=/c",
        "rediss://h?ca=a&ca=b", "redis://h?x", "redis+unix://tmp", "redis://u:hunter2%zz@h", "rediss://u:hunter2@h?x=1",
    ])
    func `What is no address is refused without being repeated`(text: String) {
        let error = #expect(throws: RedisAddressError.self) { try RedisAddress(text) }
        #expect(error?.description.contains("hunter2") == false)
    }
}
