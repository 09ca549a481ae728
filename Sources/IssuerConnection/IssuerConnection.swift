// Room: the way to an issuer, shared by the resource server and the client: its metadata (RFC 8414), and HTTP within
// limits. Owns the seam behind which the HTTP client lies. Stores nothing.

/// A request to an issuer or an API.
public struct TransportRequest: Sendable {
    /// The method, such as `POST`.
    public var method: String
    /// Where to: https, or http on loopback.
    public var url: String
    /// The header fields in their order; `Host` and `Content-Length` are the transport's.
    public var headers: [(String, String)]
    /// The content, empty for none.
    public var body: [UInt8]
    /// How long the whole exchange may take; for a stream, how long until its head is there.
    public var timeout: Duration
    /// The most octets that a response may have.
    ///
    /// A longer one is an error and not cut off. A stream has no such bound.
    public var maximumBytes: Int

    /// A time-out for exchanges that an issuer answers from memory or its database.
    public static let defaultTimeout: Duration = .seconds(10)
    /// 256 KiB: several times the largest metadata or key set in use.
    public static let defaultMaximumBytes = 256 * 1024

    /// A request of these parts.
    public init(
        method: String = "GET",
        url: String,
        headers: [(String, String)] = [],
        body: [UInt8] = [],
        timeout: Duration = TransportRequest.defaultTimeout,
        maximumBytes: Int = TransportRequest.defaultMaximumBytes
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maximumBytes = maximumBytes
    }

    /// The first value of a header field, by its name in any case.
    public func header(_ name: String) -> String? {
        headers.first { HeaderName.same($0.0, name) }?.1
    }
}

/// A response, whatever its status.
public struct TransportResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The header fields in the order in which they came.
    public var headers: [(name: String, value: String)]
    /// The content; empty in the head of a stream.
    public var body: [UInt8]

    /// A response of these parts.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a header field, by its name in any case.
    public func header(_ name: String) -> String? {
        headers.first { HeaderName.same($0.name, name) }?.value
    }

    /// Under which name the issuer's log has this exchange, if it says so: see ``TraceID``.
    public var traceID: String? { TraceID.read(header(TraceID.headerName)) }
}

/// The name under which an issuer's log has an exchange: safe to print, and worth quoting to the issuer's operator.
public enum TraceID {
    /// The header field in which Signet says it.
    public static let headerName = "Signet-Trace-Id"

    /// The value if it is 1 to 128 letters, digits, hyphens or underscores: what a stranger sends does not get into a log.
    static func read(_ value: String?) -> String? {
        guard let value, (1...128).contains(value.utf8.count),
            value.utf8.allSatisfy({ byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
                default: false
                }
            })
        else { return nil }
        return value
    }
}

/// Sends requests: the one way out of the SDKs, so that a test can put its own in place.
///
/// An implementation follows no redirects: a credential must not go where an answer says.
public protocol HTTPTransport: Sendable {
    /// Sends a request and returns the whole response, within the request's time-out and bound.
    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse

    /// Sends a request and hands its response over as it comes, until the server ends it.
    ///
    /// The callbacks run one after another, in the caller's task; one that throws ends the exchange with
    /// ``TransportError/Code/stopped``, and so does the cancellation of the task with ``TransportError/Code/cancelled``.
    ///
    /// - Parameter idleTimeout: how long nothing may come before the stream counts as dead.
    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError)
}

/// Why there is no response.
public struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind, in words that logs can be searched for.
        public let description: String

        /// A kind of this name.
        public init(_ description: String) { self.description = description }

        /// No connection came about: the request did not reach the server.
        public static let unreachable = Code("unreachable")
        /// The connection broke in the exchange: the server may have acted on the request.
        public static let connectionLost = Code("connection-lost")
        /// Not done in time: the server may have acted on the request.
        public static let timedOut = Code("timed-out")
        /// The response is longer than the request allows.
        public static let tooLarge = Code("too-large")
        /// The address is neither https nor http on loopback, so nothing was sent.
        public static let insecure = Code("insecure")
        /// The address is one to which this transport must not send, so nothing was sent.
        public static let forbidden = Code("forbidden")
        /// The address or a header field of the request is malformed, or what came is not HTTP.
        public static let malformed = Code("malformed")
        /// The task was cancelled.
        public static let cancelled = Code("cancelled")
        /// A callback of the stream threw.
        public static let stopped = Code("stopped")
    }

    /// What kind of failure.
    public var code: Code
    /// What happened, for people: never with a credential or a query in it.
    public var reason: String
    /// Under which name the issuer's log has the exchange, where a head came.
    public var traceID: String?

    /// A failure.
    public init(_ code: Code, reason: String, traceID: String? = nil) {
        self.code = code
        self.reason = reason
        self.traceID = traceID
    }

    /// Whether the server cannot have seen the request, so that even one that must happen once may be sent again.
    public var isBeforeSending: Bool { code == .unreachable }

    /// Code, reason, trace.
    public var description: String { "\(code): \(reason)\(traceID.map { " (trace \($0))" } ?? "")" }
}

/// Names of header fields, which have no case (RFC 9110 §5.1).
package enum HeaderName {
    package static func same(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
