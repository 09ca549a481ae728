import HTTPTypes
import Hummingbird
import HummingbirdTesting
import ResourceServer
import ResourceServerTesting
import Testing

@testable import ResourceServerHummingbird

@Suite(.timeLimit(.minutes(5))) struct BearerAuthenticationTests {
    private static let metadata = "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource/orders\""

    /// The answer to a token that does not count.
    private static func invalid(_ description: String) -> Answer {
        Answer(
            401,
            "Bearer error=\"invalid_token\", error_description=\"\(description)\", \(metadata)",
            "{\"error\":\"invalid_token\",\"error_description\":\"\(description)\",\"trace_id\":\"TRACE\"}"
        )
    }

    @Test func `a token that is good gets what the handler says, with the subject in its context`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let token = try api.issuer.token(scope: "orders:read")
            #expect(try await caller.send(token: token) == Answer(200, "the orders of person-1"))
        }
    }

    @Test func `without a token the challenge names the scope and no error (RFC 6750 §3.1)`() async throws {
        let api = try OrdersAPI()
        let expected = Answer(
            401,
            "Bearer scope=\"orders:read\", \(Self.metadata)",
            #"{"error_description":"send an access token: Authorization: Bearer <token>","trace_id":"TRACE"}"#
        )
        try await api.open { caller async throws in
            #expect(try await caller.send() == expected)
            #expect(try await caller.send(.get, "/orders", [.authorization: "Basic YTpi"]) == expected)
        }
    }

    @Test func `a token in the address is not looked at (RFC 9700 §4.3.2)`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let token = try api.issuer.token(scope: "orders:read")
            #expect(try await caller.send(.get, "/orders?access_token=\(token)").status == 401)
        }
    }

    @Test("every flaw of a token is answered with 401, and its twin is served", arguments: TokenFlaw.all)
    func flaws(flaw: TokenFlaw) async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let answer = try await caller.send(token: try api.issuer.token(scope: "orders:read", with: flaw))
            #expect(answer.status == 401 || answer.status == 400)
            #expect(answer.challenge?.contains("error=\"invalid_") == true)
            #expect(try await caller.send(token: try api.issuer.token(scope: "orders:read")).status == 200)
        }
    }

    @Test func `an expired token is told that it expired, another that it is not valid here`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let expired = try api.issuer.token(scope: "orders:read", with: .expired)
            #expect(try await caller.send(token: expired) == Self.invalid("the access token expired"))
            let foreign = try api.issuer.token(scope: "orders:read", with: .wrongAudience)
            #expect(try await caller.send(token: foreign) == Self.invalid("the access token is not valid here"))
        }
    }

    @Test func `a revoked token is refused at the next request, and nobody was asked`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let token = try api.issuer.token(scope: "orders:read")
            let other = try api.issuer.token(scope: "orders:read") { $0.subject = "person-2" }
            #expect(try await caller.send(token: token).status == 200)
            await api.issuer.revoke(token)
            #expect(try await caller.send(token: token) == Self.invalid("the access token was revoked"))
            #expect(try await caller.send(token: other).status == 200)
            #expect(api.issuer.requestCount(of: "/introspect") == 0)
        }
    }

    @Test func `a token without the scope is told which one is needed (RFC 6750 §3.1)`() async throws {
        let api = try OrdersAPI()
        let expected = Answer(
            403,
            "Bearer error=\"insufficient_scope\", error_description=\"the access token lacks a scope\", "
                + "scope=\"orders:read\", \(Self.metadata)",
            #"{"error":"insufficient_scope","error_description":"the access token lacks a scope","trace_id":"TRACE"}"#
        )
        try await api.open { caller async throws in
            #expect(try await caller.send(token: try api.issuer.token(scope: "orders:write")) == expected)
            #expect(try await caller.send(token: try api.issuer.token(scope: "orders:write orders:read")).status == 200)
        }
    }

    @Test func `groups within groups each demand their own`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let reader = try api.issuer.token(scope: "orders:read")
            let answer = try await caller.send(.post, "/orders/new", token: reader)
            #expect(answer.status == 403)
            #expect(answer.challenge?.contains("scope=\"orders:write\"") == true)
            let writer = try api.issuer.token(scope: "orders:read orders:write")
            #expect(try await caller.send(.post, "/orders/new", token: writer) == Answer(200, "made by client-1"))
        }
    }

    @Test func `a person who signed in too weakly is told how to (RFC 9470 §3)`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let weak = try await caller.send(.get, "/accounts", token: try api.issuer.token())
            #expect(weak.status == 401)
            #expect(weak.challenge?.contains("error=\"insufficient_user_authentication\"") == true)
            #expect(weak.challenge?.contains("acr_values=\"urn:example:mfa\"") == true)
            let strong = try api.issuer.token { $0.authenticationContext = "urn:example:mfa" }
            #expect(try await caller.send(.get, "/accounts", token: strong).status == 200)
        }
    }

    @Test(
        "two Authorization lines, or one that is malformed, are answered with 400 (RFC 6750 §3.1)",
        arguments: ["twice", "other first", "comma", "no token", "blank inside"]
    )
    func malformed(kind: String) async throws {
        let api = try OrdersAPI()
        let description = "the request must carry one well-formed access token"
        let expected = Answer(
            400,
            "Bearer error=\"invalid_request\", error_description=\"\(description)\", \(Self.metadata)",
            "{\"error\":\"invalid_request\",\"error_description\":\"\(description)\",\"trace_id\":\"TRACE\"}"
        )
        try await api.open { caller async throws in
            let token = try api.issuer.token(scope: "orders:read")
            let lines =
                switch kind {
                case "twice": ["Bearer \(token)", "Bearer \(token)"]
                case "other first": ["Basic YTpi", "Bearer \(token)"]
                case "comma": ["Bearer \(token), Bearer \(token)"]
                case "no token": ["Bearer "]
                default: ["Bearer \(token) \(token)"]
                }
            var headers: HTTPFields = [:]
            for line in lines { headers.append(HTTPField(name: .authorization, value: line)) }
            let answer = try await caller.send(.get, "/orders", headers)
            #expect(answer == expected)
            #expect(try await caller.send(token: token).status == 200)
        }
    }

    @Test func `knowledge that is too old is answered with 503 and when to come again, and no challenge`() async throws
    {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let token = try api.issuer.token()
            #expect(try await caller.send(.get, "/audit", token: token).status == 200)
            api.issuer.goDown()
            api.issuer.clock.advance(by: .seconds(3))
            let text = "the access token cannot be judged at the moment; try again"
            let body =
                "{\"error\":\"temporarily_unavailable\",\"error_description\":\"\(text)\",\"trace_id\":\"TRACE\"}"
            #expect(try await caller.send(.get, "/audit", token: token) == Answer(503, nil, retryAfter: "1", body))
        }
    }

    @Test func `where a token is optional nobody is refused for having none, and everybody for a bad one`() async throws
    {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            #expect(try await caller.send(.get, "/price") == Answer(200, "the price for everybody"))
            let token = try api.issuer.token()
            #expect(try await caller.send(.get, "/price", token: token) == Answer(200, "the price for person-1"))
            let expired = try api.issuer.token(with: .expired)
            #expect(try await caller.send(.get, "/price", token: expired).status == 401)
            #expect(try await caller.send(.get, "/price", [.authorization: "Bearer"]).status == 400)
        }
    }

    @Test func `a route that was put behind no middleware stays shut`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            #expect(try await caller.send(.get, "/forgotten", token: try api.issuer.token()).status == 401)
        }
    }

    @Test func `the metadata stands at its well-known place, for pages of any origin (RFC 9728 §3.1)`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let path = "/.well-known/oauth-protected-resource/orders"
            let response = try await caller.client.executeRequest(uri: path, method: .get, headers: [:], body: nil)
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "application/json")
            #expect(response.headers[.accessControlAllowOrigin] == "*")
            #expect(
                String(buffer: response.body)
                    == #"{"resource":"https://api.test/orders","authorization_servers":["https://issuer.test"],"#
                    + #""scopes_supported":["orders:read","orders:write"],"bearer_methods_supported":["header"],"#
                    + #""resource_name":"Orders"}"#
            )
        }
    }

    @Test func `a refusal can be read by a page of another origin, if the application allows that origin`() async throws
    {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            let headers: HTTPFields = [.origin: "https://page.example"]
            let refused = try await caller.client.executeRequest(
                uri: "/orders",
                method: .get,
                headers: headers,
                body: nil
            )
            #expect(refused.headers[.accessControlExposeHeaders] == "WWW-Authenticate")
            #expect(refused.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test func `what is refused is in the log with its reason, and no token with it`() async throws {
        let api = try OrdersAPI()
        try await api.open { caller async throws in
            var tokens: [String] = []
            for flaw in TokenFlaw.all { tokens.append(try api.issuer.token(scope: "orders:read", with: flaw)) }
            tokens.append(try api.issuer.token(scope: "orders:write"))
            for token in tokens { _ = try await caller.send(token: token) }
            let text = api.log.text
            #expect(text.contains("token-expired"))
            #expect(text.contains("scope-insufficient"))
            for token in tokens {
                #expect(!text.contains(token))
                for part in token.split(separator: ".") where part.utf8.count > 20 { #expect(!text.contains(part)) }
            }
        }
    }
}
