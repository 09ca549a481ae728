import AsyncHTTPClient
import JOSE
import NIOCore
import NIOHTTP1
import RevocationFeed
import Synchronization

@testable import signet

/// What an API knows of a server, and what it asks of its feed: a reader that was not written for this server.
struct FeedReading: Sendable {
    static let nonce = "n0nce-n0nce-n0nce-n0nce"

    let issuer: String
    let audience: String
    let authorization: String
    let keys: KeySet

    struct Snapshot: Sendable {
        var message: FeedMessage
        var entries: [FeedEntry]
    }

    struct Unexpected: Error { var status: UInt }

    init(_ server: RunningServer, audience: String, authorization: String) async throws {
        issuer = server.issuer
        self.audience = audience
        self.authorization = authorization
        let answer = try await Self.get(issuer + "/revocations/jwks", authorization: nil)
        keys = try KeySet(parsing: answer.body)
    }

    /// The same reader at another server of the same issuer.
    init(_ other: FeedReading, at server: RunningServer) async throws {
        issuer = other.issuer
        audience = other.audience
        authorization = other.authorization
        keys = try KeySet(parsing: try await Self.get(server.issuer + "/revocations/jwks", authorization: nil).body)
    }

    struct Answer: Sendable {
        var status: UInt
        var body: [UInt8]
        var json: JSON { get throws { try JSON(parsing: body) } }
    }

    static func get(_ url: String, authorization: String?) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        if let authorization { request.headers.add(name: "Authorization", value: authorization) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        return Answer(
            status: response.status.code,
            body: Array(try await response.body.collect(upTo: 1 << 24).readableBytesView)
        )
    }

    func message(_ text: String) throws -> FeedMessage {
        try FeedMessage(verifying: text, by: keys, issuer: issuer, audience: audience)
    }

    func snapshot(at address: String? = nil) async throws -> Snapshot {
        let url = "\(address ?? issuer)/revocations/snapshot?nonce=\(Self.nonce)"
        let answer = try await Self.get(url, authorization: authorization)
        guard answer.status == 200, let end = answer.body.firstIndex(of: 0x0A) else {
            throw Unexpected(status: answer.status)
        }
        return Snapshot(
            message: try message(String(decoding: answer.body[..<end], as: UTF8.self)),
            entries: FeedEntry.entries(in: Array(answer.body[(end + 1)...])) ?? []
        )
    }

    func query(_ position: FeedPosition) -> String {
        "nonce=\(Self.nonce)&epoch=\(position.epoch)&after=\(position.sequence)"
    }

    func poll(after position: FeedPosition, wait: Int) async throws -> [FeedMessage] {
        let url = "\(issuer)/revocations/poll?\(query(position))&wait=\(wait)"
        let answer = try await Self.get(url, authorization: authorization)
        guard answer.status == 200 else { throw Unexpected(status: answer.status) }
        return try answer.json["messages"].arrayValue?.map { try message($0.stringValue ?? "") } ?? []
    }

    /// Follows the feed until the body is done.
    func follow<Value: Sendable>(
        after position: FeedPosition,
        at address: String? = nil,
        _ body: (FeedFollower) async throws -> Value
    ) async throws -> Value {
        var request = HTTPClientRequest(url: "\(address ?? issuer)/revocations/events?\(query(position))")
        request.headers.add(name: "Authorization", value: authorization)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        guard response.status == .ok else { throw Unexpected(status: response.status.code) }
        let follower = FeedFollower(headers: response.headers)
        let reading = Task {
            defer { follower.end() }
            for try await part in response.body { follower.take(Array(part.readableBytesView), self) }
        }
        defer { reading.cancel() }
        return try await body(follower)
    }
}

/// The events of one stream, as they come.
final class FeedFollower: Sendable {
    struct Event: Sendable {
        var name: String
        var id: String
        var message: FeedMessage
    }

    private struct State {
        var rest: [UInt8] = []
        var events: [Event] = []
        var hasEnded = false
        var fault: String?
    }

    let headers: HTTPHeaders
    private let state = Mutex(State())

    init(headers: HTTPHeaders) { self.headers = headers }

    var events: [Event] { state.withLock(\.events) }
    var hasEnded: Bool { state.withLock(\.hasEnded) }
    var fault: String? { state.withLock(\.fault) }

    /// Every entry of every delta so far.
    var entries: [FeedEntry] {
        events.flatMap { event in
            guard case .delta(_, let entries) = event.message.content else { return [FeedEntry]() }
            return entries
        }
    }

    func end() { state.withLock { $0.hasEnded = true } }

    func take(_ bytes: [UInt8], _ reading: FeedReading) {
        state.withLock { state in
            state.rest += bytes
            while let end = state.rest.indices.dropLast().first(where: { index in
                state.rest[index] == 0x0A && state.rest[index + 1] == 0x0A
            }) {
                let block = String(decoding: state.rest[..<end], as: UTF8.self)
                state.rest.removeSubrange(...(end + 1))
                var fields: [String: String] = [:]
                for line in block.split(separator: "\n") {
                    let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                    fields[String(parts[0])] = parts.count == 2 ? String(parts[1].drop { $0 == " " }) : ""
                }
                guard let data = fields["data"] else { continue }
                do {
                    let message = try reading.message(data)
                    state.events.append(Event(name: fields["event"] ?? "", id: fields["id"] ?? "", message: message))
                } catch {
                    state.fault = "\(error)"
                }
            }
        }
    }

    /// Waits until the condition holds; `false` if it does not for long.
    func wait(_ limit: Duration = .seconds(30), until condition: (FeedFollower) -> Bool) async -> Bool {
        let clock = ContinuousClock()
        let begun = clock.now
        while clock.now - begun < limit {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return condition(self)
    }
}
