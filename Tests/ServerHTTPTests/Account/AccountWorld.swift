import Accounts
import HTTPTypes
import JOSE
import OAuthVocabulary
import Testing

@testable import AuthorizationServer
@testable import ServerHTTP

/// One form of an account page, taken apart.
struct PageForm {
    var action: String
    var act: String
    var object: String
    var token: String
}

extension TestAnswer {
    /// Every form with a token on the page.
    var forms: [PageForm] {
        text.split(separator: "<form ").dropFirst().compactMap { chunk in
            func value(after mark: String) -> String? {
                let text = String(chunk)
                guard let start = text.range(of: mark) else { return nil }
                return String(text[start.upperBound...].prefix { $0 != "\"" })
            }
            guard let action = value(after: "action=\""), let token = value(after: "name=\"form_token\" value=\""),
                let act = value(after: "name=\"decision\" value=\"")
            else { return nil }
            let object = value(after: "name=\"object\" value=\"") ?? ""
            return PageForm(action: action, act: act, object: object, token: token)
        }
    }

    func form(_ act: String, on object: String? = nil) -> PageForm? {
        forms.first { $0.act == act && (object == nil || $0.object == object) }
    }
}

extension TestBrowser {
    /// Sends a form as a browser does, with further fields.
    func send(
        _ form: PageForm,
        _ fields: [String: String] = [:],
        headers: [(String, String)] = [("sec-fetch-site", "same-origin")]
    ) async throws -> TestAnswer {
        var all = ["form_token": form.token, "decision": form.act, "object": form.object]
        all.merge(fields) { $1 }
        let text = FormEncoding.encode(all.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
        let type = "application/x-www-form-urlencoded"
        return try await post(form.action, json: Array(text.utf8), contentType: type, headers: headers)
    }
}

/// What an application got for a person.
struct AppTokens {
    var access: String
    var refresh: String
}

extension HTTPWorld {
    /// An application gets tokens by this browser, in which somebody is signed in.
    func tokens(
        for browser: TestBrowser,
        client: String = "app",
        scope: String = "openid+offline_access"
    ) async throws -> AppTokens {
        let authorize = HeaderTests.authorize.replacing("=app&", with: "=\(client)&")
            .replacing("app.example", with: "\(client).example")
            .replacing("&scope=openid", with: "&scope=\(scope)")
        var answer = try await browser.get(authorize)
        if answer["location"]?.contains("/consent?") == true {
            let page = try await browser.follow(answer)
            answer = try await browser.post(
                "/consent",
                [
                    "interaction": try #require(page.field("interaction")),
                    "form_token": try #require(page.field("form_token")), "decision": "allow",
                ]
            )
        }
        let location = try #require(answer["location"], "\(answer.status) \(answer.text)")
        let start = try #require(location.range(of: "code=")?.upperBound, "\(location)")
        let tokens = try await post(
            "/token",
            [
                "grant_type": "authorization_code", "code": String(location[start...].prefix { $0 != "&" }),
                "client_id": client, "redirect_uri": "https://\(client).example/callback",
                "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ]
        ).json
        return AppTokens(
            access: try #require(tokens["access_token"]?.stringValue, "\(tokens)"),
            refresh: try #require(tokens["refresh_token"]?.stringValue)
        )
    }

    /// Whether what the application got still pays: the access token here, the refresh token for others.
    func pays(_ tokens: AppTokens, client: String = "app") async throws -> (access: Bool, refresh: Bool) {
        let info = try await send(.get, "/userinfo", headers: [("authorization", "Bearer \(tokens.access)")])
        let renewed = try await post(
            "/token",
            ["grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": client]
        )
        #expect(renewed.status == 200 || renewed.error == "invalid_grant")
        return (info.status == 200, renewed.status == 200)
    }

    func subject(_ username: String) async throws -> Subject {
        try #require(try await people.find(username: username, now: now)).subject
    }
}

/// A world with a client and two people, and browsers in which they have signed in.
struct AccountWorld {
    let world: HTTPWorld
    let alice: TestBrowser

    init() async throws {
        world = try await HTTPWorld()
        try await world.client()
        try await world.client("mail")
        try await world.person("alice") { $0.email = "alice@example.org" }
        try await world.person("mallory") { $0.name = "Mallory" }
        alice = try await Self.signedIn(["alice"], world)
    }

    func browser(of username: String) async throws -> TestBrowser { try await Self.signedIn([username], world) }

    static func signedIn(_ usernames: [String], _ world: HTTPWorld) async throws -> TestBrowser {
        try await SeveralAccountsTests.signedIn(usernames, world).browser
    }

    func isSignedIn(_ browser: TestBrowser) async throws -> Bool {
        try await browser.get("/person").json["session"] != nil
    }
}
