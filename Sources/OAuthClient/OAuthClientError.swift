public import IssuerConnection
internal import JOSE

/// Why a client did not get what it asked for.
///
/// Nothing in it is a credential: what a server says is shortened and searched for what was sent to it.
public struct OAuthClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind, in words that logs can be searched for.
        public let description: String

        /// A kind of this name.
        public init(_ description: String) { self.description = description }

        /// The issuer said no: see ``OAuthClientError/error``.
        public static let refused = Code("refused")
        /// The issuer is in trouble or asks for patience; later it may work.
        public static let unavailable = Code("unavailable")
        /// No answer: see ``OAuthClientError/transport``.
        public static let transport = Code("transport")
        /// The issuer's metadata cannot be had or trusted.
        public static let discovery = Code("discovery")
        /// An answer that is not what the specification says.
        public static let responseMalformed = Code("response-malformed")
        /// An authorization response that is not the answer to our request: another state, another issuer.
        public static let responseInvalid = Code("response-invalid")
        /// An ID token, or what userinfo says, that must not be believed.
        public static let tokenInvalid = Code("token-invalid")
        /// The issuer does not have the endpoint, or the client is not set up for it.
        public static let unsupported = Code("unsupported")
        /// What the caller asked for cannot be sent: a scope with a quotation mark, an address of another origin.
        public static let requestInvalid = Code("request-invalid")
        /// The login took too long, or the session has nothing left to continue with.
        public static let expired = Code("expired")
        /// The task was cancelled.
        public static let cancelled = Code("cancelled")
    }

    /// What kind of failure.
    public var code: Code
    /// What happened, for people; our words.
    public var reason: String
    /// The `error` that the issuer sent (RFC 6749 §4.1.2.1, §5.2).
    public var error: String?
    /// The `error_description` that the issuer sent: for developers, not for the person at the screen.
    public var errorDescription: String?
    /// The status that came, if one did.
    public var status: Int?
    /// How long the issuer asks to wait.
    public var retryAfter: Duration?
    /// Under which name the issuer's log has the exchange: worth quoting to its operator.
    public var traceID: String?
    /// The failure underneath, where there was no answer.
    public var transport: TransportError?

    /// A failure.
    public init(_ code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }

    /// Whether the grant is over, so that a person has to sign in again; trouble on the way never says so.
    public var isInvalidGrant: Bool { code == .refused && error == "invalid_grant" }

    /// Whether the same may work later.
    public var isTransient: Bool {
        code == .unavailable || code == .transport
            || code == .refused && (error == "temporarily_unavailable" || error == "server_error")
    }

    /// Code, reason, what the issuer said, trace.
    public var description: String {
        var text = "\(code): \(reason)"
        if let error { text += ", error \(error)" }
        if let errorDescription { text += " (\(errorDescription))" }
        if let status { text += ", status \(status)" }
        if let traceID { text += ", trace \(traceID)" }
        return text
    }

    static let cancelled = OAuthClientError(.cancelled, reason: "the task was cancelled")

    init(_ failure: TransportError) {
        let code: Code =
            switch failure.code {
            case .cancelled: .cancelled
            case .insecure, .forbidden: .requestInvalid
            default: .transport
            }
        self.init(code, reason: failure.reason)
        traceID = failure.traceID
        transport = failure
    }

    init(_ failure: DiscoveryError) {
        let isCancelled = failure.transport?.code == .cancelled
        self.init(
            isCancelled ? .cancelled : failure.isTransient ? .transport : .discovery,
            reason: "metadata of the issuer: \(failure.reason)"
        )
        status = failure.status
        traceID = failure.traceID
        transport = failure.transport
    }
}

/// Text from a server that is going to be shown in logs.
enum ForeignText {
    /// What RFC 6749 §5.2 allows in a description, at most 300 characters; nothing if it repeats a secret that we sent.
    static func shown(_ text: String?, hiding secrets: [String]) -> String? {
        guard let text else { return nil }
        guard !secrets.contains(where: { $0.utf8.count >= 6 && text.contains($0) }) else {
            return "withheld: it repeats a credential"
        }
        let clean = text.unicodeScalars.filter { (0x20...0x7E).contains($0.value) }.prefix(300)
        return String(String.UnicodeScalarView(clean))
    }

    /// An `error` code, or nothing if it cannot be one.
    static func code(_ text: String?) -> String? {
        guard let text, (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C })
        else { return nil }
        return text
    }
}
