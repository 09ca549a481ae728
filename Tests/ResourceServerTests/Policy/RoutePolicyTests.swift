// What a route demands: RFC 6749 §3.3 scopes, claims, RFC 9470 §3 authentication.

import IssuerConnection
import JOSE
import ResourceServerTesting
import Testing

@testable import ResourceServer

@Suite("A route is open to the tokens that its policy names", .timeLimit(.minutes(5)))
struct RoutePolicyTests {
    /// A requirement, a token that meets it, and its twin that does not.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let requirement: Requirement
        let meets: @Sendable (inout TestClaims) -> Void
        let misses: @Sendable (inout TestClaims) -> Void
        let code: TokenRefusal.Code
    }

    static let cases: [Case] = [
        Case(
            testDescription: "all of two scopes",
            requirement: .scopes(allOf: ["a", "b"]),
            meets: { $0.scope = "b c a" },
            misses: { $0.scope = "b c" },
            code: .scopeInsufficient
        ),
        Case(
            testDescription: "one of two scopes",
            requirement: .scopes(anyOf: ["a", "b"]),
            meets: { $0.scope = "b" },
            misses: { $0.scope = "ab" },
            code: .scopeInsufficient
        ),
        Case(
            testDescription: "scopes are compared by code points: U+212A is no K",
            requirement: .scopes(allOf: ["K"]),
            meets: { $0.scope = "K" },
            misses: { $0.scope = "\u{212A}" },
            code: .scopeInsufficient
        ),
        Case(
            testDescription: "a claim with a value",
            requirement: .claim("tenant", equals: "blue"),
            meets: { $0.others = ["tenant": "blue"] },
            misses: { $0.others = ["tenant": "green"] },
            code: .claimInsufficient
        ),
        Case(
            testDescription: "a claim that is absent",
            requirement: .claim("tenant") { _ in true },
            meets: { $0.others = ["tenant": nil] },
            misses: { _ in },
            code: .claimInsufficient
        ),
        Case(
            testDescription: "a claim with a value in it",
            requirement: .claim("roles", contains: "admin"),
            meets: { $0.others = ["roles": ["user", "admin"]] },
            misses: { $0.others = ["roles": ["user", "administrator"]] },
            code: .claimInsufficient
        ),
        Case(
            testDescription: "a claim that is the value alone",
            requirement: .claim("roles", contains: "admin"),
            meets: { $0.others = ["roles": "admin"] },
            misses: { $0.others = ["roles": "admin user"] },
            code: .claimInsufficient
        ),
        Case(
            testDescription: "a claim by a predicate",
            requirement: .claim("level") { $0.integerValue.map { $0 >= 3 } ?? false },
            meets: { $0.others = ["level": 3] },
            misses: { $0.others = ["level": 2] },
            code: .claimInsufficient
        ),
        Case(
            testDescription: "an acr",
            requirement: .acr(anyOf: ["urn:mfa", "urn:passkey"]),
            meets: { $0.authenticationContext = "urn:passkey" },
            misses: { $0.authenticationContext = "urn:pwd" },
            code: .authenticationInsufficient
        ),
        Case(
            testDescription: "an acr that is absent",
            requirement: .acr(anyOf: ["urn:mfa"]),
            meets: { $0.authenticationContext = "urn:mfa" },
            misses: { _ in },
            code: .authenticationInsufficient
        ),
        Case(
            testDescription: "an authentication of late",
            requirement: .authenticated(within: .seconds(300)),
            meets: { $0.authenticatedAt = TestClock().now - .seconds(305) },
            misses: { $0.authenticatedAt = TestClock().now - .seconds(306) },
            code: .authenticationInsufficient
        ),
        Case(
            testDescription: "an authentication that is absent",
            requirement: .authenticated(within: .seconds(300)),
            meets: { $0.authenticatedAt = TestClock().now },
            misses: { _ in },
            code: .authenticationInsufficient
        ),
    ]

    @Test("A token that meets the requirement passes, and its twin does not", arguments: cases)
    func requirement(_ expected: Case) async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let policy = RoutePolicy(expected.requirement)
        #expect(await verifier.code(try issuer.token(expected.meets), for: policy) == nil)
        #expect(await verifier.code(try issuer.token(expected.misses), for: policy) == expected.code)
    }

    @Test("An empty list of alternatives refuses everybody")
    func empty() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let token = try issuer.token(scope: "a") { $0.authenticationContext = "b" }
        #expect(await verifier.code(token, for: RoutePolicy(.scopes(anyOf: []))) == .scopeInsufficient)
        #expect(await verifier.code(token, for: RoutePolicy(.acr(anyOf: []))) == .authenticationInsufficient)
        #expect(await verifier.code(token, for: RoutePolicy(.scopes(allOf: []))) == nil)
    }

    @Test("RFC 6750 §3: the challenge names every scope that the route needs, and the first of those that would do")
    func scopes() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let policy = RoutePolicy.scope("a", "b").and(.scopes(anyOf: ["c", "d"])).and(.scopes(allOf: ["a"]))
        let token = try issuer.token(scope: "a")
        let refusal = try await refusal(of: verifier.authorize(authorization: "Bearer \(token)", for: policy))
        #expect(refusal.status == 403)
        #expect(refusal.scope == ["a", "b", "c"])
    }

    @Test("RFC 9470 §3: one step-up is asked for everything that lacks")
    func stepUp() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let policy = RoutePolicy(
            .authenticated(within: .seconds(600)),
            .acr(anyOf: ["urn:mfa"]),
            .authenticated(within: .seconds(300))
        )
        let refusal = try await refusal(
            of: verifier.authorize(authorization: "Bearer \(try issuer.token())", for: policy)
        )
        #expect(refusal.acrValues == ["urn:mfa"])
        #expect(refusal.maximumAge == .seconds(300))
    }

    @Test("The first requirement that is not met is answered")
    func order() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0 = VerifierConfiguration(revocation: .none) }
        let token = try issuer.token()
        let policy = RoutePolicy(.acr(anyOf: ["urn:mfa"]), .scopes(allOf: ["a"]))
        #expect(await verifier.code(token, for: policy) == .authenticationInsufficient)
        let reversed = RoutePolicy(.scopes(allOf: ["a"]), .acr(anyOf: ["urn:mfa"]))
        #expect(await verifier.code(token, for: reversed) == .scopeInsufficient)
    }
}
