import Hummingbird
import Instants
import IssuerConnection
import JOSE
import Logging
import NIOCore
import OAuthClient
import Synchronization
import Testing

/// Tokens from a list.
final class ListedTokens: AccessTokenSource {
    private let state: Mutex<(tokens: [String], invalidated: [String])>

    init(_ tokens: [String]) { state = Mutex((tokens, [])) }

    var invalidated: [String] { state.withLock { $0.invalidated } }

    func accessToken() async throws(OAuthClientError) -> String { state.withLock { $0.tokens.first ?? "" } }

    func invalidate(_ accessToken: String) async {
        state.withLock { state in
            state.invalidated.append(accessToken)
            if state.tokens.count > 1 { state.tokens.removeFirst() }
        }
    }
}

/// Calls of an API.
@Suite(.timeLimit(.minutes(5))) struct AuthorizedTransportTests {
    /// An API that takes one token.
    static func api(_ good: String, challenge: String = "Bearer error=\"invalid_token\"") throws -> FakeIssuer {
        let api = try FakeIssuer("https://api.example")
        api.on("/orders") { request in
            let presented = request.headers.filter { $0.0.lowercased() == "authorization" }.map(\.1)
            guard presented == ["Bearer \(good)"] else {
                return .json([:], status: 401, [(name: "WWW-Authenticate", value: challenge)])
            }
            return .json(["orders": []])
        }
        return api
    }

    static let request = TransportRequest(
        method: "POST",
        url: "https://api.example/orders",
        headers: [("authorization", "Bearer x")]
    )

    @Test("RFC 6750 §2.1: the token is attached, in place of any other; a refused one is exchanged once")
    func exchange() async throws {
        let tokens = ListedTokens(["old", "new"])
        let api = try Self.api("new")
        let response = try await AuthorizedTransport(to: "https://api.example", with: tokens, by: api).send(
            Self.request
        )
        #expect(response.status == 200 && tokens.invalidated == ["old"])
        let stubborn = ListedTokens(["old", "older", "oldest"])
        let refused = try await AuthorizedTransport(to: "https://api.example", with: stubborn, by: api).send(
            Self.request
        )
        #expect(refused.status == 401 && stubborn.invalidated == ["old"])
        let single = ListedTokens(["only"])
        let before = api.received("/orders").count
        #expect(
            try await AuthorizedTransport(to: "https://api.example", with: single, by: api).send(Self.request).status
                == 401
        )
        #expect(api.received("/orders").count == before + 1)
    }

    @Test(
        "RFC 6750 §3: only invalid_token asks for another token",
        arguments: [
            ("Bearer", 1), ("Bearer error=\"insufficient_scope\"", 1), ("Bearer realm=\"a, error=invalid_token\"", 1),
            ("DPoP error=\"invalid_token\"", 1), ("Basic realm=\"x\", error=\"invalid_token\"", 1),
            ("Bearer error_description=\"invalid_token\"", 1), ("Bearer error=\"invalid_token", 1), ("", 1),
            ("=,\"", 1),
            ("Bearer error=\"invalid_token\"", 2), ("bearer ERROR=invalid_token", 2),
            ("Bearer realm=\"a \\\" b\", error=\"invalid_token\", error_description=\"x\"", 2),
            ("Basic realm=\"x\", Bearer error=\"invalid_token\"", 2),
            ("Negotiate YWJj==, Bearer error = \"invalid_token\"", 2),
            ("Bearer scope=\"a b\",error=\"invalid_token\"", 2),
        ]
    )
    func challenges(challenge: String, sendings: Int) async throws {
        let api = try Self.api("new", challenge: challenge)
        let tokens = ListedTokens(["old", "new"])
        let response = try await AuthorizedTransport(to: "https://api.example", with: tokens, by: api).send(
            Self.request
        )
        #expect(api.received("/orders").count == sendings)
        #expect(response.status == (sendings == 2 ? 200 : 401))
    }

    @Test(
        "A token goes to the API's origin and nowhere else",
        arguments: [
            "https://evil.example/orders", "https://api.example.evil.example/orders", "https://api.example:8443/orders",
            "http://api.example/orders", "https://api.example@evil.example/", "//api.example/orders", "/orders", "",
        ]
    )
    func origin(url: String) async throws {
        let api = try Self.api("new")
        let transport = AuthorizedTransport(to: "https://api.example/v1", with: ListedTokens(["new"]), by: api)
        let error = await refusal { _ = try await transport.send(TransportRequest(url: url)) }
        #expect(error?.code == .requestInvalid)
        for good in ["https://api.example/orders", "https://api.example:443/orders", "https://API.example/orders"] {
            #expect(try await transport.send(TransportRequest(url: good)).status == 200)
        }
    }

    @Test(
        "A service calls an API over real sockets: discovery, one token for two hundred calls, and one more after a refusal"
    )
    func sockets() async throws {
        let clock = SetClock()
        let valid = Mutex("token-1")
        let fetches = Counter()
        let issuerRouter = Router()
        let apiRouter = Router()
        let address = Mutex("")
        issuerRouter.get(".well-known/oauth-authorization-server") { _, _ in
            let base = address.withLock { $0 }
            return #"{"issuer":"\#(base)","token_endpoint":"\#(base)/token"}"#
        }
        issuerRouter.post("token") { request, _ in
            let body = String(buffer: try await request.body.collect(upTo: 10_000))
            guard body.contains("grant_type=client_credentials"),
                request.headers[.authorization] == "Basic c2VydmljZTpz"
            else { throw HTTPError(.unauthorized) }
            let token = "token-\(fetches.add())"
            return #"{"access_token":"\#(token)","token_type":"Bearer","expires_in":600}"#
        }
        apiRouter.get("orders") { request, _ in
            guard request.headers[.authorization] == "Bearer \(valid.withLock { $0 })" else {
                return Response(status: .unauthorized, headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
            }
            return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "[]")))
        }
        let issuer = try await serve(issuerRouter)
        let api = try await serve(apiRouter)
        address.withLock { $0 = issuer }
        let tokens = ServiceTokens(
            ClientRegistration(issuer: issuer, clientID: "service", authentication: .secretBasic("s")),
            environment: ClientEnvironment(clock: clock)
        )
        let transport = AuthorizedTransport(to: api, with: tokens.source(scopes: ["orders"]))
        func call(times: Int) async -> [Int] {
            await withTaskGroup(of: Int.self) { group in
                for _ in 0..<times {
                    group.addTask { (try? await transport.send(TransportRequest(url: "\(api)/orders")).status) ?? 0 }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
        }
        #expect(await call(times: 200) == Array(repeating: 200, count: 200))
        #expect(fetches.count == 1)
        clock.advance(by: .seconds(6))
        valid.withLock { $0 = "token-2" }
        #expect(await call(times: 200) == Array(repeating: 200, count: 200))
        #expect(fetches.count == 2)
    }
}

/// Starts a server on a loopback socket, which runs until the process ends.
private func serve(_ router: Router<BasicRequestContext>) async throws -> String {
    let (ports, port) = AsyncStream<Int>.makeStream()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let application = Application(
        router: router,
        configuration: .init(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) },
        logger: logger
    )
    Task { try await application.run() }
    return "http://127.0.0.1:\(try #require(await ports.first { _ in true }))"
}
