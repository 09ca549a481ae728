import Instants
import IssuerConnection
import JOSE
import OAuthClient
import Synchronization

/// An issuer that plays its part from a script: what a browser is sent with, and what the token endpoint answers.
final class ScriptedIssuer: HTTPTransport {
    static let issuer = "https://id.example"

    /// What a test changes about the answers.
    struct Script: Sendable {
        var subject = "ada"
        var session = "session-1"
        var accessTokenLifetime: Int64 = 300
        var answersIssuer = ScriptedIssuer.issuer
        var nonce: String?
        var refusesRefresh = false
        var isDown = false
        var hasLogout = true
        /// Called while a refresh is being answered.
        var onRefresh: (@Sendable () async -> Void)?
    }

    private struct State {
        var script = Script()
        var issued = 0
        /// Code -> nonce of its login.
        var codes: [String: String] = [:]
        var refreshTokens: Set<String> = []
        var requests: [(path: String, form: [String: String])] = []
    }

    private let key: SigningKey
    private let clock: FixedClock
    private let state = Mutex(State())

    init(clock: FixedClock) throws {
        key = try SigningKey.generate(.es256, keyID: "key-1")
        self.clock = clock
    }

    func change(_ edit: (inout Script) -> Void) { state.withLock { edit(&$0.script) } }

    /// The forms that came to a path.
    func forms(to path: String) -> [[String: String]] {
        state.withLock { $0.requests.filter { $0.path == path }.map(\.form) }
    }

    /// Every secret that was handed out.
    var secrets: [String] {
        state.withLock { state in
            (1...max(state.issued, 1)).flatMap { ["access-\($0)-x", "refresh-\($0)-x", "code-\($0)-x"] }
        }
    }

    /// What a browser is sent back with after somebody signed in.
    func answer(to address: String) -> String {
        let query = Self.fields(String(address.drop { $0 != "?" }.dropFirst()))
        return state.withLock { state in
            state.issued += 1
            let code = "code-\(state.issued)-x"
            state.codes[code] = state.script.nonce ?? query["nonce"]
            return "code=\(code)&state=\(query["state"] ?? "")&iss=\(Self.escaped(state.script.answersIssuer))"
        }
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let path = String(request.url.dropFirst(Self.issuer.count))
        let form = Self.fields(String(decoding: request.body, as: UTF8.self))
        let script = state.withLock { state in
            state.requests.append((path, form))
            return state.script
        }
        if script.isDown { throw TransportError(.unreachable, reason: "down") }
        switch path {
        case "/.well-known/oauth-authorization-server": return Self.json(metadata(script))
        case "/jwks": return Self.json(["keys": [.object(key.publicJWK.members)]])
        case "/revoke": return TransportResponse(status: 200)
        case "/token" where form["grant_type"] == "refresh_token":
            await script.onRefresh?()
            return refreshed(form["refresh_token"] ?? "", script)
        case "/token": return redeemed(form["code"] ?? "", script)
        default: return TransportResponse(status: 404)
        }
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.unreachable, reason: "no streams here")
    }

    private func metadata(_ script: Script) -> JSONObject {
        var metadata: JSONObject = [
            "issuer": .string(Self.issuer), "authorization_endpoint": .string("\(Self.issuer)/authorize"),
            "token_endpoint": .string("\(Self.issuer)/token"), "jwks_uri": .string("\(Self.issuer)/jwks"),
            "revocation_endpoint": .string("\(Self.issuer)/revoke"),
            "authorization_response_iss_parameter_supported": true,
        ]
        if script.hasLogout { metadata["end_session_endpoint"] = .string("\(Self.issuer)/logout") }
        return metadata
    }

    private func redeemed(_ code: String, _ script: Script) -> TransportResponse {
        guard let nonce = state.withLock({ $0.codes.removeValue(forKey: code) }) else { return Self.invalidGrant }
        return tokens(script, nonce: nonce)
    }

    private func refreshed(_ token: String, _ script: Script) -> TransportResponse {
        let isKnown = state.withLock { $0.refreshTokens.remove(token) != nil }
        guard isKnown, !script.refusesRefresh else { return Self.invalidGrant }
        return tokens(script, nonce: nil)
    }

    private func tokens(_ script: Script, nonce: String?) -> TransportResponse {
        let number = state.withLock { state in
            state.issued += 1
            state.refreshTokens.insert("refresh-\(state.issued)-x")
            return state.issued
        }
        let now = clock.now.secondsSinceEpoch
        var claims: JSONObject = [
            "iss": .string(Self.issuer), "aud": "shop", "sub": .string(script.subject), "iat": .integer(now),
            "exp": .integer(now + 300), "sid": .string(script.session),
        ]
        claims["nonce"] = nonce.map { .string($0) }
        guard let idToken = try? JWT.signed(claims, type: "JWT", by: key) else { return TransportResponse(status: 500) }
        return Self.json([
            "access_token": .string("access-\(number)-x"), "token_type": "Bearer",
            "expires_in": .integer(script.accessTokenLifetime), "refresh_token": .string("refresh-\(number)-x"),
            "id_token": .string(idToken),
        ])
    }

    /// A logout token, with changes.
    func logoutToken(_ changes: JSONObject = [:], type: String = "logout+jwt", by other: SigningKey? = nil) throws
        -> String
    {
        let now = clock.now.secondsSinceEpoch
        let number = state.withLock { state in
            state.issued += 1
            return state.issued
        }
        var claims: JSONObject = [
            "iss": .string(Self.issuer), "aud": "shop", "sub": "ada", "sid": "session-1", "iat": .integer(now),
            "exp": .integer(now + 120), "jti": .string("logout-\(number)"),
            "events": ["http://schemas.openid.net/event/backchannel-logout": [:]],
        ]
        for (name, value) in changes { claims[name] = value }
        return try JWT.signed(claims, type: type, by: other ?? key)
    }

    /// The same without one claim.
    func logoutToken(without left: String) throws -> String {
        let claims = try UnverifiedToken(logoutToken()).unverifiedClaims
        var kept: JSONObject = [:]
        for (name, value) in claims where name != left { kept[name] = value }
        return try JWT.signed(kept, type: "logout+jwt", by: key)
    }

    private static let invalidGrant = json(["error": "invalid_grant"], status: 400)

    private static func json(_ object: JSONObject, status: Int = 200) -> TransportResponse {
        TransportResponse(
            status: status,
            headers: [(name: "Content-Type", value: "application/json")],
            body: object.serialized()
        )
    }

    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = words.count > 1 ? String(words[1]) : ""
            fields[String(words[0])] = decoded(value)
        }
        return fields
    }

    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func escaped(_ text: String) -> String { text.replacing(":", with: "%3A").replacing("/", with: "%2F") }
}

/// A clock that stands still until a test moves it; whoever sleeps by it does not wait.
final class FixedClock: ClientClock {
    private let state = Mutex(Instant(secondsSinceEpoch: 1_800_000_000))

    var now: Instant { state.withLock(\.self) }
    var uptime: Duration { now - Instant(secondsSinceEpoch: 0) }

    func advance(by duration: Duration) { state.withLock { $0 = $0 + duration } }
    func sleep(for duration: Duration) async throws { advance(by: duration) }
}

/// Draws other bytes at each call, and the same ones in every run.
final class CountingRandomness: ClientRandomness {
    private let calls = Mutex<UInt64>(0)

    func bytes(_ count: Int) -> [UInt8] {
        let call = calls.withLock { calls in
            calls += 1
            return calls
        }
        return (0..<count).map {
            UInt8(truncatingIfNeeded: (call &* 0x9E37_79B9_7F4A_7C15 &+ UInt64($0)) >> (8 * UInt64($0 % 7)))
        }
    }
}
