internal import JOSE

extension IssuerMetadata {
    /// The longest metadata document that is read: 256 KiB, the parser's limits besides.
    static let maximumBytes = 256 * 1024

    /// Asks an issuer for its metadata: where RFC 8414 §3 puts it, then where OpenID Connect Discovery §4 does.
    ///
    /// - Parameter issuer: byte for byte as tokens name it.
    /// - Throws: ``DiscoveryError``; another issuer's document is refused and not passed over.
    public static func discover(
        _ issuer: String,
        by transport: any HTTPTransport,
        timeout: Duration = TransportRequest.defaultTimeout
    ) async throws(DiscoveryError) -> IssuerMetadata {
        try await discover(issuer, claiming: nil, by: transport, timeout: timeout)
    }

    /// The same, where the document names itself by other words than those under which it is found.
    package static func discover(
        _ issuer: String,
        claiming name: String?,
        by transport: any HTTPTransport,
        timeout: Duration = TransportRequest.defaultTimeout
    ) async throws(DiscoveryError) -> IssuerMetadata {
        let identifier = try IssuerIdentifier(issuer)
        var outcome = DiscoveryError(.notFound, reason: "no metadata at the well-known places of \(issuer)")
        for url in identifier.metadataURLs {
            let request = TransportRequest(
                url: url,
                headers: [("Accept", "application/json")],
                timeout: timeout,
                maximumBytes: maximumBytes
            )
            let response: TransportResponse
            do throws(TransportError) {
                response = try await transport.send(request)
            } catch {
                throw DiscoveryError(.transport, reason: error.reason, transport: error)
            }
            if response.status == 200, let document = read(response.body) {
                return try IssuerMetadata(document, from: issuer, claiming: name ?? issuer)
            }
            // A server in trouble must not look like one that has no metadata.
            if response.status >= 500 || response.status == 429 {
                outcome = DiscoveryError(
                    .unavailable,
                    reason: "the issuer answered with status \(response.status)",
                    status: response.status,
                    traceID: response.traceID
                )
            }
        }
        throw outcome
    }

    /// The document, or nothing where a page came instead of one.
    private static func read(_ bytes: [UInt8]) -> JSONObject? {
        try? JSONObject(parsing: bytes, limits: ParsingLimits(maximumBytes: maximumBytes, maximumDepth: 8))
    }
}
