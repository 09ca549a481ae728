import AuthorizationServer
import HTTPTypes
import JOSE
import Logging
import ServerHTTP
import Testing

@Suite("Headers of answers")
struct HeaderTests {
    static let authorize =
        "/authorize?response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback"
        + "&scope=openid&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

    /// Every page that can be reached without a session, and the pages of the error paths.
    static func pages(_ world: HTTPWorld) async throws -> [(String, TestAnswer)] {
        try await world.client()
        let browser = TestBrowser(world)
        let started = try await browser.get(authorize)
        let signIn = try await browser.follow(started)
        return [
            ("welcome", try await world.send(.get, "/")),
            ("sign-in", signIn),
            ("not found", try await world.send(.get, "/nothing", headers: [("accept", "text/html")])),
            ("unknown interaction", try await world.send(.get, "/sign-in?interaction=x")),
            ("error page", try await world.send(.get, "/authorize?client_id=nobody")),
            ("signed out", try await world.send(.get, "/logout")),
            ("method", try await world.send(.put, "/authorize")),
            ("form-post", try await world.send(.get, "/answer?as=form-post")),
        ]
    }

    @Test("every page is locked down: CSP without inline, frames, sniffing, referrer, caching")
    func pages() async throws {
        let world = try await HTTPWorld()
        for (name, page) in try await Self.pages(world) {
            #expect(page["content-type"] == "text/html; charset=utf-8", "\(name)")
            let policy = try #require(page["content-security-policy"])
            #expect(policy.hasPrefix("default-src 'none'; style-src 'self'; img-src 'self'; "), "\(name)")
            #expect(policy.contains("base-uri 'none'") && policy.contains("frame-ancestors 'none'"), "\(name)")
            #expect(policy.contains("script-src") == (name == "form-post"), "\(name)")
            for word in ["unsafe-inline", "unsafe-eval", "data:", "*", "nonce-"] {
                #expect(!policy.contains(word), "\(name)")
            }
            // FIELD O41: nothing in a page would need an exception from its own policy.
            for word in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
                #expect(!page.text.contains(word), "\(name)")
            }
            #expect(page["cache-control"] == "no-store", "\(name)")
            #expect(page["x-content-type-options"] == "nosniff", "\(name)")
            #expect(page["x-frame-options"] == "DENY", "\(name)")
            #expect(page["referrer-policy"] == "same-origin", "\(name)")
            #expect(page["cross-origin-opener-policy"] == "same-origin", "\(name)")
            #expect(page["permissions-policy"]?.contains("camera=()") == true, "\(name)")
            #expect(page["signet-trace-id"]?.count == 32, "\(name)")
            #expect(page["server"] == nil, "\(name)")
        }
    }

    @Test("a form may lead to the application that asked, and nowhere else")
    func formAction() async throws {
        let world = try await HTTPWorld()
        let pages = try await Self.pages(world)
        for (name, page) in pages {
            let policy = try #require(page["content-security-policy"])
            let target = name == "sign-in" ? "form-action 'self' https://app.example;" : "form-action 'self';"
            if name == "form-post" {
                #expect(policy.contains("form-action 'self' https://app.example;"))
            } else {
                #expect(policy.contains(target), "\(name): \(policy)")
            }
        }
    }

    @Test("RFC 6749 §5.1: what a program gets is not kept, and no page either")
    func json() async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(.get, "/answer?as=client")
        #expect(answer["cache-control"] == "no-store" && answer["pragma"] == "no-cache")
        #expect(answer["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
        #expect(answer["referrer-policy"] == "no-referrer")
        let redirect = try await world.send(.get, "/answer?as=redirect")
        #expect(redirect.status == 303 && redirect["location"] == "https://app.example/cb?code=1")
        #expect(redirect["referrer-policy"] == "no-referrer" && redirect["cache-control"] == "no-store")
    }

    @Test("RFC 6797 §7.2: HSTS is sent over https and never over http")
    func strictTransportSecurity() async throws {
        let direct = try await HTTPWorld { $0.tls = TLSFiles(certificate: "c", privateKey: "k") }
        #expect(try await direct.send(.get, "/")["strict-transport-security"] == "max-age=31536000")
        let plain = try await HTTPWorld()
        #expect(try await plain.send(.get, "/")["strict-transport-security"] == nil)
        let loopback = try await HTTPWorld(issuer: HTTPWorld.loopback) {
            $0.tls = TLSFiles(certificate: "c", privateKey: "k")
        }
        #expect(try await loopback.send(.get, "/")["strict-transport-security"] == nil)
        let off = try await HTTPWorld {
            $0.tls = TLSFiles(certificate: "c", privateKey: "k")
            $0.strictTransportSecurity = .zero
        }
        #expect(try await off.send(.get, "/")["strict-transport-security"] == nil)
    }
}

@Suite("Refusals on the wire")
struct RefusalTests {
    @Test("RFC 6749 §5.2: code, description and trace id, and nothing else")
    func members() async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(.get, "/answer?as=client")
        #expect(answer.status == 401)
        #expect(try answer.json.map(\.name) == ["error", "error_description", "trace_id"])
        #expect(answer.error == "invalid_client")
        #expect(try answer.json["error_description"] == "the client could not be authenticated")
    }

    @Test("RFC 6750 §3 and RFC 7617 §2: the challenge says what was missing")
    func challenges() async throws {
        let world = try await HTTPWorld()
        let realm = "realm=\"https://id.example\""
        #expect(
            try await world.send(.get, "/answer?as=client")["www-authenticate"] == "Basic \(realm), charset=\"UTF-8\""
        )
        #expect(try await world.send(.get, "/answer?as=no-token")["www-authenticate"] == "Bearer \(realm)")
        #expect(
            try await world.send(.get, "/answer?as=bearer")["www-authenticate"]
                == "Bearer \(realm), error=\"insufficient_scope\", "
                + "error_description=\"the access token was not granted enough\", scope=\"openid\""
        )
        #expect(try await world.send(.get, "/answer?as=fault")["www-authenticate"] == nil)
    }

    @Test("RFC 9110 §10.2.3: Retry-After is rounded up")
    func retryAfter() async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(.get, "/answer?as=later")
        #expect(answer.status == 429 && answer["retry-after"] == "2")
    }

    @Test("the private detail is for the log; in development also for the caller, in characters that may stand there")
    func disclosure() async throws {
        let closed = try await HTTPWorld()
        #expect(try await !closed.send(.get, "/answer?as=client").text.contains("detail"))
        #expect(try await !closed.send(.get, "/answer?as=error-page").text.contains("alert"))
        let open = try await HTTPWorld(provide: { $0.disclosure = .expectedAndGot })
        let answer = try await open.send(.get, "/answer?as=client")
        #expect(
            try answer.json["error_description"]
                == "the client could not be authenticated (a 'quoted' ' detail ???)"
        )
        #expect(answer["www-authenticate"]?.contains("detail") == false)
        let page = try await open.send(.get, "/answer?as=error-page")
        #expect(page.text.contains("alert(1)") && !page.text.contains("<script>"))
    }

    @Test("CORS is for endpoints that scripts may call; a fault of ours is a 500 with a trace id")
    func fault() async throws {
        let world = try await HTTPWorld()
        let answer = try await world.send(.get, "/answer?as=fault")
        #expect(answer.status == 500 && answer.error == "server_error")
        #expect(!answer.text.contains("pipe"))
        #expect(world.log.lines.contains { $0.level == .error && $0.metadata["detail"] == "a pipe burst" })
    }

    @Test("trace ids are 16 random bytes, and no two are alike")
    func traceIDs() async throws {
        let world = try await HTTPWorld()
        var seen: Set<String> = []
        for _ in 0..<50 {
            let id = try #require(try await world.send(.get, "/echo")["signet-trace-id"])
            #expect(id.count == 32 && id.allSatisfy { "0123456789abcdef".contains($0) })
            seen.insert(id)
        }
        #expect(seen.count == 50)
    }
}
