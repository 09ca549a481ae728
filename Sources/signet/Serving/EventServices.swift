import AuthorizationServer
import IssuerConnection
import RedisDenylist
import ServerHTTP
import ServiceLifecycle

/// Makes status lists, security events and logout orders of what was ended.
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
        await cancelWhenGracefulShutdown { await SecurityEventPusher(events, by: HTTPPoster()).run() }
    }
}

/// Tells clients of ended sessions.
struct LogoutService: Service {
    let deliveries: LogoutDeliveries

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await LogoutPusher(deliveries, by: HTTPPoster()) { DeliveryMetrics.record($0) }.run()
        }
    }
}

/// Writes what was ended into the denylist in Redis.
struct DenylistService: Service {
    let writer: DenylistWriter
    let time: any TimeSource

    func run() async throws {
        await cancelWhenGracefulShutdown { await writer.run(by: time) }
    }
}

/// Posts to addresses that the operator registered.
///
/// They may be on private networks, where many applications are, and on this machine; never where clouds keep their
/// credentials, and never at an address that was not judged (FIELD I28). No redirect is followed, because a token is in
/// the request, and nothing is read without a limit.
struct HTTPPoster: HTTPPosting {
    var transport: any HTTPTransport = GuardedTransport(.publicAndPrivate)

    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer {
        do throws(TransportError) {
            let response = try await transport.send(
                TransportRequest(
                    method: "POST",
                    url: request.url,
                    headers: request.headers.map { ($0.name, $0.value) },
                    body: request.body,
                    timeout: request.timeout,
                    maximumBytes: request.maximumAnswerBytes
                )
            )
            return PushAnswer(status: response.status, body: response.body)
        } catch {
            throw PushFailure(error.reason)
        }
    }
}
