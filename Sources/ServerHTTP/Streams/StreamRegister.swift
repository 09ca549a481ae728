// Streams: bodies that are written while they come into being (server-sent events, WHATWG HTML §9.2), and requests that
// wait for news. How many there may be, how they are written without a reader stalling anything but itself, and how they
// end: with their author, with their reader, or at once when the server stops. Stores nothing.

import AuthorizationServer
import Metrics
import OAuthVocabulary
import ServiceLifecycle
import Synchronization

/// Counts the streams and the waiting polls, in all and for each group, and refuses those beyond the limits.
final class StreamRegister: Sendable {
    private struct State {
        var total = 0
        var groups: [String: Int] = [:]
    }

    private let limits: HTTPLimits
    private let state = Mutex(State())

    init(_ limits: HTTPLimits) { self.limits = limits }

    /// How many there are.
    var count: Int { state.withLock { $0.total } }

    /// A place for a stream of the group, or for a poll, which belongs to none.
    ///
    /// It is free again when nobody holds it.
    func place(in group: String?) throws(OAuthError) -> StreamPlace {
        let total = state.withLock { state -> Int? in
            guard state.total < limits.streams else { return nil }
            if let group {
                guard state.groups[group, default: 0] < limits.streamsPerGroup else { return nil }
                state.groups[group, default: 0] += 1
            }
            state.total += 1
            return state.total
        }
        guard let total else {
            throw OAuthError(
                .temporarilyUnavailable,
                "too many readers follow at the moment, please try again",
                status: 503,
                detail: "at most \(limits.streams) in all and \(limits.streamsPerGroup) for one audience",
                retryAfter: limits.streamRetryAfter
            )
        }
        Self.openStreams(total)
        return StreamPlace(register: self, group: group)
    }

    /// Asks an endpoint that may take its time, and cuts that short when the server stops.
    func wait(
        for endpoint: any Endpoint,
        to request: EndpointRequest,
        with services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        let place = try place(in: nil)
        let response = await cancelWhenGracefulShutdown { await endpoint.respond(to: request, with: services) }
        place.hold()
        return response
    }

    fileprivate func leave(_ group: String?) {
        let total = state.withLock { state in
            state.total -= 1
            if let group {
                let left = state.groups[group, default: 1] - 1
                state.groups[group] = left > 0 ? left : nil
            }
            return state.total
        }
        Self.openStreams(total)
    }

    private static func openStreams(_ count: Int) { Gauge(label: "signet_http_streams").record(count) }
}

/// A place among the streams; whoever drops the last reference gives it back, so that an answer which was never written
/// holds none.
final class StreamPlace: Sendable {
    private let register: StreamRegister
    private let group: String?

    fileprivate init(register: StreamRegister, group: String?) {
        self.register = register
        self.group = group
    }

    /// Keeps the place until here.
    func hold() {}

    deinit { register.leave(group) }
}
