internal import AuthorizationServer
internal import Foundation
internal import IssuerConnection
internal import JOSE

/// Carries requests to a provider in this process: its endpoints answer as they do behind HTTP, without the sockets.
struct ProviderTransport: HTTPTransport {
    let provider: Provider

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        let answer = try await respond(to: request)
        var response = head(of: answer)
        switch answer.body {
        case .json(let json): response.body = Array("\(json)".utf8)
        case .prepared(_, let bytes): response.body = bytes
        default: break
        }
        return response
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        let answer = try await respond(to: request)
        do {
            try onHead(head(of: answer))
            switch answer.body {
            case .json(let json): try onBytes(Array("\(json)".utf8))
            case .prepared(_, let bytes): try onBytes(bytes)
            case .stream(_, let body): try await body.run { bytes in try onBytes(bytes) }
            default: break
            }
        } catch {
            throw TransportError(Task.isCancelled ? .cancelled : .stopped, reason: "\(error)")
        }
    }

    private func respond(to request: TransportRequest) async throws(TransportError) -> EndpointResponse {
        guard let url = URLComponents(string: request.url),
            let endpoint = provider.endpoints.first(where: { Self.path(of: $0.location) == url.path }),
            let parameters = try? Parameters((url.queryItems ?? []).map { ($0.name, $0.value ?? "") })
        else { return EndpointResponse(status: 404, body: .empty) }
        let asked = EndpointRequest(
            method: .get,
            parameters: parameters,
            authorization: request.header("Authorization")
        )
        return await endpoint.respond(to: asked, with: provider.services)
    }

    private static func path(of location: EndpointLocation) -> String? {
        switch location {
        case .belowIssuer(let path): path
        case .wellKnown(let name): "/.well-known/\(name)"
        default: nil
        }
    }

    private func head(of answer: EndpointResponse) -> TransportResponse {
        let type =
            switch answer.body {
            case .prepared(let type, _), .stream(let type, _): type
            default: "application/json"
            }
        return TransportResponse(status: answer.status, headers: [("Content-Type", type)] + answer.headers)
    }
}
