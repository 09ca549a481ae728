// Room: the client's side of RFC 6749: discovery, code and PKCE, refresh, client credentials with a token cache, device
// flow, revocation, logout. Front doors: RelyingParty and ServiceTokens. Stores in memory what its caller hands it no store for.

public import IssuerConnection
public import Logging

/// A client as it is registered at an issuer.
public struct ClientRegistration: Sendable, Concealed {
    /// The issuer, byte for byte as its tokens name it.
    public var issuer: String
    /// The `client_id` (RFC 6749 §2.2).
    public var clientID: String
    /// How the client proves that it is itself.
    public var authentication: ClientAuthentication

    /// A client of these parts.
    public init(issuer: String, clientID: String, authentication: ClientAuthentication) {
        self.issuer = issuer
        self.clientID = clientID
        self.authentication = authentication
    }
}

/// What the clients need from around them: the network, time, randomness, a log.
public struct ClientEnvironment: Sendable {
    /// The way out.
    public var transport: any HTTPTransport
    /// How often and how long is tried again, where that is safe.
    public var retries: RetryPolicy
    /// How long one attempt may take.
    public var timeout: Duration
    /// The time.
    public var clock: any ClientClock
    /// Where verifiers, states, nonces and jitter are drawn.
    public var randomness: any ClientRandomness
    /// Where trouble is told that no caller sees, such as a refresh ahead of time that failed.
    ///
    /// Never with a credential.
    public var logger: Logger?

    /// The real world, unless said otherwise.
    public init(
        transport: any HTTPTransport = HTTPClientTransport.shared,
        retries: RetryPolicy = .standard,
        timeout: Duration = TransportRequest.defaultTimeout,
        clock: any ClientClock = SystemClientClock(),
        randomness: any ClientRandomness = SystemClientRandomness(),
        logger: Logger? = nil
    ) {
        self.transport = transport
        self.retries = retries
        self.timeout = timeout
        self.clock = clock
        self.randomness = randomness
        self.logger = logger
    }
}

/// A value that holds secrets: it shows of what type it is, and nothing else.
public protocol Concealed: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {}

extension Concealed {
    /// The name of the type.
    public var description: String { "<\(Self.self)>" }
    /// The name of the type.
    public var debugDescription: String { description }
    /// A mirror without children.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
