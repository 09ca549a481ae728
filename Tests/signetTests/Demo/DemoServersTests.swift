import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import Testing

@testable import signet

/// The application of the demo.
@Suite struct DemoServersTests {
    private let application: Application<RouterResponder<BasicRequestContext>>

    init() throws {
        let fixture = try DemoFixture()
        application = Application(
            router: DemoApplication(configuration: fixture.configuration, logger: fixture.logger).router(),
            logger: fixture.logger
        )
    }

    @Test(
        "the page is served at its addresses, uncached and under a strict policy",
        arguments: ["/", "/callback?code=x", "/signed-out"]
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
        for name in ["demo.css", "demo.js", "demo-log.js", "demo-words.js", "signet.svg", "signet.js"] {
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
        #expect(body["postLogoutRedirectURI"] == "http://localhost:8081/signed-out")
        #expect(body["apiURL"] == "http://localhost:8082")
        #expect(body["scope"] == "openid orders:read")
        #expect(body["resource"] == "http://localhost:8082")
        #expect(body.count == 7)
    }
}
