import AsyncHTTPClient
import AuthorizationServer
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Makes status lists and security events of what was ended.
struct ProjectionService: Service {
    let projectors: LogProjectors

    func run() async throws {
        await cancelWhenGracefulShutdown { await projectors.run() }
    }
}

/// Pushes security events to their receivers.
struct EventPushService: Service {
    let events: SecurityEvents

    func run() async throws {
        let client = HTTPPoster.client()
        await cancelWhenGracefulShutdown {
            await SecurityEventPusher(events, by: HTTPPoster(client: client)).run()
        }
        try await client.shutdown()
    }
}

/// Posts over HTTP: no redirect is followed, because a token is in the request, and nothing is read without a limit.
struct HTTPPoster: HTTPPosting {
    let client: HTTPClient

    static func client() -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 4
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer {
        // The client's own deadline ends with the head; a receiver that never finishes its answer would hold up all others.
        let outcome = await withTaskGroup(of: Result<PushAnswer, PushFailure>.self) { group in
            group.addTask { await exchange(request) }
            group.addTask {
                do {
                    try await Task.sleep(for: request.timeout)
                    return .failure(PushFailure("the receiver did not answer in time"))
                } catch {
                    return .failure(PushFailure(Self.reason(error)))
                }
            }
            let first = await group.next() ?? .failure(PushFailure("the server is stopping"))
            group.cancelAll()
            return first
        }
        return try outcome.get()
    }

    private func exchange(_ request: PushRequest) async -> Result<PushAnswer, PushFailure> {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .POST
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.body = .bytes(request.body)
        do {
            let response = try await client.execute(outgoing, timeout: TimeAmount(request.timeout))
            let body = try await response.body.collect(upTo: request.maximumAnswerBytes)
            // A cancelled body ends like a complete one.
            try Task.checkCancellation()
            return .success(PushAnswer(status: Int(response.status.code), body: Array(body.readableBytesView)))
        } catch {
            return .failure(PushFailure(Self.reason(error)))
        }
    }

    /// Errors of the client hold no header and no body.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case is CancellationError: "the server is stopping"
        case is NIOTooManyBytesError: "the receiver's answer is too long"
        case let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout:
            "the receiver did not answer in time"
        default: "the receiver cannot be reached (\(error))"
        }
    }
}
