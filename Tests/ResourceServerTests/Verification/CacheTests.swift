// The cache of verified tokens in front (RFC 7519 §7.2): it may spare a signature, and nothing else.

import IssuerConnection
import JOSE
import ResourceServer
import ResourceServerTesting
import Testing

@Suite("What is remembered of a token decides nothing", .timeLimit(.minutes(5)))
struct CacheTests {
    @Test("FIELD F23, CVE-2021-32701: a token that passed one route's policy is judged anew by the next route's")
    func scope() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(scope: "orders:read")
            #expect(await verifier.code(token, for: .scope("orders:read")) == nil)
            #expect(await verifier.code(token, for: .scope("orders:write")) == .scopeInsufficient)
            #expect(await verifier.code(token, for: .scope("orders:read")) == nil)
            #expect(verifier.statistics.cache.hits == 2)
            #expect(verifier.statistics.cache.misses == 1)
        }
    }

    @Test("A token that is remembered is refused from the moment on at which the feed names it")
    func revoked() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let (token, other) = (try issuer.token(), try issuer.token())
            #expect(await verifier.code(token) == nil)
            #expect(await verifier.code(other) == nil)
            await issuer.revoke(token)
            let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer \(token)"))
            #expect(refusal.code == .tokenRevoked)
            #expect(refusal.errorDescription == "the access token was revoked")
            #expect(await verifier.code(other) == nil)
            #expect(verifier.statistics.introspections == 0)
        }
    }

    @Test("A token that is remembered expires at its moment")
    func expired() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token { $0.lifetime = .seconds(10) }
            #expect(await verifier.code(token) == nil)
            await issuer.advance(by: .seconds(9))
            #expect(await verifier.code(token) == nil)
            await issuer.advance(by: .seconds(2))
            #expect(await verifier.code(token) == .tokenExpired)
        }
    }

    @Test("FIELD F23: what one verifier remembers does not answer another with other expectations")
    func apart() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token()
            #expect(await verifier.code(token) == nil)
            let elsewhere = TokenVerifier(
                issuer: issuer.issuer,
                audience: "https://other-api.test",
                configuration: VerifierConfiguration(revocation: .none),
                transport: issuer,
                clock: issuer.clock
            )
            #expect(await elsewhere.code(token) == .tokenInvalid)
        }
    }

    @Test("A late clock here does not bring back what the feed has forgotten as expired")
    func lateClock() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token { $0.lifetime = .seconds(60) }
            #expect(await verifier.code(token) == nil)
            let morning = issuer.clock.now
            await issuer.advance(by: .seconds(61))
            // By the wall here a minute has not passed; by the issuer's clock it has.
            issuer.clock.set(morning)
            #expect(await verifier.code(token) == .tokenExpired)
        }
    }

    @Test("A token of a server whose wall clock was set back counts for as long as it lives, and no longer")
    func clockSetBack() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            issuer.clock.set(issuer.clock.now - .seconds(3600))
            let token = try issuer.token { $0.lifetime = .seconds(60) }
            #expect(await verifier.code(token) == nil)
            let morning = issuer.clock.now
            await issuer.advance(by: .seconds(59))
            #expect(await verifier.code(token) == nil)
            await issuer.advance(by: .seconds(2))
            issuer.clock.set(morning)
            #expect(await verifier.code(token) == .tokenExpired)
        }
    }

    @Test("What a route gets of a token are its claims")
    func claims() async throws {
        struct Tenant: Decodable, Equatable {
            var tenant: String
            var exp: Instant
        }
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(scope: "a b") {
                $0.authenticatedAt = issuer.clock.now
                $0.authenticationContext = "urn:mfa"
                $0.authenticationMethods = ["pwd", "otp"]
                $0.sessionID = "session-1"
                $0.others = ["tenant": "blue"]
            }
            let access = try verifier.verify(token)
            #expect(access.subject == "person-1")
            #expect(access.clientID == "client-1")
            #expect(access.scopes == ["a", "b"])
            #expect(access.audience == [issuer.audience])
            #expect(access.issuer == issuer.issuer)
            #expect(access.tokenID == "token-1")
            #expect(access.authenticatedAt == issuer.clock.now)
            #expect(access.authenticationContext == "urn:mfa")
            #expect(access.authenticationMethods == ["pwd", "otp"])
            #expect(access.sessionID == "session-1")
            #expect(access[claim: "tenant"] == "blue")
            #expect(access.expiresAt == issuer.clock.now + .seconds(300))
            let tenant = try access.claims(as: Tenant.self)
            #expect(tenant == Tenant(tenant: "blue", exp: issuer.clock.now + .seconds(300)))
            #expect(!String(reflecting: access).contains(token))
        }
    }

    @Test("A token whose client_id is no text is malformed")
    func clientID() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token(with: TokenFlaw("a number") { $0.claims["client_id"] = 7 })
            #expect(await verifier.code(token) == .tokenMalformed)
            #expect(await verifier.code(try issuer.token()) == nil)
        }
    }

    @Test("A rev that cannot be read is refused while a feed is followed: nothing could ever revoke the token")
    func unreadableClaim() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = try issuer.token { $0.others = ["rev": "AgAAAAAAAAA"] }
            #expect(await verifier.code(token) == .tokenMalformed)
            #expect(await verifier.code(try issuer.token()) == nil)
        }
        let without = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        #expect(await without.code(try issuer.token(with: .missing("rev"))) == nil)
    }
}
