public import Instants
internal import JOSE

/// The tokens of one grant, as the token endpoint issued them (RFC 6749 §5.1).
///
/// It can be encoded, to be kept where secrets may be kept, and does not show itself.
public struct TokenSet: Sendable, Equatable, Codable, Concealed {
    /// The access token, a bearer credential.
    public var accessToken: String
    /// When it expires, if the issuer said so.
    public var expiresAt: Instant?
    /// When it came, by our clock.
    public var receivedAt: Instant
    /// What it is good for: what the issuer granted, or what was asked for where it said nothing.
    public var scopes: [String]
    /// What the next access token is bought with.
    public var refreshToken: String?
    /// The ID token, verified before it got here.
    public var idToken: String?

    /// Tokens of these parts.
    public init(
        accessToken: String,
        expiresAt: Instant?,
        receivedAt: Instant,
        scopes: [String] = [],
        refreshToken: String? = nil,
        idToken: String? = nil
    ) {
        self.accessToken = accessToken
        self.expiresAt = expiresAt
        self.receivedAt = receivedAt
        self.scopes = scopes
        self.refreshToken = refreshToken
        self.idToken = idToken
    }

    /// Whether the access token may be used for at least `leeway` longer; one without a stated end always may.
    public func isUsable(at now: Instant, leeway: Duration = .zero) -> Bool {
        expiresAt.map { now + leeway < $0 } ?? true
    }
}

extension TokenSet {
    /// The longest token that is taken.
    static let maximumTokenBytes = 64 * 1024

    /// Reads a token response.
    init(_ response: JSONObject, asked scopes: [String], now: Instant) throws(OAuthClientError) {
        guard let token = response["access_token"]?.stringValue, Self.isToken(token) else {
            throw OAuthClientError(.responseMalformed, reason: "the response has no access_token")
        }
        // RFC 6749 §7.1: "The client MUST NOT use an access token if it does not understand the token type."
        guard let type = response["token_type"]?.stringValue, type.lowercased() == "bearer" else {
            throw OAuthClientError(.responseMalformed, reason: "the token_type is not Bearer")
        }
        let granted = response["scope"]?.stringValue.map { $0.split(separator: " ").map(String.init) }
        self.init(
            accessToken: token,
            expiresAt: try Self.lifetime(response["expires_in"]).map { now + $0 },
            receivedAt: now,
            scopes: granted ?? scopes,
            refreshToken: try Self.optional("refresh_token", in: response),
            idToken: try Self.optional("id_token", in: response)
        )
    }

    /// Visible ASCII, so that it cannot break out of a header field.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maximumTokenBytes && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func optional(_ name: String, in response: JSONObject) throws(OAuthClientError) -> String? {
        guard let value = response[name], value != .null else { return nil }
        guard let text = value.stringValue, isToken(text) else {
            throw OAuthClientError(.responseMalformed, reason: "the \(name) is malformed")
        }
        return text
    }

    /// `expires_in`: seconds, which some servers write as text.
    private static func lifetime(_ value: JSON?) throws(OAuthClientError) -> Duration? {
        guard let value, value != .null else { return nil }
        guard let seconds = value.integerValue ?? value.stringValue.flatMap(Int64.init) else {
            throw OAuthClientError(.responseMalformed, reason: "expires_in is no number of seconds")
        }
        return .seconds(min(max(seconds, 0), 86_400 * 365))
    }
}
