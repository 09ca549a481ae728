package import JOSE
package import OAuthVocabulary

/// What an operator decides about a provider.
///
/// Every limit is here or in `Limits`.
package struct ProviderConfiguration: Sendable {
    package enum Disclosure: Hashable, Sendable {
        /// Answers say what was refused; the log says why.
        case descriptionOnly
        /// Answers also say what was expected and what came. For development only.
        case expectedAndGot
    }

    package var issuer: IssuerURL
    package var disclosure: Disclosure = .descriptionOnly

    /// How long an authorization code may be redeemed (RFC 6749 §4.1.2 recommends at most 10 minutes).
    package var authorizationCodeLifetime: Duration = .seconds(60)
    package var accessTokenLifetime: Duration = .seconds(15 * 60)
    package var idTokenLifetime: Duration = .seconds(60 * 60)
    package var accessTokenAlgorithm: SignatureAlgorithm = .es256
    /// The audience of access tokens for which nobody asked for an API; the issuer if not set (RFC 9068 §3).
    package var defaultAudience: ResourceIndicator?

    /// How long a client that lost the answer may repeat a rotated refresh token and get the same successor.
    ///
    /// Zero turns repetition off.
    package var refreshRetryWindow: Duration = .seconds(10)
    /// How often the same rotated token is answered inside one window.
    package var refreshRetryLimit = 20
    package var refreshIdleLifetime: Duration = .seconds(7 * 86400)
    package var refreshAbsoluteLifetime: Duration = .seconds(30 * 86400)

    /// The longest absolute lifetime that a client's record may ask for; revocations are kept this long.
    package var longestRefreshLifetime: Duration = .seconds(400 * 86400)

    /// How long a started sign-in may stay open.
    package var interactionLifetime: Duration = .seconds(30 * 60)
    /// How long a device code may be approved and redeemed (RFC 8628 §3.2, `expires_in`).
    package var deviceCodeLifetime: Duration = .seconds(10 * 60)
    /// How far ahead of use a new signing key is published.
    package var keyPublicationLead: Duration = .seconds(15 * 60)
    /// How long a signing key is used before the next one takes over.
    package var keyRotationPeriod: Duration = .seconds(90 * 86400)

    /// What holds off requests that another site has a browser send to `/session`: all of it.
    ///
    /// No setting changes it. It is a value so that tests can show what each defence does by itself.
    package var csrfDefences = Set(CSRFDefence.allCases)

    package init(issuer: IssuerURL) { self.issuer = issuer }

    /// The `aud` of a token for the issuer's own endpoints.
    package var issuerAudience: String { issuer.value }

    /// The address of an endpoint.
    package func url(_ path: String) -> String { issuer.value + path }
}

/// Limits that no operator needs to change.
///
/// HTTP sizes are in the HTTP room.
package enum Limits {
    /// The longest `state`, `nonce` and `login_hint`, in bytes.
    package static let echoedParameterLength = 2048
    /// The longest lifetime of a client assertion.
    ///
    /// RFC 7523 §3 leaves it to the server; an hour is what Authlib sends, and costs no more than a spent `jti` on
    /// record for that long.
    package static let clientAssertionLifetime: Duration = .seconds(60 * 60)
    /// The longest lifetime that an access or ID token can be configured to have.
    package static let longestTokenLifetime: Duration = .seconds(86400)
    /// How far the clocks of clients may be off.
    package static let clockSkew: Duration = .seconds(30)
    /// How often an apply that lost a race is read and decided again before the answer is 503.
    package static let applyAttempts = 64
    /// How long a device waits between two questions (RFC 8628 §3.2, `interval`).
    package static let devicePollInterval: Duration = .seconds(5)
    /// What `slow_down` adds to it (RFC 8628 §3.5).
    package static let devicePollSlowDown: Duration = .seconds(5)
    /// It grows no further: a device that slowed down whenever it was told to is never asked for more than it knows of.
    package static let longestDevicePollInterval: Duration = .seconds(60)
    /// How much early a question may be: networks bring two of them closer together than they were sent.
    package static let devicePollTolerance: Duration = .seconds(1)
    /// How long a device that slept is still told that its code has expired, rather than that there is no such code.
    package static let expiredDeviceCodeMemory: Duration = .seconds(60 * 60)
    /// How many rotation times a refresh family remembers.
    package static let rememberedRotations = 16
}
