internal import AsyncHTTPClient
internal import NIOCore

/// What the HTTP client's errors mean for a caller: above all, whether the server may have seen the request.
enum TransportFailure {
    static func read(_ error: any Error, traceID: String?) -> TransportError {
        if let error = error as? TransportError { return error }
        if error is CancellationError { return TransportError(.cancelled, reason: "cancelled", traceID: traceID) }
        if let error = error as? HTTPClientError { return read(error, traceID: traceID) }
        // Errors of the connection attempt have types of several modules that are not all public; by name they are known.
        let name = String(describing: type(of: error))
        let text = String(describing: error)
        let isOfConnecting =
            name == "NIOConnectionError" || text.contains("handshakeFailed") || text.contains("connectTimeout")
            || (error as? IOError).map { $0.description.contains("connect") } == true
        return isOfConnecting
            ? TransportError(.unreachable, reason: "no connection: \(text.prefix(300))", traceID: traceID)
            : TransportError(.connectionLost, reason: "the connection broke: \(text.prefix(300))", traceID: traceID)
    }

    private static func read(_ error: HTTPClientError, traceID: String?) -> TransportError {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout, .alreadyShutdown,
            .httpProxyHandshakeTimeout, .socksHandshakeTimeout:
            TransportError(.unreachable, reason: "no connection: \(error.shortDescription)", traceID: traceID)
        case .deadlineExceeded, .readTimeout, .writeTimeout:
            TransportError(.timedOut, reason: "no response in time", traceID: traceID)
        case .cancelled:
            TransportError(.cancelled, reason: "cancelled", traceID: traceID)
        case .invalidURL, .emptyHost, .emptyScheme, .traceRequestWithBody:
            TransportError(.malformed, reason: error.shortDescription, traceID: traceID)
        default:
            // Names of header fields that the client refuses come with their values: the words only.
            error.shortDescription.contains("header")
                ? TransportError(.malformed, reason: "a header field of the request is malformed", traceID: traceID)
                : TransportError(.connectionLost, reason: error.shortDescription, traceID: traceID)
        }
    }
}
