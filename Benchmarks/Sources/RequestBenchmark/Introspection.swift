internal import AsyncHTTPClient
internal import Foundation
internal import JOSE
internal import NIOCore
internal import NIOHTTP1

/// Asks the issuer about a token, without remembering anything (RFC 7662).
struct Introspection: Sendable {
    private let client: HTTPClient
    private let endpoint: String
    private let authorization: String

    init(_ material: Material, client: HTTPClient) async throws {
        self.client = client
        endpoint = material.issuer + "/introspect"
        let credential = Data("\(material.apiID):\(material.apiSecret)".utf8).base64EncodedString()
        authorization = "Basic \(credential)"
    }

    func isActive(_ token: String) async throws -> Bool {
        var request = HTTPClientRequest(url: endpoint)
        request.method = .POST
        request.headers = [
            "Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded",
        ]
        request.body = .bytes(ByteBuffer(string: "token=\(token)"))
        let response = try await client.execute(request, timeout: .seconds(5))
        let body = try await response.body.collect(upTo: 64 * 1024)
        guard response.status == .ok else { return false }
        return try JSONObject(parsing: Array(body.readableBytesView))["active"] == .bool(true)
    }
}
