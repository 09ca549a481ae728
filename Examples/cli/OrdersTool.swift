// A command-line tool: it signs a person in through their browser (RFC 8252 §7.3) and calls the orders API.

import Hummingbird
import IssuerConnection
import Logging
import OAuthClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@main
struct OrdersTool {
    static func main() async throws {
        let environment = Environment()
        let api = try environment.require("API_AUDIENCE")
        let registration = ClientRegistration(
            issuer: try environment.require("ISSUER"),
            clientID: try environment.require("TOOL_ID"),
            authentication: .none
        )

        let answers = Answers()
        let listener = answers.listen()
        defer { listener.cancel() }
        // RFC 8252 §7.3: the port is any that is free at this moment, and the issuer does not compare it.
        let party = RelyingParty(registration, redirectURI: "http://127.0.0.1:\(await answers.port)/callback")
        let start = try await party.start(LoginOptions(scopes: ["openid", "orders:read"], resources: [api]))
        print("Open this address in your browser:\n\n  \(start.url)\n")
        // Now, though somebody reads through a pipe.
        fflush(nil)

        let login = try await party.finish(start.pending, query: await answers.query)
        let orders = AuthorizedTransport(to: api, with: party.session(login.tokens, subject: login.subject))
        let response = try await orders.send(TransportRequest(url: api + "/orders"))
        print("\(response.status) \(String(decoding: response.body, as: UTF8.self))")
        try await party.revoke(login.tokens.accessToken, hint: .accessToken)
        // Acknowledged means that it is on its way: an API that follows the feed knows within a second.
        let clock = ContinuousClock()
        let moment = clock.now
        var again = try await orders.send(TransportRequest(url: api + "/orders"))
        while again.status == 200, clock.now - moment < .seconds(30) {
            try await Task.sleep(for: .milliseconds(10))
            again = try await orders.send(TransportRequest(url: api + "/orders"))
        }
        let milliseconds = Int((clock.now - moment) / .milliseconds(1))
        print("revoked, and \(milliseconds) ms later: \(again.status) \(again.header("WWW-Authenticate") ?? "")")
    }
}

/// Listens on loopback for the one answer that the browser brings.
final class Answers: Sendable {
    private let ports = AsyncStream.makeStream(of: Int.self)
    private let queries = AsyncStream.makeStream(of: String.self)

    /// Where it listens, once it does.
    var port: Int { get async { await ports.stream.first { _ in true } ?? 0 } }
    /// What the browser brought.
    var query: String { get async { await queries.stream.first { _ in true } ?? "" } }

    func listen() -> Task<Void, any Error> {
        let router = Router()
        router.get("callback") { [queries] request, _ in
            queries.continuation.yield(request.uri.query ?? "")
            return "You may close this window and go back to the terminal.\n"
        }
        var logger = Logger(label: "orders-tool")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { [ports] channel in ports.continuation.yield(channel.localAddress?.port ?? 0) },
            logger: logger
        )
        return Task { try await application.run() }
    }
}
