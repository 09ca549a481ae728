import Foundation
import Instants
import IssuerConnection
import JOSE
import OAuthClient

/// What the journeys can ask of the client library. Every request has `op` and a `registration` of `issuer`, `client_id`,
/// and `secret`, `secret_post` or `jwk`.
final class Operations {
    struct Unknown: Error {}

    private var devices: [String: DeviceAuthorization] = [:]

    func result(of request: JSONObject) async throws -> JSONObject {
        switch try request.text("op") {
        case "login_start": try await loginStart(request)
        case "login_finish": try await loginFinish(request)
        case "userinfo": try await userInfo(request)
        case "refresh": try await refresh(request)
        case "revoke": try await revoke(request)
        case "logout_url":
            ["url": .string(try await party(request).logoutURL(idToken: request["id_token"]?.stringValue))]
        case "service": try await service(request)
        case "call": try await call(request)
        case "device_start": try await deviceStart(request)
        case "device_wait": try await deviceWait(request)
        default: throw Unknown()
        }
    }

    private func registration(_ request: JSONObject) throws -> ClientRegistration {
        guard let members = request["registration"]?.objectValue else { throw Unknown() }
        let authentication: ClientAuthentication =
            if let jwk = members["jwk"]?.objectValue {
                .privateKeyJWT(try SigningKey(JWK(jwk)))
            } else if let secret = members["secret"]?.stringValue {
                .secretBasic(secret)
            } else if let secret = members["secret_post"]?.stringValue {
                .secretPost(secret)
            } else {
                .none
            }
        return ClientRegistration(
            issuer: try members.text("issuer"),
            clientID: try members.text("client_id"),
            authentication: authentication
        )
    }

    private func party(_ request: JSONObject) throws -> RelyingParty {
        RelyingParty(try registration(request), redirectURI: request["redirect_uri"]?.stringValue ?? "")
    }

    /// `scopes` → `url`, `pending`.
    private func loginStart(_ request: JSONObject) async throws -> JSONObject {
        let start = try await party(request).start(
            LoginOptions(scopes: request.texts("scopes"), resources: request.texts("resources"))
        )
        let pending = String(decoding: try JSONEncoder().encode(start.pending), as: UTF8.self)
        return ["url": .string(start.url), "pending": .string(pending)]
    }

    /// `pending`, `query` → `sub`, `claims`, `tokens`.
    private func loginFinish(_ request: JSONObject) async throws -> JSONObject {
        let pending = try JSONDecoder().decode(PendingLogin.self, from: Data(try request.text("pending").utf8))
        return try Self.shown(try await party(request).finish(pending, query: request.text("query")))
    }

    private static func shown(_ login: Login) throws -> JSONObject {
        var members: JSONObject = ["claims": .object(login.claims), "tokens": .string(try encoded(login.tokens))]
        members["access_token"] = .string(login.tokens.accessToken)
        members["id_token"] = login.tokens.idToken.map(JSON.string)
        members["sub"] = login.subject.map(JSON.string)
        return members
    }

    private static func encoded(_ tokens: TokenSet) throws -> String {
        String(decoding: try JSONEncoder().encode(tokens), as: UTF8.self)
    }

    private func userInfo(_ request: JSONObject) async throws -> JSONObject {
        try await party(request).userInfo(accessToken: request.text("access_token"), expecting: request.text("sub"))
    }

    /// `tokens`, `sub`, `callers` → `access_tokens` (each once), `tokens`: the access token is taken for expired.
    private func refresh(_ request: JSONObject) async throws -> JSONObject {
        var tokens = try JSONDecoder().decode(TokenSet.self, from: Data(try request.text("tokens").utf8))
        tokens.expiresAt = Instant(secondsSinceEpoch: 0)
        let session = try party(request).session(tokens, subject: request["sub"]?.stringValue)
        let found = try await many(request) { try await session.accessToken() }
        return ["access_tokens": .array(found.map(JSON.string)), "tokens": .string(try Self.encoded(session.tokens))]
    }

    private func revoke(_ request: JSONObject) async throws -> JSONObject {
        let tokens = try JSONDecoder().decode(TokenSet.self, from: Data(try request.text("tokens").utf8))
        try await party(request).revoke(tokens.refreshToken ?? tokens.accessToken)
        return [:]
    }

    /// `scopes`, `resources`, `callers` → `access_tokens`, each once.
    private func service(_ request: JSONObject) async throws -> JSONObject {
        let tokens = ServiceTokens(try registration(request))
        let (scopes, resources) = (request.texts("scopes"), request.texts("resources"))
        let found = try await many(request) { try await tokens.token(scopes: scopes, resources: resources).accessToken }
        return ["access_tokens": .array(found.map(JSON.string))]
    }

    /// `url`, `scopes`, `callers` → `statuses`, each once.
    private func call(_ request: JSONObject) async throws -> JSONObject {
        let tokens = ServiceTokens(try registration(request))
        let url = try request.text("url")
        let transport = AuthorizedTransport(to: url, with: tokens.source(scopes: request.texts("scopes")))
        let found = try await many(request) { "\(try await transport.send(TransportRequest(url: url)).status)" }
        return ["statuses": .array(found.map(JSON.string))]
    }

    /// `scopes` → `user_code`, `verification_uri`, `verification_uri_complete`.
    private func deviceStart(_ request: JSONObject) async throws -> JSONObject {
        let started = try await DeviceLogin(try registration(request)).start(scopes: request.texts("scopes"))
        devices[started.userCode] = started
        var members: JSONObject = [
            "user_code": .string(started.userCode), "verification_uri": .string(started.verificationURI),
        ]
        members["verification_uri_complete"] = started.verificationURIComplete.map(JSON.string)
        return members
    }

    /// `user_code` → what a login gives.
    private func deviceWait(_ request: JSONObject) async throws -> JSONObject {
        guard let started = devices[try request.text("user_code")] else { throw Unknown() }
        return try Self.shown(try await DeviceLogin(try registration(request)).wait(for: started))
    }

    /// What so many callers get at the same time, each once, sorted.
    private func many(
        _ request: JSONObject,
        _ one: @escaping @Sendable () async throws -> String
    ) async throws -> [String] {
        let callers = request["callers"]?.integerValue ?? 1
        return try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<callers { group.addTask { try await one() } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }.sorted()
        }
    }
}

extension JSONObject {
    func text(_ name: String) throws -> String {
        guard let text = self[name]?.stringValue else { throw Operations.Unknown() }
        return text
    }

    func texts(_ name: String) -> [String] { (self[name]?.arrayValue ?? []).compactMap(\.stringValue) }
}
