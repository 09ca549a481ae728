import AuthorizationServer
import HTTPTypes
import OAuthVocabulary
import ServerHTTP
import Testing

/// A browser with a cookie jar, as far as these tests need one.
final class TestBrowser: Sendable {
    private let world: HTTPWorld
    private let jar = MutexBox<[String: String]>([:])
    let peer: String

    init(_ world: HTTPWorld, peer: String = "192.0.2.7") {
        self.world = world
        self.peer = peer
    }

    var cookies: [String: String] { jar.value }
    func set(_ name: String, _ value: String?) { jar.change { $0[name] = value } }

    private var cookieHeader: [(String, String)] {
        let cookies = jar.value
        guard !cookies.isEmpty else { return [] }
        return [("cookie", cookies.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "; "))]
    }

    func get(_ target: String, headers: [(String, String)] = []) async throws -> TestAnswer {
        keep(try await world.send(.get, target, headers: cookieHeader + headers, peer: peer))
    }

    func post(
        _ target: String,
        _ form: KeyValuePairs<String, String>,
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        keep(try await world.post(target, form, headers: cookieHeader + headers, peer: peer))
    }

    /// A POST of JSON.
    func post(
        _ target: String,
        json: [UInt8],
        contentType: String = "application/json",
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        let fields = [("content-type", contentType)] + cookieHeader + headers
        return keep(try await world.send(.post, target, headers: fields, body: json, peer: peer))
    }

    /// Follows a redirect that stays on this server.
    func follow(_ answer: TestAnswer) async throws -> TestAnswer {
        let location = try #require(answer["location"], "no redirect: \(answer.status) \(answer.text)")
        let issuer = world.services.configuration.issuer
        try #require(location.hasPrefix(issuer.value + "/"), "leaves this server: \(location)")
        return try await get(String(location.dropFirst(issuer.origin.count)))
    }

    /// Opens the sign-in page of a fresh authorization request.
    func openSignIn(_ authorize: String = HeaderTests.authorize) async throws -> TestAnswer {
        try await follow(try await get(authorize))
    }

    /// Sends the form of a sign-in page.
    func signIn(
        _ page: TestAnswer,
        username: String = "alice",
        password: String = HTTPWorld.password,
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        let interaction = try #require(page.field("interaction"), "no sign-in page: \(page.status) \(page.text)")
        let token = try #require(page.field("form_token"))
        return try await post(
            "/sign-in",
            ["interaction": interaction, "form_token": token, "username": username, "password": password],
            headers: headers
        )
    }

    private func keep(_ answer: TestAnswer) -> TestAnswer {
        for cookie in answer.setCookies {
            let pair = cookie.prefix { $0 != ";" }
            guard let equals = pair.firstIndex(of: "=") else { continue }
            let value = String(pair[pair.index(after: equals)...])
            set(String(pair[..<equals]), value.isEmpty ? nil : value)
        }
        return answer
    }
}
