import IssuerConnection
import JOSE
import Testing

/// RFC 8414 and OpenID Connect Discovery, as a client reads them.
@Suite struct DiscoveryTests {
    static let issuer = "https://issuer.example/tenant"

    static func document(_ issuer: String = issuer, _ members: String = "") -> String {
        #"{"issuer":"\#(issuer)","token_endpoint":"https://issuer.example/token"\#(members)}"#
    }

    private func refusal(
        _ answers: [ScriptedTransport.Answer],
        of issuer: String = issuer
    ) async -> DiscoveryError.Code? {
        do throws(DiscoveryError) {
            _ = try await IssuerMetadata.discover(issuer, by: ScriptedTransport(answers))
            return nil
        } catch {
            return error.code
        }
    }

    @Test(
        "RFC 8414 §3.1: the well-known text stands between host and path, without a slash at the end; OpenID's behind it",
        arguments: [
            ("https://issuer.example", "https://issuer.example", ""),
            ("https://issuer.example/", "https://issuer.example", ""),
            ("https://issuer.example/a/b", "https://issuer.example", "/a/b"),
            ("https://issuer.example/a/b/", "https://issuer.example", "/a/b"),
            ("http://127.0.0.1:8080/t", "http://127.0.0.1:8080", "/t"),
        ]
    )
    func places(issuer: String, root: String, path: String) async throws {
        let document = #"{"issuer":"\#(issuer)"}"#
        let transport = ScriptedTransport([
            .success(.json("{}", status: 404)), .success(.json(document)),
        ])
        let metadata = try await IssuerMetadata.discover(issuer, by: transport)
        #expect(metadata.issuer == issuer)
        #expect(
            transport.requests.map(\.url) == [
                "\(root)/.well-known/oauth-authorization-server\(path)",
                "\(root)\(path)/.well-known/openid-configuration",
            ]
        )
    }

    @Test("Endpoints are read; what is not there is nil; other members can be read by name")
    func members() async throws {
        let text = Self.document(
            Self.issuer,
            #","jwks_uri":"https://keys.example/jwks","revocation_feed_endpoint":"https://issuer.example/revocations","#
                + #""authorization_response_iss_parameter_supported":true,"userinfo_endpoint":null,"custom":[1]"#
        )
        let transport = ScriptedTransport([.success(.json(text))])
        let metadata = try await IssuerMetadata.discover(Self.issuer, by: transport)
        #expect(metadata.tokenEndpoint == "https://issuer.example/token")
        #expect(metadata.jwksURI == "https://keys.example/jwks")
        #expect(metadata.revocationFeedEndpoint == "https://issuer.example/revocations")
        #expect(metadata.userInfoEndpoint == nil && metadata.introspectionEndpoint == nil)
        #expect(metadata.sendsIssuerInResponse)
        #expect(metadata["custom"] == [1])
    }

    @Test(
        "RFC 8414 §3.3: a document of another issuer is refused, and not passed over (mix-up)",
        arguments: [
            "https://evil.example/tenant", "https://issuer.example/tenant/", "https://ISSUER.example/tenant",
            "https://issuer.example", "https://issuer.example/tenant%2e", "",
        ]
    )
    func otherIssuer(claimed: String) async {
        let good = ScriptedTransport.Answer.success(.json(Self.document()))
        #expect(await refusal([.success(.json(Self.document(claimed))), good]) == .issuerMismatch)
        #expect(
            await refusal([.success(.json(#"{"token_endpoint":"https://issuer.example/token"}"#)), good])
                == .issuerMismatch
        )
        #expect(await refusal([good]) == nil)
    }

    @Test(
        "FIELD I28: an endpoint that is not https is refused",
        arguments: [
            "http://issuer.example/x", "http://127.0.0.1/x", "http://169.254.169.254/latest", "javascript:alert(1)",
            "file:///etc/passwd", "/relative", "https://", "https://user@issuer.example/", "https://issuer.example/#f",
            "",
        ]
    )
    func endpoints(url: String) async {
        for name in ["token_endpoint", "jwks_uri", "revocation_feed_endpoint", "device_authorization_endpoint"] {
            func answer(_ url: String) -> ScriptedTransport.Answer {
                .success(.json(#"{"issuer":"\#(Self.issuer)","\#(name)":"\#(url)"}"#))
            }
            #expect(await refusal([answer(url)]) == .endpointInvalid)
            #expect(await refusal([answer("https://other.example/x?y=z")]) == nil)
        }
        #expect(await refusal([.success(.json(#"{"issuer":"\#(Self.issuer)","jwks_uri":7}"#))]) == .endpointInvalid)
    }

    @Test("An issuer on loopback may name endpoints on loopback, and no others without TLS")
    func loopback() async {
        func answer(_ url: String) -> [ScriptedTransport.Answer] {
            [.success(.json(#"{"issuer":"http://127.0.0.1:8080","token_endpoint":"\#(url)"}"#))]
        }
        #expect(await refusal(answer("http://127.0.0.1:8081/token"), of: "http://127.0.0.1:8080") == nil)
        #expect(await refusal(answer("http://issuer.example/token"), of: "http://127.0.0.1:8080") == .endpointInvalid)
    }

    @Test(
        "RFC 8414 §2: what is no https URL without query and fragment is no issuer",
        arguments: [
            "http://issuer.example", "https://issuer.example?x", "https://issuer.example#x", "issuer.example", "",
            "https://a@issuer.example", "ftp://issuer.example", "https://issuer.example/\n",
        ]
    )
    func issuers(text: String) async {
        #expect(await refusal([.success(.json(Self.document(text)))], of: text) == .issuerInvalid)
    }

    @Test("A server in trouble is told apart from one without metadata, and a page from a document")
    func trouble() async throws {
        let missing = ScriptedTransport.Answer.success(.json("{}", status: 404))
        let down = ScriptedTransport.Answer.success(.json("{}", status: 503))
        let page = ScriptedTransport.Answer.success(.json("<html>", status: 200))
        #expect(await refusal([missing, missing]) == .notFound)
        #expect(await refusal([down, missing]) == .unavailable)
        #expect(await refusal([page, page]) == .notFound)
        #expect(await refusal([page, .success(.json(Self.document()))]) == nil)
        #expect(await refusal([.failure(TransportError(.timedOut, reason: "x"))]) == .transport)
    }

    @Test("A document over the bound is not read")
    func bound() async throws {
        let transport = ScriptedTransport([.success(.json(Self.document()))])
        _ = try await IssuerMetadata.discover(Self.issuer, by: transport)
        #expect(transport.requests.first?.maximumBytes == 256 * 1024)
    }
}
