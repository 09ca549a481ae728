public import AsyncHTTPClient
internal import Instants
internal import NIOCore
internal import NIOHTTP1
internal import OAuthVocabulary

/// The transport on async-http-client.
///
/// It speaks https, and http to loopback only; follows no redirects, unpacks nothing, keeps no cookies. Certificates are
/// checked against the system's roots, or those of the configuration.
public final class HTTPClientTransport: HTTPTransport {
    /// The one that everybody uses who has no reason for another.
    ///
    /// It lives as long as the process.
    public static let shared = HTTPClientTransport()

    private let client: HTTPClient

    /// A transport with its own connections.
    ///
    /// - Parameter configuration: roots of trust, proxy, pool. Redirects, decompression and retries are switched off, and a
    ///   connection must come about in five seconds unless it says otherwise.
    public init(configuration: HTTPClient.Configuration = HTTPClient.Configuration()) {
        var configuration = configuration
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.timeout.connect = configuration.timeout.connect ?? .seconds(5)
        // Retries are ours, where the caller knows that they are safe and how long they may take.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit {
        // The client insists on being shut down; whoever forgets ``shutdown()`` loses nothing but the wait for it.
        client.shutdown { _ in }
    }

    /// Closes the connections and waits for it.
    public func shutdown() async {
        try? await client.shutdown()
    }

    /// Sends a request: see ``HTTPTransport``.
    public func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let prepared = try Self.prepared(request)
        let client = client
        // The client's own deadline ends with the head; this one covers the body too.
        let outcome = await withTaskGroup(of: Result<TransportResponse, TransportError>.self) { group in
            group.addTask { await Self.exchange(prepared, for: request, through: client) }
            group.addTask {
                try? await Task.sleep(for: request.timeout)
                let reason = "no complete response within \(request.timeout)"
                return .failure(TransportError(.timedOut, reason: reason))
            }
            let first = await group.next() ?? .failure(TransportError(.cancelled, reason: "cancelled"))
            group.cancelAll()
            return first
        }
        if Task.isCancelled, case .failure = outcome { throw TransportError(.cancelled, reason: "cancelled") }
        return try outcome.get()
    }

    /// Streams a response: see ``HTTPTransport``.
    public func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        let prepared = try Self.prepared(request)
        let client = client
        let channel = StreamChannel()
        let failure: TransportError? = await withTaskGroup(of: Void.self) { group in
            group.addTask { await Self.pump(prepared, for: request, through: client, into: channel) }
            group.addTask { await channel.watch(idleTimeout: idleTimeout, headTimeout: request.timeout) }
            let failure = await Self.consume(channel, onHead: onHead, onBytes: onBytes)
            channel.close()
            group.cancelAll()
            return failure
        }
        if Task.isCancelled { throw TransportError(.cancelled, reason: "cancelled") }
        if let failure { throw failure }
    }

    /// The only addresses that are ever connected to.
    static func prepared(_ request: TransportRequest) throws(TransportError) -> HTTPClientRequest {
        guard let parts = URIParts(request.url), parts.hostAndPort != nil, parts.fragment == nil else {
            throw TransportError(.malformed, reason: "the address is not an absolute URL")
        }
        guard parts.scheme == "https" || parts.scheme == "http" && parts.isLoopback else {
            throw TransportError(.insecure, reason: "https is required, or http on loopback")
        }
        var prepared = HTTPClientRequest(url: request.url)
        prepared.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { prepared.headers.add(name: name, value: value) }
        if !request.body.isEmpty { prepared.body = .bytes(ByteBuffer(bytes: request.body)) }
        return prepared
    }

    private static func exchange(
        _ prepared: HTTPClientRequest,
        for request: TransportRequest,
        through client: HTTPClient
    ) async -> Result<TransportResponse, TransportError> {
        var traceID: String?
        do {
            let received = try await client.execute(prepared, timeout: TimeAmount(request.timeout))
            var response = head(of: received)
            traceID = response.traceID
            let length = response.header("Content-Length").flatMap(Int.init) ?? 0
            guard length <= request.maximumBytes else { return .failure(tooLarge(request, traceID)) }
            for try await chunk in received.body {
                guard chunk.readableBytes <= request.maximumBytes - response.body.count else {
                    return .failure(tooLarge(request, traceID))
                }
                response.body.append(contentsOf: chunk.readableBytesView)
            }
            // A cancelled body ends like a complete one.
            try Task.checkCancellation()
            return .success(response)
        } catch {
            return .failure(TransportFailure.read(error, traceID: traceID))
        }
    }

    private static func tooLarge(_ request: TransportRequest, _ traceID: String?) -> TransportError {
        TransportError(.tooLarge, reason: "more than \(request.maximumBytes) octets", traceID: traceID)
    }

    private static func head(of received: HTTPClientResponse) -> TransportResponse {
        TransportResponse(
            status: Int(received.status.code),
            headers: received.headers.map { (name: $0.name, value: $0.value) }
        )
    }

    /// Reads as fast as the consumer takes.
    private static func pump(
        _ prepared: HTTPClientRequest,
        for request: TransportRequest,
        through client: HTTPClient,
        into channel: StreamChannel
    ) async {
        var traceID: String?
        do {
            let received = try await client.execute(prepared, timeout: TimeAmount(request.timeout))
            let response = head(of: received)
            traceID = response.traceID
            guard await channel.put(.head(response)) else { return }
            for try await chunk in received.body {
                guard await channel.put(.bytes(Array(chunk.readableBytesView))) else { return }
            }
            try Task.checkCancellation()
            channel.finish(nil)
        } catch {
            channel.finish(TransportFailure.read(error, traceID: traceID))
        }
    }

    private static func consume(
        _ channel: StreamChannel,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async -> TransportError? {
        while true {
            do {
                switch await channel.take() {
                case .head(let response): try onHead(response)
                case .bytes(let bytes): try onBytes(bytes)
                case .end(let failure): return failure
                }
            } catch {
                return TransportError(.stopped, reason: "the receiver wanted no more")
            }
        }
    }
}

extension TimeAmount {
    /// The same time, between a millisecond and a day.
    init(_ duration: Duration) {
        self = .milliseconds(min(max(duration.wholeMilliseconds, 1), 86_400_000))
    }
}
