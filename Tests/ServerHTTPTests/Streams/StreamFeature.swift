import AuthorizationServer
import JOSE
import OAuthVocabulary

/// Endpoints that stream, wait or take JSON, as the test asks.
struct StreamFeature: Feature {
    let log = StreamLog()

    func contribute(to assembly: inout Assembly) {
        assembly.add(StreamEndpoint(log: log))
        assembly.add(NewsEndpoint(log: log))
        assembly.add(JSONEndpoint())
    }
}

/// What became of the bodies.
final class StreamLog: Sendable {
    private let state = MutexBox((begun: 0, ended: 0, cancelled: 0))

    var begun: Int { state.value.begun }
    var ended: Int { state.value.ended }
    var cancelled: Int { state.value.cancelled }
    func begin() { state.change { $0.begun += 1 } }
    func end(isCancelled: Bool) {
        state.change { state in
            state.ended += 1
            state.cancelled += isCancelled ? 1 : 0
        }
    }
}

/// `pieces` lines (endless without), as many bytes each, `pause` milliseconds apart; then a failure if `fails` is there.
struct StreamBody: BodyStreaming {
    var group: String
    var pieces: Int?
    var bytes: Int
    var pause: Int
    var fails: Bool
    let log: StreamLog

    struct Broken: Error {}

    nonisolated(nonsending) func run(_ write: nonisolated(nonsending) ([UInt8]) async throws -> Void) async throws {
        log.begin()
        defer { log.end(isCancelled: Task.isCancelled) }
        var number = 0
        while number < pieces ?? .max {
            number += 1
            let text = "piece \(number)\n"
            try await write(Array(text.utf8) + [UInt8](repeating: 0x2E, count: max(0, bytes - text.utf8.count)))
            try await Task.sleep(for: .milliseconds(pause))
        }
        if fails { throw Broken() }
    }
}

struct StreamEndpoint: Endpoint {
    let location = EndpointLocation.belowIssuer("/stream")
    let methods: Set<EndpointRequest.Method> = [.get]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let log: StreamLog

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        func number(_ name: String) -> Int? { request.parameters[name].flatMap { Int($0) } }
        let body = StreamBody(
            group: request.parameters["group"] ?? "",
            pieces: number("pieces"),
            bytes: number("bytes") ?? 0,
            pause: number("pause") ?? 5,
            fails: request.parameters["fails"] != nil,
            log: log
        )
        return EndpointResponse(body: .stream(contentType: "text/event-stream", body))
    }
}

/// Waits for news that never come.
struct NewsEndpoint: Endpoint {
    let location = EndpointLocation.belowIssuer("/news")
    let methods: Set<EndpointRequest.Method> = [.get]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let patience = EndpointPatience.waitsForNews
    let log: StreamLog

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        log.begin()
        try? await Task.sleep(for: .seconds(120))
        log.end(isCancelled: Task.isCancelled)
        return EndpointResponse(body: .json(["cut": .bool(Task.isCancelled)]))
    }
}

/// Says back what JSON it got.
struct JSONEndpoint: Endpoint {
    static let maximumBytes = 200

    let location = EndpointLocation.belowIssuer("/json")
    let methods: Set<EndpointRequest.Method> = [.get, .post]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let accepts = AcceptedBody.json(maximumBytes: maximumBytes)

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        EndpointResponse(
            body: .json(["got": request.json ?? .null, "q": .string(request.parameters["q"] ?? "")])
        )
    }
}
