// The issuer and the clock for users' tests.

import Instants
import IssuerConnection
import JOSE
import ResourceServer
import ResourceServerTesting
import Testing

@Suite("The test kit", .timeLimit(.minutes(5)))
struct TestKitTests {
    @Test("A clock wakes whoever waits when the time has come, and not before")
    func clock() async throws {
        let clock = TestClock()
        let start = clock.now
        let sleeper = Task { try await clock.sleep(for: .seconds(2)) }
        while clock.sleeperCount == 0 { await Task.yield() }
        clock.advance(by: .milliseconds(1_999))
        #expect(clock.sleeperCount == 1)
        clock.advance(by: .milliseconds(1))
        try await sleeper.value
        #expect(clock.now == start + .seconds(2))
        #expect(clock.uptime == .seconds(2))
        clock.set(start)
        #expect(clock.now == start)
        #expect(clock.uptime == .seconds(2))
    }

    @Test("Who waits by the clock can be cancelled, before and while")
    func cancelled() async throws {
        let clock = TestClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(2)) }
        while clock.sleeperCount == 0 { await Task.yield() }
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            try await clock.sleep(for: .seconds(2))
        }
        early.cancel()
        await #expect(throws: CancellationError.self) { try await early.value }
        #expect(clock.sleeperCount == 0)
    }

    @Test("Flaws have names of their own, and a user can add one")
    func flaws() async throws {
        #expect(Set(TokenFlaw.all.map(\.description)).count == TokenFlaw.all.count)
        let issuer = try TestIssuer()
        let own = TokenFlaw("without a subject worth the name") { $0.claims["sub"] = "" }
        let token = try issuer.token(with: own)
        #expect(try UnverifiedToken(token).unverifiedClaims["sub"] == "")
    }

    @Test("Introspection needs the API's credentials, and knows only the issuer's own live tokens")
    func introspection() async throws {
        let issuer = try TestIssuer()
        let token = try issuer.token()
        func ask(_ token: String, _ authorization: String?) async throws -> TransportResponse {
            try await issuer.send(
                TransportRequest(
                    method: "POST",
                    url: issuer.issuer + "/introspect",
                    headers: authorization.map { [("Authorization", $0)] } ?? [],
                    body: Array("token=\(token)".utf8)
                )
            )
        }
        let basic = "Basic dGVzdC1hcGk6dGVzdC1zZWNyZXQ="
        #expect(try await ask(token, nil).status == 401)
        #expect(try await ask(token, "Basic eDp5").status == 401)
        func isActive(_ token: String) async throws -> Bool? {
            try JSONObject(parsing: try await ask(token, basic).body)["active"]?.boolValue
        }
        #expect(try await isActive(token) == true)
        #expect(try await isActive("unknown") == false)
        #expect(try await isActive(issuer.token(with: .wrongKey)) == false)
        let short = try issuer.token { $0.lifetime = .seconds(1) }
        issuer.clock.advance(by: .seconds(1))
        #expect(try await isActive(short) == false)
        await issuer.revoke(token)
        #expect(try await isActive(token) == false)
    }

    @Test("An issuer that is down answers nothing, and a request elsewhere goes nowhere")
    func trouble() async throws {
        let issuer = try TestIssuer()
        let request = TransportRequest(url: issuer.issuer + "/jwks")
        #expect(try await issuer.send(request).status == 200)
        issuer.goDown()
        await #expect(throws: TransportError.self) { try await issuer.send(request) }
        issuer.comeBack()
        #expect(try await issuer.send(request).status == 200)
        await #expect(throws: TransportError.self) {
            try await issuer.send(TransportRequest(url: "https://elsewhere.test/jwks"))
        }
        #expect(issuer.requests == Array(repeating: "GET /jwks", count: 3))
    }

    @Test("A revocation is known to every verifier when it returns")
    func several() async throws {
        let issuer = try TestIssuer()
        let token = try issuer.token()
        try await issuer.withVerifier { first in
            try await issuer.withVerifier { second in
                #expect(issuer.readerCount == 2)
                #expect(throws: Never.self) { try first.verify(token) }
                #expect(throws: Never.self) { try second.verify(token) }
                await issuer.revoke(token)
                #expect(throws: TokenRefusal.self) { try first.verify(token) }
                #expect(throws: TokenRefusal.self) { try second.verify(token) }
            }
            // Whoever reads the feed later learns of it from the snapshot.
            try await issuer.withVerifier { third in
                #expect(throws: TokenRefusal.self) { try third.verify(token) }
                #expect(throws: Never.self) { try third.verify(try issuer.token()) }
            }
        }
    }
}
