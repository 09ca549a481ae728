// Room: signing in on a device without a browser (RFC 8628 §3): start, show a code, poll at the issuer's pace. Owns the
// pace of the polling. Stores nothing.

public import Instants
internal import IssuerConnection
internal import JOSE
internal import OAuthVocabulary

/// What the person is shown, and what the device polls with (RFC 8628 §3.2).
public struct DeviceAuthorization: Sendable, Concealed {
    /// What the person types.
    public let userCode: String
    /// Where they type it.
    public let verificationURI: String
    /// The same with the code in it, for a QR code, where the issuer offers it.
    public let verificationURIComplete: String?
    /// When the code ends.
    public let expiresAt: Instant
    /// How long to wait between two questions.
    public let interval: Duration
    let deviceCode: Secret
    let scopes: [String]
}

/// What one question to the issuer brought.
public enum DevicePoll: Sendable {
    /// The person signed in.
    case finished(Login)
    /// Not yet: ask again, no sooner than after this time.
    case pending(after: Duration)
}

/// Signs somebody in who uses a browser elsewhere.
public final class DeviceLogin: Sendable {
    /// RFC 8628 §3.2 says five seconds where the issuer says nothing.
    static let defaultInterval: Duration = .seconds(5)
    /// What `slow_down` adds.
    static let slowDown: Duration = .seconds(5)
    /// No wait grows beyond this.
    static let longestInterval: Duration = .seconds(120)
    static let grantType = "urn:ietf:params:oauth:grant-type:device_code"

    let dialogue: IssuerDialogue
    let judge: IDTokenJudge

    /// Logins of a client; nothing is asked of the issuer yet.
    public init(
        _ registration: ClientRegistration,
        idTokens policy: IDTokenPolicy = IDTokenPolicy(),
        environment: ClientEnvironment = ClientEnvironment()
    ) {
        dialogue = IssuerDialogue(registration, environment)
        judge = IDTokenJudge(dialogue, policy)
    }

    /// Begins: the issuer names the code that the person has to type.
    public func start(
        scopes: [String] = ["openid"],
        resources: [String] = []
    ) async throws(OAuthClientError) -> DeviceAuthorization {
        let scopes = try Scopes.normalized(scopes)
        let endpoint = try await dialogue.endpoint("device authorization endpoint", \.deviceAuthorizationEndpoint)
        var fields: [FormField] = []
        if !scopes.isEmpty { fields.append(FormField("scope", scopes.joined(separator: " "))) }
        for resource in try Scopes.normalizedResources(resources) { fields.append(FormField("resource", resource)) }
        // The keys before the code is spent: once it is, there is no second try.
        if scopes.contains("openid") { _ = try await judge.keys.current() }
        // A second start makes a second code, which ends unused.
        let response = try await dialogue.post(fields, to: endpoint, .repeatable)
        return try DeviceAuthorization(try Answer.object(response), scopes: scopes, now: dialogue.clock.now)
    }

    /// Waits until the person has signed in, asking at the issuer's pace.
    ///
    /// - Throws: `refused` with `access_denied` or `expired_token`; `expired` when the code's time is over; `cancelled`.
    public func wait(for authorization: DeviceAuthorization) async throws(OAuthClientError) -> Login {
        var interval = authorization.interval
        while true {
            do {
                try await dialogue.clock.sleep(for: interval)
            } catch {
                throw .cancelled
            }
            guard dialogue.clock.now < authorization.expiresAt else {
                throw OAuthClientError(.expired, reason: "the code was not used in time")
            }
            switch try await poll(authorization, interval: interval) {
            case .finished(let login): return login
            case .pending(let next): interval = next
            }
        }
    }

    /// Asks once, for those who keep time themselves.
    ///
    /// - Parameter interval: what the last question came after.
    public func poll(
        _ authorization: DeviceAuthorization,
        interval: Duration
    ) async throws(OAuthClientError) -> DevicePoll {
        let tokens: TokenSet
        do throws(OAuthClientError) {
            tokens = try await dialogue.tokens(
                [FormField("grant_type", Self.grantType), FormField("device_code", authorization.deviceCode.exposed)],
                asked: authorization.scopes,
                .once,
                policy: .never
            )
        } catch {
            return .pending(after: min(try Self.next(after: error, interval), Self.longestInterval))
        }
        return .finished(Login(tokens: tokens, claims: try await claims(of: tokens, authorization)))
    }

    /// How long to wait after a refusal; everything but patience ends the polling.
    private static func next(
        after error: OAuthClientError,
        _ interval: Duration
    ) throws(OAuthClientError) -> Duration {
        switch error.error {
        case "authorization_pending":
            return interval
        case "slow_down":
            // RFC 8628 §3.5: "the interval MUST be increased by 5 seconds for this and all subsequent requests"
            return interval + slowDown
        default:
            // RFC 8628 §3.5: "On encountering a connection timeout, clients MUST unilaterally reduce their polling
            // frequency before retrying."
            guard error.isTransient else { throw error }
            return max(interval * 2, error.retryAfter ?? .zero)
        }
    }

    private func claims(
        of tokens: TokenSet,
        _ authorization: DeviceAuthorization
    ) async throws(OAuthClientError) -> JSONObject {
        guard authorization.scopes.contains("openid") else { return [:] }
        guard let idToken = tokens.idToken else {
            throw OAuthClientError(.tokenInvalid, reason: "openid was asked for, and no ID token came")
        }
        return try await judge.verified(idToken, IDTokenExpectation(accessToken: tokens.accessToken)).claims
    }

    /// The tokens of a login, kept fresh: see ``TokenSession``.
    public func session(
        _ login: Login,
        store: (any TokenSessionStore)? = nil
    ) -> TokenSession {
        TokenSession(login.tokens, subject: login.subject, dialogue: dialogue, judge: judge, store: store)
    }
}

extension DeviceAuthorization {
    init(_ response: JSONObject, scopes: [String], now: Instant) throws(OAuthClientError) {
        func text(_ name: String) -> String? { response[name]?.stringValue }
        guard let device = text("device_code"), TokenSet.isToken(device),
            let user = text("user_code"), (1...64).contains(user.utf8.count),
            user.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw OAuthClientError(.responseMalformed, reason: "the device authorization has no usable codes") }
        guard let address = text("verification_uri"), Self.isShowable(address) else {
            throw OAuthClientError(.responseMalformed, reason: "the verification_uri is no https URL")
        }
        guard let seconds = response["expires_in"]?.integerValue, seconds > 0 else {
            throw OAuthClientError(.responseMalformed, reason: "expires_in is missing")
        }
        let interval = response["interval"]?.integerValue.map { Duration.seconds(min(max($0, 1), 120)) }
        self.init(
            userCode: user,
            verificationURI: address,
            verificationURIComplete: text("verification_uri_complete").flatMap { Self.isShowable($0) ? $0 : nil },
            expiresAt: now + .seconds(min(seconds, 86_400)),
            interval: interval ?? DeviceLogin.defaultInterval,
            deviceCode: Secret(device),
            scopes: scopes
        )
    }

    /// People are sent there: https, or http on loopback.
    private static func isShowable(_ address: String) -> Bool {
        guard let parts = URIParts(address), parts.hostAndPort != nil else { return false }
        return parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback
    }
}
