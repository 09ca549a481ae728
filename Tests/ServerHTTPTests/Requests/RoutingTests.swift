import HTTPTypes
import JOSE
import OAuthVocabulary
import Pages
import Testing

@testable import AuthorizationServer
@testable import ServerHTTP

@Suite("Routing")
struct RoutingTests {
    @Test("an unknown path is a page for people and JSON for programs")
    func unknown() async throws {
        let world = try await HTTPWorld()
        let page = try await world.send(.get, "/nothing", headers: [("accept", "text/html,*/*")])
        #expect(page.status == 404 && page["content-type"] == "text/html; charset=utf-8")
        let json = try await world.send(.get, "/nothing", headers: [("accept", "*/*")])
        #expect(json.status == 404 && json.error == "invalid_request")
        #expect(json["content-type"] == "application/json")
    }

    @Test(
        "RFC 9110 §15.5.6: another method is answered with those that work",
        arguments: [
            ("/token", HTTPRequest.Method.get, "POST"), ("/token", .options, ""),
            ("/userinfo", .delete, "GET, HEAD, POST"),
            ("/jwks.json", .post, "GET, HEAD"), ("/authorize", .put, "GET, HEAD, POST"),
            ("/authorize", .options, "GET, HEAD, POST"), ("/sign-in", .delete, "GET, HEAD, POST"),
            ("/assets/signet.css", .post, "GET, HEAD"), ("/", .post, "GET, HEAD"),
        ]
    )
    func otherMethod(path: String, method: HTTPRequest.Method, allow: String) async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(method, path)
        // A preflight where scripts may call is no refusal.
        guard !allow.isEmpty else {
            #expect(answer.status == 204)
            return
        }
        #expect(answer.status == 405)
        #expect(answer["allow"] == allow)
    }

    @Test("HEAD is answered like GET, without content")
    func head() async throws {
        let world = try await HTTPWorld()
        for path in ["/", "/jwks.json", "/assets/signet.css", "/.well-known/openid-configuration"] {
            let get = try await world.send(.get, path)
            let head = try await world.send(.head, path)
            #expect(head.status == 200 && head.bytes.isEmpty)
            #expect(head["content-length"] == "\(get.bytes.count)" && !get.bytes.isEmpty, "\(path)")
            #expect(head["content-type"] == get["content-type"])
        }
    }

    @Test("an issuer without a path has its documents at the root")
    func rootIssuer() async throws {
        let world = try await HTTPWorld()
        for name in ["openid-configuration", "oauth-authorization-server"] {
            let answer = try await world.send(.get, "/.well-known/\(name)")
            #expect(try answer.json["issuer"] == .string(HTTPWorld.https))
            #expect(answer["cache-control"]?.hasPrefix("public, max-age=") == true)
        }
    }

    @Test("RFC 8414 §3.1 and OpenID Connect Discovery §4: an issuer with a path is found in both spellings")
    func pathIssuer() async throws {
        let world = try await HTTPWorld(issuer: "https://id.example/tenant/one")
        for path in [
            "/.well-known/oauth-authorization-server/tenant/one", "/tenant/one/.well-known/openid-configuration",
            "/.well-known/openid-configuration/tenant/one",
        ] {
            #expect(try await world.send(.get, path).json["issuer"] == "https://id.example/tenant/one", "\(path)")
        }
        #expect(try await world.send(.get, "/.well-known/openid-configuration").status == 404)
        #expect(try await world.send(.get, "/jwks.json").status == 404)
        #expect(try await world.send(.get, "/tenant/one/jwks.json").status == 200)
        for path in ["/tenant/one", "/tenant/one/"] {
            let welcome = try await world.send(.get, path)
            #expect(welcome.status == 200 && welcome.text.contains("/tenant/one/assets/signet.css"))
        }
        #expect(try await world.send(.get, "/tenant/one/assets/signet.css").status == 200)
    }

    @Test("every advertised endpoint is mounted")
    func advertised() async throws {
        let world = try await HTTPWorld(issuer: "https://id.example/t")
        let document = try await world.send(.get, "/t/.well-known/openid-configuration").json
        var count = 0
        for (name, value) in document where name.hasSuffix("_endpoint") || name == "jwks_uri" {
            var path = String(try #require(value.stringValue).dropFirst("https://id.example".count))
            // The one that names what its addresses have in common.
            if name == "revocation_feed_endpoint" { path += "/snapshot" }
            #expect(try await world.send(.delete, path).status == 405, "\(name) \(path)")
            count += 1
        }
        #expect(count >= 7)
    }

    @Test(
        "CVE-2022-29967: no spelling of a path leaves the table",
        arguments: [
            "/assets/../jwks.json", "/assets/..%2fjwks.json", "/assets/%2e%2e/jwks.json", "/assets//signet.css",
            "/assets/signet.css/", "/assets/./signet.css", "/assets/signet.css%00", "/assets/signet%2ecss",
            "/assets/..\\signet.css", "/assets/", "/assets", "/assets/../../../../etc/passwd", "//jwks.json",
            "/jwks.json/", "/JWKS.json", "/jwks%2ejson", "/./jwks.json", "/assets/SIGNET.CSS", "/assets/demo.html",
        ]
    )
    func traversal(path: String) async throws {
        let world = try await HTTPWorld()
        #expect(try await world.send(.get, path).status == 404)
        #expect(try await world.send(.get, "/assets/signet.css").status == 200)
        #expect(try await world.send(.get, "/jwks.json").status == 200)
    }

    @Test("assets have strong validators and are kept for good under their version")
    func assets() async throws {
        let world = try await HTTPWorld()
        let plain = try await world.send(.get, "/assets/signet.css")
        let tag = try #require(plain["etag"])
        #expect(tag.hasPrefix("\"") && plain["cache-control"] == "public, max-age=300")
        let versioned = try await world.send(.get, "/assets/signet.css?v=\(tag.dropFirst().prefix(8))")
        #expect(versioned["cache-control"] == "public, max-age=31536000, immutable")
        #expect(try await world.send(.get, "/assets/signet.css?v=00000000")["cache-control"] == "public, max-age=300")
        for value in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            let same = try await world.send(.get, "/assets/signet.css", headers: [("if-none-match", value)])
            #expect(same.status == 304 && same.bytes.isEmpty && same["etag"] == tag, "\(value)")
        }
        #expect(try await world.send(.get, "/assets/signet.css", headers: [("if-none-match", "\"x\"")]).status == 200)
        // What every page links to is there.
        let welcome = try await world.send(.get, "/").text
        for name in Assets.names where welcome.contains("/assets/\(name)") {
            #expect(try await world.send(.get, "/assets/\(name)").status == 200)
        }
    }
}
