// What an issuer may answer instead of an answer, to a question about a token or about its keys.

import IssuerConnection
import JOSE
import ResourceServerTesting
import Synchronization
import Testing

@testable import ResourceServer

/// A transport that answers one path of the test issuer's by itself.
final class ChangedTransport: HTTPTransport {
    private let issuer: TestIssuer
    private let path: String
    private let answer = Mutex<TransportResponse?>(nil)

    init(_ issuer: TestIssuer, path: String, answer: TransportResponse?) {
        self.issuer = issuer
        self.path = path
        change(to: answer)
    }

    /// Answers this from now on; nil for what the issuer says.
    func change(to response: TransportResponse?) { answer.withLock { $0 = response } }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let truth = try await issuer.send(request)
        guard request.url.hasSuffix(path) else { return truth }
        return answer.withLock { $0 } ?? truth
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        try await issuer.stream(request, idleTimeout: idleTimeout, onHead: onHead, onBytes: onBytes)
    }
}

@Suite("An issuer that answers wrongly is not believed", .timeLimit(.minutes(5)))
struct IssuerFaultTests {
    func verifier(_ issuer: TestIssuer, through transport: ChangedTransport) -> TokenVerifier {
        TokenVerifier(
            issuer: issuer.issuer,
            audience: issuer.audience,
            configuration: VerifierConfiguration(revocation: .introspection(issuer.credentials)),
            transport: transport,
            clock: issuer.clock,
            logger: TokenVerifier.quietLogger
        )
    }

    static func response(_ status: Int, _ body: String = "") -> TransportResponse {
        TransportResponse(status: status, body: Array(body.utf8))
    }

    @Test(
        "RFC 7662 §2.3: what is no introspection response is a 503, for a JWT and for an opaque token",
        arguments: [
            response(401), response(403), response(500), response(302), response(200), response(200, "{}"),
            response(200, "{\"active\":\"true\"}"), response(204),
        ]
    )
    func introspection(_ answer: TransportResponse) async throws {
        let issuer = try TestIssuer()
        let transport = ChangedTransport(issuer, path: "/introspect", answer: answer)
        let verifier = verifier(issuer, through: transport)
        let tokens = [try issuer.token(), issuer.opaqueToken()]
        for token in tokens { #expect(await verifier.code(token) == .introspectionUnavailable) }
        transport.change(to: nil)
        for token in tokens { #expect(await verifier.code(token) == nil) }
    }

    @Test("An answer about another client's token is none about this one")
    func otherClient() async throws {
        let issuer = try TestIssuer()
        let body = """
            {"active":true,"aud":"https://api.test","sub":"person-1","client_id":"client-2"}
            """
        let transport = ChangedTransport(issuer, path: "/introspect", answer: Self.response(200, body))
        let verifier = verifier(issuer, through: transport)
        #expect(await verifier.code(try issuer.token()) == .tokenRevoked)
        #expect(await verifier.code(try issuer.token { $0.clientID = "client-2" }) == nil)
    }

    @Test("FIELD F23: an active token of another audience is refused, whatever the endpoint says of it")
    func otherAudience() async throws {
        let issuer = try TestIssuer()
        let body = """
            {"active":true,"aud":"https://other.test","sub":"person-1","client_id":"client-1"}
            """
        let transport = ChangedTransport(issuer, path: "/introspect", answer: Self.response(200, body))
        let verifier = verifier(issuer, through: transport)
        #expect(await verifier.code("opaque") == .tokenInvalid)
        transport.change(to: Self.response(200, body.replacing("other.test", with: "api.test")))
        #expect(await verifier.code("opaque-2") == nil)
    }

    @Test(
        "What is no key set, or no metadata of this issuer, is a 503",
        arguments: [
            ("/jwks", response(500)), ("/jwks", response(302)), ("/jwks", response(200, "{}")),
            ("/.well-known/oauth-authorization-server", response(200, "{\"issuer\":\"https://other.test\"}")),
            ("/.well-known/oauth-authorization-server", response(200, "{\"issuer\":\"https://issuer.test\"}")),
        ]
    )
    func keys(_ path: String, _ answer: TransportResponse) async throws {
        let issuer = try TestIssuer()
        let transport = ChangedTransport(issuer, path: path, answer: answer)
        let verifier = verifier(issuer, through: transport)
        let token = try issuer.token()
        #expect(await verifier.code(token) == .keysUnavailable)
        transport.change(to: nil)
        issuer.clock.advance(by: .seconds(60))
        #expect(await verifier.code(token) == nil)
    }

    @Test(
        "An answer that was asked for this request counts however long it took",
        arguments: [Duration.zero, .seconds(1)]
    )
    func slow(_ maxStaleness: Duration) async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        await verifier.refreshKeys()
        let policy = RoutePolicy.anyToken.when(stale: .introspectWhenStale(maxStaleness: maxStaleness))
        for token in [try issuer.token(), issuer.opaqueToken()] {
            issuer.hold()
            async let code = verifier.code(token, for: policy)
            while issuer.heldCount < 1 { await Task.yield() }
            issuer.clock.advance(by: .milliseconds(1_500))
            issuer.release()
            #expect(await code == nil)
        }
        #expect(issuer.requestCount(of: "/introspect") == 2)
    }

    @Test("A question that was under way when the request came is too old where nothing may be")
    func joined() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        await verifier.refreshKeys()
        let token = issuer.opaqueToken()
        let always = RoutePolicy.anyToken.when(stale: .introspectWhenStale(maxStaleness: .zero))
        issuer.hold()
        async let first = verifier.code(token, for: always)
        while issuer.heldCount < 1 { await Task.yield() }
        issuer.clock.advance(by: .seconds(1))
        let arrived = Task { await verifier.code(token, for: always) }
        // It joins the first, and asks again when that is answered.
        for _ in 0..<20 { await Task.yield() }
        issuer.release()
        #expect(await first == nil)
        #expect(await arrived.value == nil)
        #expect(issuer.requestCount(of: "/introspect") == 2)
    }
}
