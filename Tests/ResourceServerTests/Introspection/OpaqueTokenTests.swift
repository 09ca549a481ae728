// Opaque tokens, of which only the issuer can tell: RFC 7662 §2.2, §4.

import IssuerConnection
import JOSE
import ResourceServerTesting
import Synchronization
import Testing

@testable import ResourceServer

@Suite("An opaque token is asked about", .timeLimit(.minutes(5)))
struct OpaqueTokenTests {
    @Test("An active one passes with its claims and its policy, an unknown one is refused")
    func active() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = issuer.opaqueToken(scope: "orders:read")
            let access = try await verifier.authorize(
                authorization: "Bearer \(token)",
                for: .scope("orders:read")
            ).get()
            #expect(access.subject == "person-1")
            #expect(access.scopes == ["orders:read"])
            #expect(await verifier.code(token, for: .scope("orders:write")) == .scopeInsufficient)
            #expect(await verifier.code("unknown") == .tokenInvalid)
        }
    }

    @Test("Remembered: the second sight is synchronous; so is a refusal")
    func remembered() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = issuer.opaqueToken()
            #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == .introspectionNeeded)
            for _ in 0..<3 { #expect(await verifier.code(token) == nil) }
            for _ in 0..<3 { #expect(await verifier.code("unknown") == .tokenInvalid) }
            #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == nil)
            #expect(issuer.requestCount(of: "/introspect") == 2)
        }
    }

    @Test("With a fresh feed an answer lasts five seconds, and a revocation ends it at once")
    func withFeed() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let token = issuer.opaqueToken()
            #expect(await verifier.code(token) == nil)
            await issuer.advance(by: .milliseconds(4_750))
            #expect(await verifier.code(token) == nil)
            #expect(issuer.requestCount(of: "/introspect") == 1)
            await issuer.advance(by: .milliseconds(250))
            #expect(await verifier.code(token) == nil)
            #expect(issuer.requestCount(of: "/introspect") == 2)
            await issuer.revoke(token)
            #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == .tokenRevoked)
        }
    }

    @Test("Without a fresh feed an answer lasts as long as the route allows")
    func withoutFeed() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        let token = issuer.opaqueToken()
        #expect(await verifier.code(token) == nil)
        issuer.clock.advance(by: .milliseconds(1_001))
        #expect(await verifier.code(token) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 2)
        let strict = RoutePolicy.anyToken.when(stale: .strict(maxStaleness: .seconds(2)))
        issuer.clock.advance(by: .seconds(2))
        #expect(await verifier.code(token, for: strict) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 2)
        issuer.clock.advance(by: .milliseconds(1))
        #expect(await verifier.code(token, for: strict) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 3)
        let accepting = RoutePolicy.anyToken.when(stale: .accept)
        issuer.clock.advance(by: .milliseconds(4_999))
        #expect(await verifier.code(token, for: accepting) == nil)
        #expect(issuer.requestCount(of: "/introspect") == 3)
    }

    @Test("RFC 7662 §4: no answer outlives the token's exp")
    func expiry() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        let token = issuer.opaqueToken { $0.lifetime = .seconds(3) }
        let accepting = RoutePolicy.anyToken.when(stale: .accept)
        #expect(await verifier.code(token, for: accepting) == nil)
        issuer.clock.advance(by: .milliseconds(2_999))
        #expect(await verifier.code(token, for: accepting) == nil)
        issuer.clock.advance(by: .milliseconds(1))
        #expect(await verifier.code(token, for: accepting) == .tokenInvalid)
        #expect(issuer.requestCount(of: "/introspect") == 2)
    }

    @Test("100 tasks with one token ask once")
    func singleFlight() async throws {
        let issuer = try TestIssuer()
        let clock = CountingClock(issuer.clock)
        let verifier = TokenVerifier(
            issuer: issuer.issuer,
            audience: issuer.audience,
            configuration: VerifierConfiguration(revocation: .introspection(issuer.credentials)),
            transport: issuer,
            clock: clock,
            logger: TokenVerifier.quietLogger
        )
        await verifier.refreshKeys()
        let token = issuer.opaqueToken()
        issuer.hold()
        let before = clock.reads
        let codes = await withTaskGroup(of: TokenRefusal.Code?.self) { group in
            for _ in 0..<100 { group.addTask { await verifier.code(token) } }
            // Each reads the clock twice before it asks: when it arrives, and when it looks among the answers.
            while clock.reads < before + 200 || issuer.heldCount < 1 { await Task.yield() }
            issuer.release()
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.allSatisfy { $0 == nil })
        #expect(codes.count == 100)
        // Whoever came too late to join found the answer.
        #expect(issuer.requestCount(of: "/introspect") == 1)
    }

    @Test("Opaque tokens are refused where nobody can be asked")
    func none() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        #expect(await verifier.code(issuer.opaqueToken()) == .tokenMalformed)
        #expect(issuer.requests.isEmpty)
    }

    @Test("A token that is too long is refused without a question")
    func tooLong() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier()
        #expect(await verifier.code(String(repeating: "a", count: 16 * 1024 + 1)) == .tokenMalformed)
        #expect(issuer.requestCount(of: "/introspect") == 0)
        #expect(await verifier.code(String(repeating: "a", count: 16 * 1024)) == .tokenInvalid)
    }

    @Test("An issuer that is down is a 503, and after five failures it is left alone for a second")
    func pause() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.revocation = .introspection(issuer.credentials) }
        await verifier.refreshKeys()
        issuer.goDown()
        for number in 0..<20 {
            let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer opaque-\(number)"))
            #expect(refusal.code == .introspectionUnavailable)
            #expect(refusal.status == 503)
        }
        #expect(verifier.statistics.introspections == 5)
        #expect(verifier.statistics.introspectionFailures == 5)
        issuer.clock.advance(by: .seconds(1))
        issuer.comeBack()
        #expect(await verifier.code(issuer.opaqueToken()) == nil)
    }

    @Test("Only so many questions are under way at once; one more is a 503 at once")
    func concurrency() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier {
            $0.revocation = .introspection(issuer.credentials)
            $0.introspection.maximumConcurrency = 4
        }
        await verifier.refreshKeys()
        let tokens = (0..<5).map { _ in issuer.opaqueToken() }
        issuer.hold()
        await withTaskGroup(of: TokenRefusal.Code?.self) { group in
            for token in tokens.prefix(4) { group.addTask { await verifier.code(token) } }
            while issuer.heldCount < 4 { await Task.yield() }
            #expect(await verifier.code(tokens[4]) == .introspectionUnavailable)
            issuer.release()
            for await code in group { #expect(code == nil) }
        }
        #expect(await verifier.code(tokens[4]) == nil)
    }

    @Test("No more answers are remembered than the bound, and a flood of junk does not drive out the good ones")
    func bounded() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier {
            $0.revocation = .introspection(issuer.credentials)
            $0.introspection.maximumEntries = 10
        }
        let token = issuer.opaqueToken()
        #expect(await verifier.code(token) == nil)
        for number in 0..<100 { #expect(await verifier.code("junk-\(number)") == .tokenInvalid) }
        #expect(verifier.introspector?.remembered ?? 100 <= 11)
        #expect(code { () throws(TokenRefusal) in try verifier.verify(token) } == nil)
    }
}

@Suite("An introspection response is believed only if it is about this issuer, this API and now")
struct IntrospectionAnswerTests {
    static let now = TestClock().now

    static let good: JSONObject = [
        "active": true, "iss": "https://issuer.test", "aud": "https://api.test", "sub": "person-1",
        "client_id": "client-1", "exp": .integer(now.secondsSinceEpoch + 60), "token_type": "Bearer",
    ]

    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let name: String
        let value: JSON?
        let passes: Bool
    }

    static let changes: [Change] = [
        Change(testDescription: "as it is", name: "x", value: nil, passes: true),
        Change(testDescription: "not active", name: "active", value: false, passes: false),
        Change(testDescription: "FIELD F23: another audience", name: "aud", value: "https://other.test", passes: false),
        Change(testDescription: "FIELD F23: no audience", name: "aud", value: nil, passes: false),
        Change(
            testDescription: "several audiences",
            name: "aud",
            value: ["https://b", "https://api.test"],
            passes: true
        ),
        Change(testDescription: "another issuer", name: "iss", value: "https://other.test", passes: false),
        Change(testDescription: "an issuer that is no text", name: "iss", value: 1, passes: false),
        Change(testDescription: "no issuer", name: "iss", value: nil, passes: true),
        Change(testDescription: "expired", name: "exp", value: .integer(now.secondsSinceEpoch), passes: false),
        Change(testDescription: "an exp that is no number", name: "exp", value: "never", passes: false),
        Change(testDescription: "no exp", name: "exp", value: nil, passes: true),
        Change(testDescription: "not yet", name: "nbf", value: .integer(now.secondsSinceEpoch + 1), passes: false),
        Change(testDescription: "since now", name: "nbf", value: .integer(now.secondsSinceEpoch), passes: true),
        Change(testDescription: "another type", name: "token_type", value: "DPoP", passes: false),
        Change(testDescription: "the type in another case", name: "token_type", value: "bearer", passes: true),
    ]

    @Test("RFC 7662 §2.2: what an answer must say", arguments: changes)
    func judged(_ change: Change) throws {
        var members = Self.good
        members[change.name] = change.value
        let answer = try #require(read(members.serialized()))
        #expect((answer.claims != nil) == change.passes)
    }

    @Test("What is no answer is not taken for one", arguments: ["", "[]", "{}", "{\"active\":\"true\"}", "<html>"])
    func noAnswer(_ text: String) {
        #expect(read(Array(text.utf8)) == nil)
    }

    func read(_ body: [UInt8]) -> IntrospectionAnswer? {
        IntrospectionAnswer(
            body,
            issuer: "https://issuer.test",
            audience: "https://api.test",
            askedAt: .zero,
            now: Self.now
        )
    }
}
