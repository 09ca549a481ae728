import Instants
import JOSE
import OAuthVocabulary
import Storage
import Synchronization
import Testing

@testable import AuthorizationServer

extension TestWorld {
    var events: SecurityEvents { services.securityEvents }

    /// A stream to the API of the orders.
    func stream(
        _ delivery: EventStreams.Delivery = .poll,
        events: [String] = SecurityEventType.all
    ) async throws -> EventStreamRecord {
        let audience = try #require(ResourceIndicator(Self.api))
        if try await services.apis.find(audience, now: now) == nil { _ = try await ordersAPI() }
        return try await self.events.streams.create(for: audience, delivery: delivery, events: events, now: now)
    }

    /// A poll that comes with the API's credentials and does not wait.
    func poll(_ stream: EventStreamRecord, _ body: JSONObject = [:]) async throws -> JSONObject {
        var body = body
        if body["returnImmediately"] == nil { body["returnImmediately"] = true }
        return try json(
            try await fetch(
                .belowIssuer("/ssf/poll"),
                parameters: [(name: "stream_id", value: stream.id)],
                json: .object(body),
                authorization: Self.basic("api_orders")
            )
        )
    }

    func end(_ subject: String, because cause: EndingCause = .personDisabled) async throws {
        try await end(.subject(try #require(Subject(subject))), because: cause)
    }

    func summary(_ stream: EventStreamRecord) async throws -> EventStreams.Summary {
        try #require(try await events.streams.find(stream.id, now: now))
    }

    /// The claims of a SET, verified as a receiver does.
    func verified(_ set: String) throws -> VerifiedToken {
        try UnverifiedToken(set).verified(
            by: services.keyring.current.published,
            expecting: Expectations(
                issuer: .exactly(Self.issuer),
                audience: .exactly(Self.api),
                type: .exactly("secevent+jwt"),
                algorithms: [.rs256],
                now: now,
                requiredClaims: ["jti", "events", "sub_id"],
                expiry: .unchecked
            )
        )
    }
}

extension JSONObject {
    /// The SETs of an answer to a poll, by their `jti`.
    var sets: [String: String] {
        var sets: [String: String] = [:]
        for (name, value) in self["sets"]?.objectValue ?? [:] { sets[name] = value.stringValue }
        return sets
    }
}

/// A receiver that takes everything, after something else has happened.
struct SlowReceiver: HTTPPosting {
    let status: Int
    let meanwhile: @Sendable () async throws -> Void

    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer {
        do { try await meanwhile() } catch { Issue.record(error) }
        return PushAnswer(status: status, body: [])
    }
}

/// A receiver that answers as the test says and remembers what it got.
final class FakeReceiver: HTTPPosting {
    private struct State {
        var requests: [PushRequest] = []
        var answer: @Sendable (PushRequest) -> Result<PushAnswer, PushFailure> = { _ in
            .success(PushAnswer(status: 202, body: []))
        }
    }

    private let state = Mutex(State())

    var requests: [PushRequest] { state.withLock { $0.requests } }
    var bodies: [String] { requests.map { String(decoding: $0.body, as: UTF8.self) } }

    func answer(_ answer: @escaping @Sendable (PushRequest) -> Result<PushAnswer, PushFailure>) {
        state.withLock { $0.answer = answer }
    }

    func answer(status: Int, _ body: String = "") {
        answer { _ in .success(PushAnswer(status: status, body: Array(body.utf8))) }
    }

    func post(_ request: PushRequest) async throws(PushFailure) -> PushAnswer {
        let answer = state.withLock { state in
            state.requests.append(request)
            return state.answer
        }
        return try answer(request).get()
    }
}
