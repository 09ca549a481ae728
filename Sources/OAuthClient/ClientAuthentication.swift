internal import Instants
internal import IssuerConnection
public import JOSE
internal import OAuthVocabulary

/// How a client proves at the token endpoint that it is itself.
public struct ClientAuthentication: Sendable, Concealed {
    enum Method: Sendable {
        case none
        case basic(Secret)
        case post(Secret)
        case assertion(SigningKey, audience: String?)
        case signedSecret(SigningKey, SignedSecret)
    }

    /// A `client_secret` that is itself a JWT, as Apple wants it.
    struct SignedSecret: Sendable {
        var issuer: String
        var audience: String
    }

    let method: Method

    /// Not at all: a public client, which PKCE protects.
    public static let none = ClientAuthentication(method: .none)

    /// `client_secret_basic` (RFC 6749 §2.3.1).
    public static func secretBasic(_ secret: String) -> ClientAuthentication {
        ClientAuthentication(method: .basic(Secret(secret)))
    }

    /// `client_secret_post` (RFC 6749 §2.3.1): for issuers that cannot do Basic.
    public static func secretPost(_ secret: String) -> ClientAuthentication {
        ClientAuthentication(method: .post(Secret(secret)))
    }

    /// `private_key_jwt` (RFC 7523 §2.2): nothing that could be stolen crosses the wire.
    ///
    /// - Parameter audience: the `aud` of the assertions; the issuer, unless a server insists on its token endpoint.
    public static func privateKeyJWT(_ key: SigningKey, audience: String? = nil) -> ClientAuthentication {
        ClientAuthentication(method: .assertion(key, audience: audience))
    }

    /// A `client_secret` that is a JWT signed by `key`, made anew each time: what Apple asks for instead of a secret.
    ///
    /// - Parameters:
    ///   - issuer: whose key it is; at Apple the team.
    ///   - audience: for whom the secret is.
    package static func signedSecret(_ key: SigningKey, issuer: String, audience: String) -> ClientAuthentication {
        ClientAuthentication(method: .signedSecret(key, SignedSecret(issuer: issuer, audience: audience)))
    }

    /// How long a signed secret is good for; it is sent at once.
    static let signedSecretLifetime: Duration = .seconds(300)
    /// How long an assertion is good for.
    static let assertionLifetime: Duration = .seconds(60)
    static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    /// Adds the proof to a request; an assertion is made anew each time, since each counts once.
    func prove(
        _ registration: ClientRegistration,
        in form: inout [FormField],
        headers: inout [(String, String)],
        environment: ClientEnvironment
    ) throws(OAuthClientError) {
        switch method {
        case .none:
            form.append(FormField("client_id", registration.clientID))
        case .basic(let secret):
            // RFC 6749 §2.3.1: "The client identifier is encoded using the "application/x-www-form-urlencoded" encoding
            // algorithm"
            let credentials = BasicCredentials(name: registration.clientID, secret: secret)
            headers.append(("Authorization", credentials.authorization))
        case .post(let secret):
            form.append(FormField("client_id", registration.clientID))
            form.append(FormField("client_secret", secret.exposed))
        case .assertion(let key, let audience):
            let assertion = try assertion(registration, key, audience ?? registration.issuer, environment)
            form.append(FormField("client_id", registration.clientID))
            form.append(FormField("client_assertion_type", Self.assertionType))
            form.append(FormField("client_assertion", assertion))
        case .signedSecret(let key, let parts):
            form.append(FormField("client_id", registration.clientID))
            form.append(FormField("client_secret", try Self.secret(registration, key, parts, environment)))
        }
    }

    private static func secret(
        _ registration: ClientRegistration,
        _ key: SigningKey,
        _ parts: SignedSecret,
        _ environment: ClientEnvironment
    ) throws(OAuthClientError) -> String {
        let now = environment.clock.now
        let claims = RegisteredClaims(
            issuer: parts.issuer,
            subject: registration.clientID,
            audience: [parts.audience],
            expiresAt: now + signedSecretLifetime,
            issuedAt: now
        )
        do throws(JOSEError) {
            return try JWT.signed(claims.members, type: "JWT", by: key)
        } catch {
            throw OAuthClientError(.requestInvalid, reason: "the secret cannot be signed: \(error.code)")
        }
    }

    private func assertion(
        _ registration: ClientRegistration,
        _ key: SigningKey,
        _ audience: String,
        _ environment: ClientEnvironment
    ) throws(OAuthClientError) -> String {
        let now = environment.clock.now
        // RFC 7523 §3: "For client authentication, the subject MUST be the "client_id" of the OAuth client."
        let claims = RegisteredClaims(
            issuer: registration.clientID,
            subject: registration.clientID,
            audience: [audience],
            expiresAt: now + Self.assertionLifetime,
            issuedAt: now,
            tokenID: environment.randomness.text(16)
        )
        do throws(JOSEError) {
            return try JWT.signed(claims.members, type: "JWT", by: key)
        } catch {
            throw OAuthClientError(.requestInvalid, reason: "the assertion cannot be signed: \(error.code)")
        }
    }

    /// What tells this proof from another, as octets that go into a hash: two who hold different secrets share no token.
    var identity: [String] {
        switch method {
        case .none: ["none"]
        case .basic(let secret), .post(let secret): ["secret", secret.exposed]
        case .assertion(let key, _), .signedSecret(let key, _): ["key", key.publicJWK.thumbprint()]
        }
    }

    /// What must not come back in a message.
    var secrets: [String] {
        switch method {
        case .none, .assertion, .signedSecret: []
        case .basic(let secret), .post(let secret): [secret.exposed]
        }
    }
}
