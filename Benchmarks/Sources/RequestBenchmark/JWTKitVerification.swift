internal import AsyncHTTPClient
internal import Foundation
internal import JWTKit
internal import NIOCore

/// jwt-kit as its manual shows it, with the issuer's keys: signature, `iss`, `aud` and `exp` at every request.
struct JWTKitVerification: Sendable {
    private let keys = JWTKeyCollection()
    private let issuer: String
    private let audience: String

    init(_ material: Material, client: HTTPClient) async throws {
        issuer = material.issuer
        audience = material.audience
        let request = HTTPClientRequest(url: material.issuer + "/jwks.json")
        let response = try await client.execute(request, timeout: .seconds(5))
        let body = try await response.body.collect(upTo: 64 * 1024)
        try await keys.add(jwksJSON: String(buffer: body))
    }

    func accepts(_ token: String) async -> Bool {
        guard let claims = try? await keys.verify(token, as: Claims.self) else { return false }
        return claims.iss.value == issuer && claims.aud.value.contains(audience)
    }

    private struct Claims: JWTPayload {
        let iss: IssuerClaim
        let aud: AudienceClaim
        let exp: ExpirationClaim

        func verify(using algorithm: some JWTAlgorithm) async throws {
            try exp.verifyNotExpired()
        }
    }
}
