internal import AsyncHTTPClient
internal import NIOCore
internal import OAuthVocabulary

/// The transport for addresses that somebody else may have named: a provider's metadata, an application's logout address.
///
/// Beyond what ``HTTPClientTransport`` does (https, or http to loopback; no redirects; nothing unpacked; bounded bodies;
/// one time limit) it resolves the host itself, refuses unless all its addresses are allowed, and connects to the very
/// address that was judged, so that a second answer of the DNS changes nothing.
package struct GuardedTransport: HTTPTransport {
    /// How many addresses of one name are tried.
    static let maximumAddresses = 4

    private let policy: DestinationPolicy
    private let resolver: any HostResolver
    private let configuration: HTTPClient.Configuration

    /// A transport that goes where `policy` allows.
    package init(
        _ policy: DestinationPolicy = .publicInternet,
        resolver: any HostResolver = SystemHostResolver()
    ) {
        self.init(policy, resolver: resolver, configuration: HTTPClient.Configuration())
    }

    /// - Parameter configuration: roots of trust; a proxy would resolve names by itself, so that none is used.
    init(_ policy: DestinationPolicy, resolver: any HostResolver, configuration: HTTPClient.Configuration) {
        self.policy = policy
        self.resolver = resolver
        self.configuration = configuration
    }

    package func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        _ = try HTTPClientTransport.prepared(request)
        let (host, addresses) = try await destination(request.url)
        var outcome = TransportError(.unreachable, reason: "the host has no address")
        for address in addresses {
            do throws(TransportError) {
                return try await transport(host, address).send(request)
            } catch {
                // Only where nothing was sent may another address of the same host be tried.
                guard error.isBeforeSending else { throw error }
                outcome = error
            }
        }
        throw outcome
    }

    package func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        _ = try HTTPClientTransport.prepared(request)
        let (host, addresses) = try await destination(request.url)
        guard let first = addresses.first else { throw TransportError(.unreachable, reason: "the host has no address") }
        try await transport(host, first)
            .stream(request, idleTimeout: idleTimeout, onHead: onHead, onBytes: onBytes)
    }

    /// Whether nothing forbids sending to this address now: for telling an operator early, never instead of sending by
    /// this transport.
    package func check(_ url: String) async throws(TransportError) {
        _ = try HTTPClientTransport.prepared(TransportRequest(url: url))
        _ = try await destination(url)
    }

    /// The host, and its addresses if every one of them is allowed.
    private func destination(_ url: String) async throws(TransportError) -> (host: String, addresses: [IPAddress]) {
        guard let host = URIParts(url)?.hostAndPort?.host else {
            throw TransportError(.malformed, reason: "the address is not an absolute URL")
        }
        let bare = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        let addresses: [IPAddress]
        if let literal = IPAddress(bare) {
            addresses = [literal]
        } else {
            guard Self.isName(host) else {
                throw TransportError(
                    .malformed,
                    reason: "the host is neither a name nor an address in its usual spelling"
                )
            }
            addresses = await resolver.addresses(of: host)
            guard !addresses.isEmpty else {
                throw TransportError(.unreachable, reason: "the host \(host) has no address")
            }
        }
        for address in addresses {
            if let reason = policy.refusal(of: address) {
                throw TransportError(
                    .forbidden,
                    reason: "requests to \(address) are not allowed (\(reason)), and the host \(host) leads there"
                )
            }
        }
        return (bare, Array(addresses.prefix(Self.maximumAddresses)))
    }

    /// Letters, digits, hyphens, dots, and nothing that a resolver could take for a number (`0x7f.1`, `2130706433`).
    private static func isName(_ host: String) -> Bool {
        let labels = (host.hasSuffix(".") ? host.dropLast() : host[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        let isPlain = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy { byte in
                    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x5F
                }
        }
        guard isPlain, host.utf8.count <= 253, let last = labels.last else { return false }
        return !last.utf8.allSatisfy { (0x30...0x39).contains($0) } && !last.hasPrefix("0x")
    }

    /// A client of one host and one address, with connections of its own: what was judged for this request says nothing
    /// about the next.
    private func transport(_ host: String, _ address: IPAddress) -> HTTPClientTransport {
        var configuration = configuration
        configuration.proxy = nil
        configuration.dnsOverride = [host: address.description]
        let octets = address.octets
        // Whatever the client made of the host's spelling: a connection that leads elsewhere is never used.
        let verify: @Sendable (any Channel) -> EventLoopFuture<Void> = { channel in
            guard let remote = channel.remoteAddress?.ipAddress.flatMap({ IPAddress($0) }), remote.octets == octets
            else {
                return channel.eventLoop.makeFailedFuture(
                    TransportError(.forbidden, reason: "the connection leads to an address that was not judged")
                )
            }
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        configuration.http1_1ConnectionDebugInitializer = verify
        configuration.http2ConnectionDebugInitializer = verify
        return HTTPClientTransport(configuration: configuration)
    }
}
