import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import Logging
import Testing

@testable import signet

@Suite struct DemoServersTests {
    private let fixture: DemoFixture
    private let api: Application<RouterResponder<BasicRequestContext>>
    private let application: Application<RouterResponder<BasicRequestContext>>
    private let origin = HTTPField.Name.origin

    init() throws {
        fixture = try DemoFixture()
        let logger = Logger(label: "demo", factory: { _ in SwiftLogNoOpLogHandler() })
        api = Application(
            router: DemoAPI(
                configuration: fixture.configuration,
                logger: logger,
                documents: fixture.documents,
                time: fixture.time
            ).router(),
            logger: logger
        )
        application = Application(
            router: DemoApplication(configuration: fixture.configuration, logger: logger).router(),
            logger: logger
        )
    }

    @Test func `the API sends orders for a good token`() async throws {
        let headers: HTTPFields = [.authorization: "Bearer \(try fixture.token())"]
        let response = try await get("/orders", headers, from: api)
        #expect(response.status == .ok)
        let body = try JSONObject(parsing: Array(response.body.readableBytesView))
        #expect(body["subject"] == "person-1")
        #expect(body["orders"]?.arrayValue?.isEmpty == false)
        #expect(response.headers[.cacheControl] == "no-store")
    }

    @Test func `the API answers RFC 6750's three refusals, each with its challenge`() async throws {
        let none = try await get("/orders", [:], from: api)
        #expect(none.status == .unauthorized)
        #expect(none.headers[.wwwAuthenticate] == "Bearer realm=\"demo-orders\"")
        let other = try await get(
            "/orders",
            [.authorization: "Bearer \(try fixture.token { $0["aud"] = "demo" })"],
            from: api
        )
        #expect(other.status == .unauthorized)
        #expect(
            other.headers[.wwwAuthenticate]
                == "Bearer realm=\"demo-orders\", error=\"invalid_token\", "
                + "error_description=\"The access token is not valid for this API.\""
        )
        let narrow = try await get(
            "/orders",
            [.authorization: "Bearer \(try fixture.token { $0["scope"] = "openid" })"],
            from: api
        )
        #expect(narrow.status == .forbidden)
        #expect(narrow.headers[.wwwAuthenticate]?.contains("error=\"insufficient_scope\"") == true)
        for response in [none, other, narrow] {
            let body = try JSONObject(parsing: Array(response.body.readableBytesView))
            #expect(body["trace_id"]?.stringValue?.isEmpty == false)
        }
    }

    @Test func `a token in the query is not looked at`() async throws {
        let response = try await get("/orders?access_token=\(try fixture.token())", [:], from: api)
        #expect(response.status == .unauthorized)
    }

    @Test func `the API says when it cannot reach the issuer`() async throws {
        fixture.documents.set(nil, at: DemoFixture.metadataAddress)
        let response = try await get("/orders", [.authorization: "Bearer \(try fixture.token())"], from: api)
        #expect(response.status == .serviceUnavailable)
        #expect(response.headers[.retryAfter] == "1")
        #expect(response.headers[.wwwAuthenticate] == nil)
    }

    @Test func `the demo's origin may read the API's answers, its challenges included`() async throws {
        let response = try await get("/orders", [origin: "http://localhost:8081"], from: api)
        #expect(response.headers[.accessControlAllowOrigin] == "http://localhost:8081")
        #expect(response.headers[.accessControlExposeHeaders] == "WWW-Authenticate")
        #expect(response.headers[.vary] == "Origin")
    }

    @Test(
        "CWE-942: no other origin may",
        arguments: [
            "http://localhost:8082", "http://localhost:80810", "https://localhost:8081", "http://evil.example", "null",
            "http://localhost:8081.evil.example", "http://LOCALHOST:8081",
        ]
    )
    func foreignOrigin(foreign: String) async throws {
        for method in [HTTPRequest.Method.get, .options] {
            let headers: HTTPFields = [origin: foreign, .accessControlRequestMethod: "GET"]
            let response = try await api.test(.router) { client in
                try await client.executeRequest(uri: "/orders", method: method, headers: headers, body: nil)
            }
            #expect(response.headers[.accessControlAllowOrigin] == nil)
            #expect(response.headers[.accessControlAllowHeaders] == nil)
        }
    }

    @Test func `a preflight from the demo's origin is allowed the one header it needs`() async throws {
        let headers: HTTPFields = [origin: "http://localhost:8081", .accessControlRequestMethod: "GET"]
        let response = try await api.test(.router) { client in
            try await client.executeRequest(uri: "/orders", method: .options, headers: headers, body: nil)
        }
        #expect(response.status == .noContent)
        #expect(response.headers[.accessControlAllowHeaders] == "Authorization")
        #expect(response.headers[.accessControlAllowMethods] == "GET")
        #expect(response.headers[.accessControlAllowCredentials] == nil)
    }

    @Test(
        "the page is served at both addresses, uncached and under a strict policy",
        arguments: ["/", "/callback?code=x"]
    )
    func page(path: String) async throws {
        let response = try await get(path, [:], from: application)
        #expect(response.status == .ok)
        #expect(response.headers[.cacheControl] == "no-store")
        let policy = try #require(response.headers[.contentSecurityPolicy])
        #expect(
            policy.hasPrefix(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                    + "connect-src 'self' http://localhost:8080 http://localhost:8082; base-uri 'none'; "
            )
        )
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
    }

    @Test func `every script and style the page names is served, and known files are answered from the cache`()
        async throws
    {
        for name in ["demo.css", "demo.js", "demo-oauth.js", "demo-words.js", "signet.svg"] {
            let response = try await get("/\(name)", [:], from: application)
            #expect(response.status == .ok, "\(name)")
            #expect(response.headers[.xContentTypeOptions] == "nosniff")
            let tag = try #require(response.headers[.eTag])
            let again = try await get("/\(name)", [.ifNoneMatch: tag], from: application)
            #expect(again.status == .notModified)
            #expect(try await get("/\(name)", [.ifNoneMatch: "\"old\""], from: application).status == .ok)
        }
    }

    @Test(
        "CVE-2022-29967: nothing else is served",
        arguments: ["/demo.html/../signet.css", "/..%2f..%2fetc%2fpasswd", "/assets/signet.css", "/orders"]
    )
    func unknown(path: String) async throws {
        let response = try await get(path, [:], from: application)
        #expect(response.status == .notFound)
        #expect(response.headers[.contentSecurityPolicy] != nil)
    }

    @Test func `the page learns where to go, and that is all public`() async throws {
        let response = try await get("/config.json", [:], from: application)
        let body = try JSONObject(parsing: Array(response.body.readableBytesView))
        #expect(body["issuer"] == "http://localhost:8080")
        #expect(body["clientID"] == "demo")
        #expect(body["redirectURI"] == "http://localhost:8081/callback")
        #expect(body["postLogoutRedirectURI"] == "http://localhost:8081/")
        #expect(body["apiURL"] == "http://localhost:8082")
        #expect(body["scope"] == "openid orders:read")
        #expect(body["resource"] == "http://localhost:8082")
        #expect(body.count == 7)
    }

    private func get(
        _ path: String,
        _ headers: HTTPFields,
        from application: some ApplicationProtocol
    ) async throws -> TestResponse {
        try await application.test(.router) { client in
            try await client.executeRequest(uri: path, method: .get, headers: headers, body: nil)
        }
    }
}
