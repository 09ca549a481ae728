// RFC 9728: the document and its address.

import IssuerConnection
import JOSE
import ResourceServer
import ResourceServerTesting
import Testing

@Suite("An API says where its tokens come from")
struct ProtectedResourceMetadataTests {
    @Test(
        "RFC 9728 §3.1: the well-known path goes between host and path",
        arguments: [
            ("https://api.test", "https://api.test/.well-known/oauth-protected-resource"),
            ("https://api.test/", "https://api.test/.well-known/oauth-protected-resource"),
            ("https://api.test/orders", "https://api.test/.well-known/oauth-protected-resource/orders"),
            ("https://api.test/orders/", "https://api.test/.well-known/oauth-protected-resource/orders/"),
            ("https://api.test:8443/a/b", "https://api.test:8443/.well-known/oauth-protected-resource/a/b"),
            ("https://api.test/a?tenant=b", "https://api.test/.well-known/oauth-protected-resource/a?tenant=b"),
            ("https://api.test/?tenant=b", "https://api.test/.well-known/oauth-protected-resource?tenant=b"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081/.well-known/oauth-protected-resource"),
        ]
    )
    func address(_ resource: String, _ url: String) throws {
        let metadata = try #require(ProtectedResourceMetadata(resource: resource, authorizationServers: []))
        #expect(metadata.url == url)
        #expect(metadata.url.hasSuffix(metadata.path))
        #expect(metadata.resource == resource)
    }

    @Test(
        "RFC 9728 §1.2: what is no https URL without a fragment names no resource",
        arguments: ["http://api.test", "https://api.test/#a", "api.test", "https://user@api.test", "urn:api", ""]
    )
    func refused(_ resource: String) {
        #expect(ProtectedResourceMetadata(resource: resource, authorizationServers: []) == nil)
    }

    @Test("RFC 9728 §2: the document")
    func document() throws {
        var metadata = try #require(
            ProtectedResourceMetadata(
                resource: "https://api.test/orders",
                authorizationServers: ["https://id.test"],
                scopes: ["orders:read"],
                name: "Orders"
            )
        )
        metadata.additional = ["resource_policy_uri": "https://api.test/policy", "resource": "https://evil.test"]
        let document = try JSONObject(parsing: metadata.document)
        let expected: JSONObject = [
            "resource": "https://api.test/orders", "authorization_servers": ["https://id.test"],
            "scopes_supported": ["orders:read"], "bearer_methods_supported": ["header"], "resource_name": "Orders",
            "resource_policy_uri": "https://api.test/policy",
        ]
        #expect(document == expected)
    }

    @Test("RFC 9728 §5.1: the verifier's challenges name the address")
    func challenge() async throws {
        let issuer = try TestIssuer()
        let metadata = ProtectedResourceMetadata(resource: issuer.audience, authorizationServers: [issuer.issuer])
        let verifier = issuer.verifier { $0.metadata = metadata }
        let refusal = try await refusal(of: verifier.authorize(authorization: nil))
        let challenge = verifier.headers(for: refusal).first { $0.name == "WWW-Authenticate" }?.value
        #expect(challenge == #"Bearer resource_metadata="https://api.test/.well-known/oauth-protected-resource""#)
    }
}
