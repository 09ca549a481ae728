package import Pages

/// What an operator decides about listening; what the issuer is comes from the provider.
package struct HTTPConfiguration: Sendable {
    package var listen: ListenAddress
    /// `nil`: plain HTTP/1.1, for loopback or behind a proxy.
    package var tls: TLSFiles?
    /// Who may say where a request came from.
    package var trustedProxies = TrustedProxies.none
    package var limits = HTTPLimits.standard
    /// How long requests may finish after a shutdown was asked for; then their connections are cut.
    package var drainTimeout: Duration = .seconds(20)
    /// `max-age` of `Strict-Transport-Security` (RFC 6797 §6.1.1), sent on https only; zero sends none.
    package var strictTransportSecurity: Duration = .seconds(365 * 86400)
    /// How often the TLS files are looked at.
    package var certificatePollInterval: Duration = .seconds(5)
    /// What the welcome page shows on a development server.
    package var development: WelcomePage.Development?
    /// What `/readyz` asks; without it the server is ready as soon as it listens.
    package var health: Health?
    /// Where refusals are kept for `signet explain`.
    package var explainLog: ExplainLog?
    /// Gets the socket once it is bound, for whoever stops the server.
    package var socket = ListeningSocket()
    /// Called once the socket is bound, with the real port.
    package var onListening: @Sendable (ListenAddress) async -> Void = { _ in }

    package init(listen: ListenAddress) { self.listen = listen }
}

/// A host and a port to listen on; port 0 means any free one.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// One socket is bound, so that `localhost` must mean one address; browsers try both.
    var bindHost: String { host == "localhost" ? "127.0.0.1" : host }
}

/// A certificate chain and its private key, both PEM.
package struct TLSFiles: Hashable, Sendable {
    package var certificate: String
    package var privateKey: String

    package init(certificate: String, privateKey: String) {
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

/// Every limit of a request before it is understood; what the protocol limits is in the provider.
package struct HTTPLimits: Sendable {
    /// The longest body, in bytes.
    package var bodyBytes = 64 * 1024
    /// The longest request target (path and query), in bytes.
    package var targetBytes = 16 * 1024
    /// The longest single header field, in bytes.
    package var headerFieldBytes = 16 * 1024
    /// All header fields together, in bytes.
    package var headerBytes = 32 * 1024
    package var headerFields = 100
    /// The most parameters in a query or form.
    package var parameters = 100
    /// The longest cookie value that is looked at, in bytes.
    package var cookieBytes = 256
    /// How long a body may take to arrive.
    package var bodyTimeout: Duration = .seconds(10)
    /// How long a connection may be silent, and how long headers may take to arrive.
    package var idleTimeout: Duration = .seconds(30)
    /// How long an answer may take to leave: whoever does not read theirs gives up the connection.
    package var responseTimeout: Duration = .seconds(30)
    /// How old an HTTP/2 connection may become; then it is asked to reconnect.
    package var connectionAge: Duration = .seconds(3600)
    /// How long a TLS handshake may take.
    package var handshakeTimeout: Duration = .seconds(10)
    /// Connections at one time; more wait in the kernel's queue.
    package var connections = 4096
    /// Streams and waiting polls at one time; who comes then is asked to come back.
    package var streams = 1000
    /// Streams at one time for one audience: that many instances of one API may follow the feed.
    package var streamsPerGroup = 64
    /// How long what a stream wrote may take to leave: whoever does not read gives up the connection.
    package var streamTimeout: Duration = .seconds(10)
    /// What the kernel may hold back for a reader of a stream that does not read, in bytes.
    package var streamSendBuffer = 128 * 1024
    /// What a refused reader waits before it asks again.
    package var streamRetryAfter: Duration = .seconds(5)

    package static let standard = HTTPLimits()
}
