// Tokens that the feed cannot name, and strangers who keep the issuer from being asked.

import IssuerConnection
import JOSE
import ResourceServerTesting
import Testing

@testable import ResourceServer

@Suite("A verifier under attack", .timeLimit(.minutes(5)))
struct AttackTests {
    @Test("FIELD R48: a token whose handles are for the feed of another audience is refused")
    func otherAudience() async throws {
        let issuer = try TestIssuer()
        try await issuer.withVerifier { verifier in
            let ours = try issuer.token { $0.audience = [issuer.audience, "https://other.test"] }
            let other = try issuer.token { $0.audience = ["https://other.test", issuer.audience] }
            #expect(await verifier.code(ours) == nil)
            #expect(await verifier.code(other) == .tokenInvalid)
        }
    }

    @Test("FIELD P45: tokens that the issuer refuses to look at do not stop it from being asked about others")
    func unfitTokens() async throws {
        let issuer = try TestIssuer()
        let transport = ChangedTransport(issuer, path: "/introspect", answer: nil)
        let verifier = IssuerFaultTests().verifier(issuer, through: transport)
        transport.change(to: IssuerFaultTests.response(413))
        for _ in 0..<20 { #expect(await verifier.code(issuer.opaqueToken()) == .introspectionUnavailable) }
        transport.change(to: nil)
        #expect(await verifier.code(issuer.opaqueToken()) == nil)
        // An issuer that is in trouble itself is left alone for a moment.
        transport.change(to: IssuerFaultTests.response(500))
        for _ in 0..<20 { #expect(await verifier.code(issuer.opaqueToken()) == .introspectionUnavailable) }
        transport.change(to: nil)
        #expect(await verifier.code(issuer.opaqueToken()) == .introspectionUnavailable)
    }
}
