/// Why an issuer's metadata cannot be had.
public struct DiscoveryError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind, in words that logs can be searched for.
        public let description: String

        /// A kind of this name.
        public init(_ description: String) { self.description = description }

        /// What was given is no issuer identifier.
        public static let issuerInvalid = Code("issuer-invalid")
        /// The document names another issuer than the one that was asked.
        public static let issuerMismatch = Code("issuer-mismatch")
        /// The document names an endpoint to which nothing may be sent.
        public static let endpointInvalid = Code("endpoint-invalid")
        /// The issuer has no metadata where RFC 8414 and OpenID Connect Discovery put it.
        public static let notFound = Code("not-found")
        /// The issuer answered with an error of its own.
        public static let unavailable = Code("unavailable")
        /// No answer: see ``DiscoveryError/transport``.
        public static let transport = Code("transport")
    }

    /// What kind of failure.
    public var code: Code
    /// What happened, for people.
    public var reason: String
    /// The status that came, if one did.
    public var status: Int?
    /// The failure underneath, where there was no answer.
    public var transport: TransportError?
    /// Under which name the issuer's log has the exchange.
    public var traceID: String?

    /// A failure.
    public init(
        _ code: Code,
        reason: String,
        status: Int? = nil,
        transport: TransportError? = nil,
        traceID: String? = nil
    ) {
        self.code = code
        self.reason = reason
        self.status = status
        self.transport = transport
        self.traceID = traceID ?? transport?.traceID
    }

    /// Whether asking again later may help.
    public var isTransient: Bool { code == .transport || code == .unavailable }

    /// Code, reason, trace.
    public var description: String { "\(code): \(reason)\(traceID.map { " (trace \($0))" } ?? "")" }
}
