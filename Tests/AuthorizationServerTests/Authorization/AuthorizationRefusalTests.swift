import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// Every way in which an authorization request can be refused: RFC 6749 §3.1.1 and §4.1.2.1, RFC 9700 §2.1, RFC 7636 §4.3,
/// RFC 7636 §4.4.1, OpenID Connect Core §3.1.2.6, §6.1, §6.2 and §7.2.1.
@Suite struct AuthorizationRefusalTests {
    /// One row: what is wrong, the answer and where it goes, and a twin that differs in the same field only and is accepted.
    struct Row: Sendable, CustomTestStringConvertible {
        enum Destination: Sendable { case person, client }

        var name: String
        var code: ErrorCode
        var description: String
        var goesTo: Destination
        var refused: [String: String?] = [:]
        var accepted: [String: String?] = [:]
        var client: @Sendable (inout RegisteredClient) -> Void
        var brokenClient: @Sendable (inout RegisteredClient) -> Void
        var testDescription: String { name }

        init(
            _ name: String,
            _ code: ErrorCode,
            _ description: String,
            _ goesTo: Destination,
            refused: [String: String?] = [:],
            accepted: [String: String?] = [:],
            client: @escaping @Sendable (inout RegisteredClient) -> Void = { _ in },
            brokenClient: @escaping @Sendable (inout RegisteredClient) -> Void = { _ in }
        ) {
            self.name = name
            self.code = code
            self.description = description
            self.goesTo = goesTo
            self.refused = refused
            self.accepted = accepted
            self.client = client
            self.brokenClient = brokenClient
        }
    }

    @Test(arguments: identity + redirectURIs + responses + pkce + scopes + parameters)
    func `A request is refused for one field alone, and accepted with that field put right`(_ row: Row) async throws {
        let twin = try await TestWorld.browser(client: { row.client(&$0) })
        let accepted = try await twin.authorize(row.accepted)
        #expect(accepted.signIn != nil, "the twin was refused: \(String(describing: accepted.failure))")

        let browser = try await TestWorld.browser(client: {
            row.client(&$0)
            row.brokenClient(&$0)
        })
        let response = try await browser.authorize(row.refused)
        let failure = try #require(response.failure)
        #expect(failure.code == row.code)
        #expect(failure.description == row.description)
        switch row.goesTo {
        case .person:
            #expect(response.shownError == failure)
            #expect(response.location == nil)
        case .client:
            #expect(response.status == 303)
            #expect(response.location?.hasPrefix(TestWorld.redirectURI + "?") == true)
            #expect(response.client["error"] == row.code.value)
            #expect(response.client["error_description"] == row.description)
            #expect(response.client["iss"] == TestWorld.issuer)
            #expect(response.client["code"] == nil)
        }
        #expect(try await browser.world.codes().isEmpty)
    }

    static let optionalPKCE: @Sendable (inout RegisteredClient) -> Void = {
        $0.type = .confidential
        $0.authenticationMethod = .clientSecretBasic
        $0.secretHash = ClientSecret.hash(Secret(TestWorld.secret))
        $0.pkce = .optional
    }

    static let identity: [Row] = [
        Row("no client", .invalidRequest, "client_id is required", .person, refused: ["client_id": nil]),
        Row(
            "an unknown client",
            .invalidClient,
            "the application is not registered here",
            .person,
            refused: ["client_id": "other"]
        ),
        Row(
            "a client_id that no client can have",
            .invalidClient,
            "the application is not registered here",
            .person,
            refused: ["client_id": "app\u{0}"]
        ),
        Row(
            "CVE-2025-64521: a disabled client",
            .invalidClient,
            "the application is disabled",
            .person,
            brokenClient: { $0.status = .disabled }
        ),
    ]

    static let notRegistered = "redirect_uri is not registered for this application"

    static func redirect(_ name: String, _ presented: String, registered: String? = nil, twin: String? = nil) -> Row {
        Row(
            name,
            .invalidRedirectURI,
            notRegistered,
            .person,
            refused: ["redirect_uri": presented],
            accepted: ["redirect_uri": twin ?? registered ?? TestWorld.redirectURI],
            client: { client in
                if let uri = registered.flatMap(RedirectURI.init) { client.redirectURIs = [uri] }
            }
        )
    }

    static let redirectURIs: [Row] = [
        Row(
            "no redirect URI, though one is registered",
            .invalidRequest,
            "redirect_uri is required",
            .person,
            refused: ["redirect_uri": nil]
        ),
        redirect("A1, CVE-2023-6291: another path", TestWorld.redirectURI + "/more"),
        redirect("A1, CVE-2026-41569: the registered one as a prefix", "https://app.example.evil.test/callback"),
        redirect("A1, CVE-2024-1132: dot segments", "https://app.example/callback/../evil"),
        redirect("A1, CVE-2026-3872: dot segments with a path parameter", "https://app.example/callback/..;/evil"),
        redirect("A1, CVE-2022-3782: encoded twice", "https://app.example/callback%252F.."),
        redirect("A1, CVE-2024-52289: a dot is no wildcard", "https://appxexample/callback"),
        redirect("A1, CVE-2020-15234: another case", "https://app.example/Callback"),
        redirect("A1, CVE-2026-7504: a wildcard", "https://*.example/callback"),
        redirect("A1: a trailing slash", TestWorld.redirectURI + "/"),
        redirect("A1: an added query", TestWorld.redirectURI + "?a=b"),
        redirect("A1: another port", "https://app.example:8443/callback"),
        redirect("A1: http for https", "http://app.example/callback"),
        redirect(
            "A1, CVE-2020-15233: a loopback port, but another path",
            "http://127.0.0.1:5000/other",
            registered: "http://127.0.0.1/callback",
            twin: "http://127.0.0.1:5000/callback"
        ),
        redirect(
            "A1: localhost has no free port, only the literals do (RFC 8252 §8.3)",
            "http://localhost:5000/callback",
            registered: "http://localhost/callback"
        ),
        redirect(
            "A2, CVE-2024-8883: the host in the user info",
            "http://127.0.0.1:80@evil.test/callback",
            registered: "http://127.0.0.1/callback",
            twin: "http://127.0.0.1:80/callback"
        ),
        redirect("A2, CVE-2022-23527: a backslash", "https://app.example\\@evil.test/callback"),
        redirect("A2, CVE-2019-20479: slashes and a tab", "https:///\tapp.example/callback"),
        redirect("A2: a fragment", TestWorld.redirectURI + "#x"),
        redirect("A3, CVE-2024-21637: javascript:", "javascript:alert(1)//app.example/callback"),
        redirect("A3, GHSA-484q-784p-8m5h: data:", "data:text/html,https://app.example/callback"),
    ]

    static let responses: [Row] = [
        Row(
            "A4: fragment as response mode",
            .invalidRequest,
            "response_mode must be query or form_post",
            .client,
            refused: ["response_mode": "fragment"],
            accepted: ["response_mode": "form_post"]
        ),
        Row(
            "A4, GHSA-9vm7-v8wj-3fqw: form_post.jwt",
            .invalidRequest,
            "response_mode must be query or form_post",
            .client,
            refused: ["response_mode": "form_post.jwt"],
            accepted: ["response_mode": "query"]
        ),
        Row(
            "no response type",
            .invalidRequest,
            "response_type is required",
            .client,
            refused: ["response_type": nil]
        ),
        Row(
            "A4, CVE-2026-44681: token",
            .unsupportedResponseType,
            "the only response_type is code",
            .client,
            refused: ["response_type": "token"]
        ),
        Row(
            "id_token",
            .unsupportedResponseType,
            "the only response_type is code",
            .client,
            refused: ["response_type": "id_token"]
        ),
        Row(
            "hybrid",
            .unsupportedResponseType,
            "the only response_type is code",
            .client,
            refused: ["response_type": "code id_token"]
        ),
        Row(
            "another case of code",
            .unsupportedResponseType,
            "the only response_type is code",
            .client,
            refused: ["response_type": "Code"]
        ),
        Row(
            "a request object",
            .requestNotSupported,
            "the request parameter is not supported",
            .client,
            refused: ["request": "eyJhbGciOiJub25lIn0.e30."]
        ),
        Row(
            "I28, CVE-2020-10770: request_uri",
            .requestURINotSupported,
            "the request_uri parameter is not supported",
            .client,
            refused: ["request_uri": "https://169.254.169.254/"]
        ),
        Row(
            "registration",
            .registrationNotSupported,
            "the registration parameter is not supported",
            .client,
            refused: ["registration": "{}"]
        ),
    ]

    static let pkce: [Row] = [
        Row(
            "B7, CVE-2024-23647: no challenge",
            .invalidRequest,
            "code_challenge is required",
            .client,
            refused: ["code_challenge": nil, "code_challenge_method": nil]
        ),
        Row(
            "B7, CVE-2024-22258: no challenge from a confidential client",
            .invalidRequest,
            "code_challenge is required",
            .client,
            refused: ["code_challenge": nil, "code_challenge_method": nil],
            client: {
                optionalPKCE(&$0)
                $0.pkce = .required
            }
        ),
        Row(
            "B7: plain",
            .invalidRequest,
            "code_challenge_method must be S256",
            .client,
            refused: ["code_challenge_method": "plain"]
        ),
        Row(
            "B7: no method, which means plain",
            .invalidRequest,
            "code_challenge_method must be S256",
            .client,
            refused: ["code_challenge_method": nil]
        ),
        Row(
            "B7: the method in another case",
            .invalidRequest,
            "code_challenge_method must be S256",
            .client,
            refused: ["code_challenge_method": "s256"]
        ),
        Row(
            "a challenge that is too short",
            .invalidRequest,
            "code_challenge must be a SHA-256 hash in base64url, 43 characters",
            .client,
            refused: ["code_challenge": String(TestWorld.challenge.dropLast())]
        ),
        Row(
            "a challenge with padding",
            .invalidRequest,
            "code_challenge must be a SHA-256 hash in base64url, 43 characters",
            .client,
            refused: ["code_challenge": TestWorld.challenge + "="]
        ),
        Row(
            "a challenge in plain base64",
            .invalidRequest,
            "code_challenge must be a SHA-256 hash in base64url, 43 characters",
            .client,
            refused: ["code_challenge": "+" + TestWorld.challenge.dropFirst()]
        ),
        Row(
            "a method without challenge, of an exempt client",
            .invalidRequest,
            "code_challenge_method was sent without code_challenge",
            .client,
            refused: ["code_challenge": nil],
            client: optionalPKCE
        ),
        Row(
            "an exempt client without nonce",
            .invalidRequest,
            "without code_challenge the scope openid and a nonce are required",
            .client,
            refused: ["code_challenge": nil, "code_challenge_method": nil, "nonce": nil],
            accepted: ["code_challenge": nil, "code_challenge_method": nil, "nonce": "n"],
            client: optionalPKCE
        ),
        Row(
            "an exempt client without openid, where a nonce comes back in nothing",
            .invalidRequest,
            "without code_challenge the scope openid and a nonce are required",
            .client,
            refused: ["code_challenge": nil, "code_challenge_method": nil, "scope": "orders:read"],
            accepted: ["code_challenge": nil, "code_challenge_method": nil, "scope": "openid orders:read"],
            client: optionalPKCE
        ),
    ]

    static let scopes: [Row] = [
        Row(
            "malformed scope",
            .invalidScope,
            "scope must be scope-tokens separated by single spaces",
            .client,
            refused: ["scope": "openid  profile"]
        ),
        Row(
            "an unknown scope",
            .invalidScope,
            "a requested scope is unknown or does not belong to the requested resource",
            .client,
            refused: ["scope": "openid orders:delete"],
            accepted: ["scope": "openid orders:read"]
        ),
        Row(
            "a scope that is not the client's",
            .invalidScope,
            "a requested scope is not allowed for this client",
            .client,
            refused: ["scope": "openid phone"]
        ),
        Row(
            "no scope, and none by default",
            .invalidScope,
            "scope is required: this application has no default scope",
            .client,
            refused: ["scope": nil],
            accepted: ["scope": "openid"],
            client: { $0.scopes = ScopeSet(parameter: "openid profile") ?? [] }
        ),
        Row(
            "an unknown resource",
            .invalidTarget,
            "the requested resource is unknown",
            .client,
            refused: ["scope": "openid", "resource": "https://api.example/other"],
            accepted: ["scope": "openid orders:read", "resource": TestWorld.api]
        ),
        Row(
            "a resource that is no URI",
            .invalidTarget,
            "resource must be an absolute URI without a fragment",
            .client,
            refused: ["scope": "orders:read", "resource": "orders"],
            accepted: ["scope": "orders:read", "resource": TestWorld.api]
        ),
    ]

    static let long = String(repeating: "x", count: 2049)
    static let fits = String(repeating: "x", count: 2048)

    static let parameters: [Row] = [
        Row(
            "a nonce beyond the limit",
            .invalidRequest,
            "nonce is longer than 2048 bytes",
            .client,
            refused: ["nonce": long],
            accepted: ["nonce": fits]
        ),
        Row(
            "a state beyond the limit",
            .invalidRequest,
            "state is longer than 2048 bytes",
            .client,
            refused: ["state": long],
            accepted: ["state": fits]
        ),
        Row(
            "a login_hint beyond the limit",
            .invalidRequest,
            "login_hint is longer than 2048 bytes",
            .client,
            refused: ["login_hint": long],
            accepted: ["login_hint": fits]
        ),
        Row(
            "an unknown prompt",
            .invalidRequest,
            "prompt may hold none, login, consent and select_account",
            .client,
            refused: ["prompt": "login create"],
            accepted: ["prompt": "login consent"]
        ),
        Row(
            "prompt=none with another",
            .invalidRequest,
            "prompt=none goes with no other value",
            .client,
            refused: ["prompt": "none login"],
            accepted: ["prompt": "select_account login"]
        ),
        Row(
            "a negative max_age",
            .invalidRequest,
            "max_age must be a number of seconds, not negative",
            .client,
            refused: ["max_age": "-1"],
            accepted: ["max_age": "0"]
        ),
        Row(
            "a max_age that is no integer",
            .invalidRequest,
            "max_age must be a number of seconds, not negative",
            .client,
            refused: ["max_age": "1.5"],
            accepted: ["max_age": "15"]
        ),
        Row(
            "a max_age with a sign",
            .invalidRequest,
            "max_age must be a number of seconds, not negative",
            .client,
            refused: ["max_age": "+60"],
            accepted: ["max_age": "60"]
        ),
        Row(
            "a max_age beyond all numbers",
            .invalidRequest,
            "max_age must be a number of seconds, not negative",
            .client,
            refused: ["max_age": "99999999999999999999"],
            accepted: ["max_age": "9999999999"]
        ),
        Row(
            "an id_token_hint that is no token",
            .invalidRequest,
            "id_token_hint is not an ID token of this server",
            .client,
            refused: ["id_token_hint": "x"]
        ),
    ]

    @Test func `RFC 8707: two resources at once are refused`() async throws {
        let browser = try await TestWorld.browser()
        for (resources, isAccepted) in [([TestWorld.api], true), ([TestWorld.api, TestWorld.api + "/2"], false)] {
            let pairs = TestWorld.authorization(["scope": "orders:read"]).map { (name: $0.key, value: $0.value) }
            let request = EndpointRequest(
                method: .get,
                parameters: try Parameters(pairs + resources.map { (name: "resource", value: $0) }),
                browserBinding: "b"
            )
            let response = await AuthorizationEndpoint().respond(to: request, with: browser.world.services)
            #expect((response.client["error"] == nil) == isAccepted)
            if !isAccepted { #expect(response.client["error"] == "invalid_target") }
        }
    }

    @Test func `A client without the code grant is refused though its redirect URI is on record`() async throws {
        let browser = try await TestWorld.browser()
        let services = browser.world.services
        let parameters = try Parameters(TestWorld.authorization().map { (name: $0.key, value: $0.value) })
        var context = try await AuthorizationContext.load(
            parameters,
            from: Reader(services, now: browser.world.now),
            services: services
        )
        guard case .accepted = Pipeline.run(.authorization, context) else { throw TestFailure() }
        // The register keeps such a record out; an older program may have written it.
        context.client?.content.grantTypes = [.refreshToken]
        guard case .refused(let error, let reply) = Pipeline.run(.authorization, context) else { throw TestFailure() }
        #expect(error.code == .unauthorizedClient)
        #expect(error.description == "the application may not use the authorization code grant")
        #expect(reply?.redirectURI.value == TestWorld.redirectURI)
    }

    @Test func `Errors are redirected in every row below the redirect URI, and in none above`() {
        let split = Pipeline.rows.firstIndex { $0.errors == .redirected }
        #expect(split.map { Pipeline.rows[$0 - 1].name } == "redirect URI")
        #expect(Pipeline.rows.prefix(split ?? 0).allSatisfy { $0.errors == .shown })
        #expect(Pipeline.rows.dropFirst(split ?? 0).allSatisfy { $0.errors == .redirected })
        #expect(Set(Pipeline.rows.map(\.name)).count == Pipeline.rows.count)
    }

    @Test(arguments: [("state", "x y&z=1\r\nSet-Cookie: a=b\u{1F600}")])
    func `A state comes back unchanged, with an error too, and cannot leave its place`(
        _ name: String,
        _ value: String
    ) async throws {
        let browser = try await TestWorld.browser()
        let response = try await browser.authorize([name: value, "response_type": "token"])
        #expect(response.client["state"] == value)
        let location = try #require(response.location)
        #expect(location.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
    }

    @Test func `A state that is too long is not echoed with its refusal`() async throws {
        let browser = try await TestWorld.browser()
        #expect(try await browser.authorize(["state": Self.long]).client["state"] == nil)
        #expect(try await browser.authorize(["state": Self.fits, "response_type": "x"]).client["state"] == Self.fits)
    }

    @Test func `GO-2026-4861: request text enters a description only in development, and in allowed characters`()
        async throws
    {
        let hostile = "<script>\"\\\u{7F}é"
        let silent = try await TestWorld.browser()
        let quiet = try await silent.authorize(["prompt": hostile])
        #expect(quiet.client["error_description"] == "prompt may hold none, login, consent and select_account")
        let talkative = try await TestWorld.browser(configure: { $0.disclosure = .expectedAndGot })
        let loud = try #require(try await talkative.authorize(["prompt": hostile]).client["error_description"])
        #expect(loud.hasPrefix("prompt may hold none, login, consent and select_account (prompt <script>"))
        #expect(loud.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
    }

    @Test func `A5: with two things wrong, the one above the redirect URI decides where the error goes`() async throws {
        let browser = try await TestWorld.browser()
        let response = try await browser.authorize(["redirect_uri": "https://evil.test/", "response_type": "token"])
        #expect(response.shownError?.code == .invalidRedirectURI)
        #expect(try await browser.authorize(["response_type": "token"]).client["error"] == "unsupported_response_type")
    }
}
