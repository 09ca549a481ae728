// What a route does when the knowledge of revocations is stale, and how the issuer is then asked (RFC 7662 §2).

import IssuerConnection
import JOSE
import ResourceServerTesting
import Testing

@testable import ResourceServer

@Suite("A route does what its freshness policy says", .timeLimit(.minutes(5)))
struct FreshnessPolicyTests {
    static let strict = RoutePolicy.anyToken.when(stale: .strict(maxStaleness: .seconds(1)))
    static let asking = RoutePolicy.anyToken.when(stale: .introspectWhenStale(maxStaleness: .seconds(1)))
    static let accepting = RoutePolicy.anyToken.when(stale: .accept)

    @Test("While the feed keeps up, every policy serves without a question")
    func fresh() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token()
            await issuer.advance(by: .seconds(30))
            for policy in [Self.strict, Self.asking, Self.accepting] {
                #expect(await verifier.code(token, for: policy) == nil)
                #expect(code { () throws(TokenRefusal) in try verifier.verify(token, for: policy) } == nil)
            }
            #expect(issuer.requestCount(of: "/introspect") == 0)
        }
    }

    @Test("The bound is exact: at it the knowledge counts, beyond it not")
    func bound() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token()
            issuer.clock.advance(by: .seconds(1))
            #expect(await verifier.code(token, for: Self.strict) == nil)
            issuer.clock.advance(by: .milliseconds(1))
            #expect(await verifier.code(token, for: Self.strict) == .revocationStale)
        }
    }

    @Test("Cut off: strict answers 503, accept serves, introspectWhenStale asks, and 503 where there is no answer")
    func cutOff() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token()
            issuer.clock.advance(by: .seconds(2))
            let stale = try await refusal(of: verifier.authorize(authorization: "Bearer \(token)", for: Self.strict))
            #expect(stale.code == .revocationStale)
            #expect(stale.status == 503)
            #expect(stale.retryAfter != nil)
            #expect(await verifier.code(token, for: Self.accepting) == nil)
            #expect(await verifier.code(token, for: Self.asking) == nil)
            #expect(issuer.requestCount(of: "/introspect") == 1)
            issuer.goDown()
            issuer.clock.advance(by: .seconds(2))
            #expect(await verifier.code(token, for: Self.asking) == .introspectionUnavailable)
            #expect(await verifier.code(token, for: Self.accepting) == nil)
        }
    }

    @Test("What the feed cannot say any more, introspection does: a token revoked while the feed is cut is refused")
    func revokedWhileCut() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let (token, other) = (try issuer.token(), try issuer.token())
            issuer.cutStreams()
            await issuer.revoke(token)
            // Nobody has told the verifier, and its knowledge is still within the bound.
            #expect(await verifier.code(token, for: Self.asking) == nil)
            issuer.clock.set(issuer.clock.now)
            issuer.clock.advance(by: .seconds(2))
            #expect([.tokenRevoked].contains(await verifier.code(token, for: Self.asking)))
            #expect(await verifier.code(other, for: Self.asking) == nil)
        }
    }

    @Test("An answer counts as long as the route allows, and no longer")
    func age() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        let token = try issuer.token()
        #expect(await verifier.code(token, for: Self.asking) == nil)
        issuer.clock.advance(by: .seconds(1))
        #expect(await verifier.code(token, for: Self.asking) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 1)
        issuer.clock.advance(by: .milliseconds(1))
        #expect(await verifier.code(token, for: Self.asking) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 2)
        let always = RoutePolicy.anyToken.when(stale: .introspectWhenStale(maxStaleness: .zero))
        issuer.clock.advance(by: .milliseconds(1))
        #expect(await verifier.code(token, for: always) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 3)
    }

    @Test("The feed catches up by itself when the issuer comes back")
    func back() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token { $0.lifetime = .seconds(3_600) }
            issuer.goDown()
            issuer.clock.advance(by: .seconds(5))
            await issuer.revoke(token)
            let other = try issuer.token { $0.lifetime = .seconds(3_600) }
            #expect(await verifier.code(other, for: Self.strict) == .revocationStale)
            issuer.comeBack()
            #expect(await issuer.waitForReaders())
            #expect(await verifier.code(token, for: Self.strict) == .tokenRevoked)
            #expect(await verifier.code(other, for: Self.strict) == nil)
        }
    }

    @Test("Before the feed's first snapshot nothing is fresh")
    func beforeTheFirst() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier()
        await verifier.refreshKeys()
        let token = try issuer.token()
        #expect(verifier.statistics.staleness == nil)
        #expect(await verifier.code(token, for: Self.strict) == .revocationStale)
        #expect(await verifier.code(token, for: Self.asking) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 1)
    }

    @Test("Without a source of revocations tokens count until they expire, and a route that asks for more is a 503")
    func none() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let token = try issuer.token()
        #expect(await verifier.code(token) == nil)
        #expect(await verifier.code(token, for: Self.strict) == .revocationStale)
        #expect(await verifier.code(token, for: Self.asking) == .revocationStale)
        #expect(issuer.requestCount(of: "/introspect") == 0)
    }

    @Test("The default is to ask after a second; without a source to accept; the route has the last word")
    func defaults() {
        let credentials = APICredentials(clientID: "a", secret: "b")
        var configuration = VerifierConfiguration(revocation: .none)
        #expect(configuration.freshness(of: .anyToken) == .accept)
        // A source that is set later is not left unasked.
        configuration.revocation = .feed(credentials)
        #expect(configuration.freshness(of: .anyToken) == .introspectWhenStale(maxStaleness: .seconds(1)))
        configuration.freshness = .strict(maxStaleness: .seconds(3))
        #expect(configuration.freshness(of: .anyToken) == .strict(maxStaleness: .seconds(3)))
        #expect(configuration.freshness(of: Self.accepting) == .accept)
    }

    @Test("What the route refuses anyway costs the issuer no question")
    func cheap() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        let token = try issuer.token(scope: "a")
        #expect(await verifier.code(token, for: .scope("b")) == .scopeInsufficient)
        #expect(issuer.requestCount(of: "/introspect") == 0)
        #expect(await verifier.code(token, for: .scope("a")) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 1)
    }

    @Test("A person, a client, a session, or everything: what is ended is refused, and nothing else")
    func endings() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            func tokens() throws -> [String] {
                try [
                    issuer.token { $0.subject = "anna" }, issuer.token { $0.clientID = "shop" },
                    issuer.token { $0.sessionID = "session-1" }, issuer.token(),
                ]
            }
            let old = try tokens()
            await issuer.revoke(subject: "anna")
            await issuer.revoke(clientID: "shop")
            await issuer.revoke(sessionID: "session-1")
            var codes: [TokenRefusal.Code?] = []
            for token in old { codes.append(await verifier.code(token)) }
            #expect(codes == [.tokenRevoked, .tokenRevoked, .tokenRevoked, nil])
            await issuer.advance(by: .milliseconds(250))
            for token in try tokens() { #expect(await verifier.code(token) == nil) }
            await issuer.revokeEverything()
            #expect(await verifier.code(old[3]) == .tokenRevoked)
            await issuer.advance(by: .milliseconds(250))
            #expect(await verifier.code(try issuer.token()) == nil)
        }
    }
}
