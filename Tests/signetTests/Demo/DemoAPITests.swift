import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import ResourceServerTesting
import Testing

@testable import signet

/// The demo API accepts exactly the access tokens that RFC 9068 §4 lets it accept, and hears of revocations at once.
@Suite(.timeLimit(.minutes(5))) struct DemoAPITests {
    private let fixture: DemoFixture
    private let origin = HTTPField.Name.origin

    init() throws { fixture = try DemoFixture() }

    @Test func `the API sends orders for a good token`() async throws {
        try await fixture.withAPI { api async throws in
            let response = try await get("/orders", bearer(try fixture.token()), from: api)
            #expect(response.status == .ok)
            let body = try JSONObject(parsing: Array(response.body.readableBytesView))
            #expect(body["subject"] == "person-1")
            #expect(body["orders"]?.arrayValue?.isEmpty == false)
            #expect(response.headers[.cacheControl] == "no-store")
        }
    }

    @Test func `a revoked token is refused at the next request, without a question to the issuer`() async throws {
        try await fixture.withAPI { api async throws in
            let token = try fixture.token()
            #expect(try await get("/orders", bearer(token), from: api).status == .ok)
            await fixture.issuer.revoke(token)
            let response = try await get("/orders", bearer(token), from: api)
            #expect(response.status == .unauthorized)
            #expect(
                response.headers[.wwwAuthenticate]
                    == "Bearer realm=\"demo-orders\", error=\"invalid_token\", "
                    + "error_description=\"the access token was revoked\""
            )
            #expect(try await get("/orders", bearer(try fixture.token()), from: api).status == .ok)
            #expect(fixture.issuer.requestCount(of: "/introspect") == 0)
        }
    }

    @Test func `the API answers RFC 6750's three refusals, each with its challenge`() async throws {
        try await fixture.withAPI { api async throws in
            let none = try await get("/orders", [:], from: api)
            #expect(none.status == .unauthorized)
            #expect(none.headers[.wwwAuthenticate] == "Bearer realm=\"demo-orders\", scope=\"orders:read\"")
            let other = try await get("/orders", bearer(try fixture.token { $0.audience = ["demo"] }), from: api)
            #expect(other.status == .unauthorized)
            #expect(
                other.headers[.wwwAuthenticate]
                    == "Bearer realm=\"demo-orders\", error=\"invalid_token\", "
                    + "error_description=\"the access token is not valid here\""
            )
            let narrow = try await get("/orders", bearer(try fixture.issuer.token(scope: "openid")), from: api)
            #expect(narrow.status == .forbidden)
            #expect(narrow.headers[.wwwAuthenticate]?.contains("error=\"insufficient_scope\"") == true)
            for response in [none, other, narrow] {
                let body = try JSONObject(parsing: Array(response.body.readableBytesView))
                #expect(body["trace_id"]?.stringValue?.isEmpty == false)
            }
        }
    }

    @Test("FIELD F20, F22: a token with one flaw is refused, and its twin passes", arguments: TokenFlaw.all)
    func flaws(flaw: TokenFlaw) async throws {
        try await fixture.withAPI { api async throws in
            let broken = try fixture.issuer.token(scope: "orders:read", with: flaw)
            #expect(try await get("/orders", bearer(broken), from: api).status == .unauthorized)
            #expect(try await get("/orders", bearer(try fixture.token()), from: api).status == .ok)
        }
    }

    @Test("a token without the scope gets 403", arguments: ["openid", "orders:read-all", "orders", ""])
    func missingScope(scope: String) async throws {
        try await fixture.withAPI { api async throws in
            let response = try await get("/orders", bearer(try fixture.issuer.token(scope: scope)), from: api)
            #expect(response.status == .forbidden)
            #expect(response.headers[.wwwAuthenticate]?.hasSuffix("scope=\"orders:read\"") == true)
        }
    }

    @Test(
        "a request without a usable header is told so (RFC 6750 §3.1)",
        arguments: [
            ([], 401, nil), (["Basic eDp5"], 401, nil), (["Bearer"], 400, "invalid_request"),
            (["Bearer "], 400, "invalid_request"), (["Bearer a b"], 400, "invalid_request"),
            (["Bearer a,b"], 400, "invalid_request"), (["Bearer x.y.z", "Bearer x.y.z"], 400, "invalid_request"),
            (["Bearer x.y.z"], 401, "invalid_token"),
        ] as [([String], Int, String?)]
    )
    func header(authorization: [String], status: Int, code: String?) async throws {
        try await fixture.withAPI { api async throws in
            var headers: HTTPFields = [:]
            for line in authorization { headers.append(HTTPField(name: .authorization, value: line)) }
            let response = try await get("/orders", headers, from: api)
            #expect(response.status.code == status)
            let body = try JSONObject(parsing: Array(response.body.readableBytesView))
            #expect(body["error"]?.stringValue == code)
            #expect(response.headers[.wwwAuthenticate]?.contains("error=") == (code != nil))
        }
    }

    @Test func `a token in the query is not looked at`() async throws {
        try await fixture.withAPI { api async throws in
            let response = try await get("/orders?access_token=\(try fixture.token())", [:], from: api)
            #expect(response.status == .unauthorized)
        }
    }

    @Test func `the API says when it cannot reach the issuer`() async throws {
        try await fixture.withAPI { api async throws in
            fixture.issuer.goDown()
            fixture.issuer.clock.advance(by: .seconds(2))
            let response = try await get("/orders", bearer(try fixture.token()), from: api)
            #expect(response.status == .serviceUnavailable)
            #expect(response.headers[.retryAfter] == "1")
            #expect(response.headers[.wwwAuthenticate] == nil)
        }
    }

    @Test func `without credentials of its own the API knows the keys, and no revocation`() async throws {
        let verifier = fixture.issuer.verifier { $0 = DemoAPI.verification(nil) }
        let demo = DemoAPI(configuration: fixture.configuration, verifier: verifier, logger: fixture.logger)
        let api = Application(router: demo.router(), logger: fixture.logger)
        #expect(try await get("/orders", bearer(try fixture.token()), from: api).status == .ok)
        let expired = try fixture.issuer.token(scope: "orders:read", with: .expired)
        #expect(try await get("/orders", bearer(expired), from: api).status == .unauthorized)
    }

    @Test func `the demo's origin may read the API's answers, its challenges included`() async throws {
        try await fixture.withAPI { api async throws in
            let response = try await get("/orders", [origin: "http://localhost:8081"], from: api)
            #expect(response.headers[.accessControlAllowOrigin] == "http://localhost:8081")
            #expect(response.headers[.accessControlExposeHeaders] == "WWW-Authenticate")
            #expect(response.headers[.vary] == "Origin")
        }
    }

    @Test(
        "CWE-942: no other origin may",
        arguments: [
            "http://localhost:8082", "http://localhost:80810", "https://localhost:8081", "http://evil.example", "null",
            "http://localhost:8081.evil.example", "http://LOCALHOST:8081",
        ]
    )
    func foreignOrigin(foreign: String) async throws {
        try await fixture.withAPI { api async throws in
            for method in [HTTPRequest.Method.get, .options] {
                let headers: HTTPFields = [origin: foreign, .accessControlRequestMethod: "GET"]
                let response = try await api.test(.router) { client in
                    try await client.executeRequest(uri: "/orders", method: method, headers: headers, body: nil)
                }
                #expect(response.headers[.accessControlAllowOrigin] == nil)
                #expect(response.headers[.accessControlAllowHeaders] == nil)
            }
        }
    }

    @Test func `a preflight from the demo's origin is allowed the one header it needs`() async throws {
        try await fixture.withAPI { api async throws in
            let headers: HTTPFields = [origin: "http://localhost:8081", .accessControlRequestMethod: "GET"]
            let response = try await api.test(.router) { client in
                try await client.executeRequest(uri: "/orders", method: .options, headers: headers, body: nil)
            }
            #expect(response.status == .noContent)
            #expect(response.headers[.accessControlAllowHeaders] == "Authorization")
            #expect(response.headers[.accessControlAllowMethods] == "GET")
            #expect(response.headers[.accessControlAllowCredentials] == nil)
        }
    }

    private func bearer(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }
}
