// Room: the do-it-yourself answer: jwt-kit behind Hummingbird, as a developer writes it in an afternoon. Client credentials of
// one client that stands in the program, and GET /me behind a verified token. It has no store, knows no revocation and no
// refresh token. `ServerSwift PORT CLIENT SECRET`; Benchmarks/driver/server.py starts it.

internal import Foundation
internal import Hummingbird
internal import JWTKit
internal import NIOPosix

@main
struct ServerSwift {
    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count == 4, let port = Int(words[1]) else {
            FileHandle.standardError.write(Data("usage: ServerSwift PORT CLIENT SECRET\n".utf8))
            exit(64)
        }
        let service = try await Service(client: words[2], secret: words[3], issuer: "http://127.0.0.1:\(port)")
        let router = Router()
        for algorithm in ["es256", "rs256", "eddsa"] {
            router.post("/\(algorithm)/token") { request, context in
                try await service.token(request, context, keyID: JWKIdentifier(string: algorithm))
            }
        }
        router.get("/me") { request, _ in try await service.me(request) }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            // One loop: the server has one core.
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1))
        )
        try await application.runService()
    }
}

struct Service: Sendable {
    private static let audience = "https://orders.example"
    /// A day, so that tokens outlast a run.
    private static let lifetime: TimeInterval = 86_400

    private let keys = JWTKeyCollection()
    private let authorization: String
    private let client: String
    private let issuer: String

    init(client: String, secret: String, issuer: String) async throws {
        self.client = client
        self.issuer = issuer
        authorization = "Basic \(Data("\(client):\(secret)".utf8).base64EncodedString())"
        await keys.add(ecdsa: ES256PrivateKey(), kid: "es256")
        await keys.add(eddsa: try EdDSA.PrivateKey(curve: .ed25519), kid: "eddsa")
        // The one way to a key of 2048 bits that jwt-kit offers is a PEM file.
        await keys.add(rsa: try Insecure.RSA.PrivateKey(pem: Self.opensslKey()), digestAlgorithm: .sha256, kid: "rs256")
    }

    private static func opensslKey() throws -> String {
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        openssl.arguments = ["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
        let pipe = Pipe()
        openssl.standardOutput = pipe
        try openssl.run()
        return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }

    func token(_ request: Request, _ context: some RequestContext, keyID: JWKIdentifier) async throws -> Response {
        guard request.headers[.authorization] == authorization else { throw HTTPError(.unauthorized) }
        let form = try await URLEncodedFormDecoder().decode(TokenRequest.self, from: request, context: context)
        guard form.grantType == "client_credentials" else { throw HTTPError(.badRequest) }
        let now = Date()
        let claims = AccessClaims(
            iss: IssuerClaim(value: issuer),
            sub: SubjectClaim(value: client),
            aud: AudienceClaim(value: Self.audience),
            exp: ExpirationClaim(value: now.addingTimeInterval(Self.lifetime)),
            iat: IssuedAtClaim(value: now),
            jti: IDClaim(value: UUID().uuidString),
            clientID: client,
            scope: "orders:read"
        )
        let answer = TokenAnswer(
            accessToken: try await keys.sign(claims, kid: keyID, header: ["typ": "at+jwt"]),
            tokenType: "Bearer",
            lifetime: Int(Self.lifetime),
            scope: claims.scope
        )
        var response = try context.responseEncoder.encode(answer, from: request, context: context)
        response.headers[.cacheControl] = "no-store"
        return response
    }

    func me(_ request: Request) async throws -> String {
        let token = String(request.headers[.authorization]?.dropFirst("Bearer ".count) ?? "")
        guard let claims = try? await keys.verify(token, as: AccessClaims.self),
            claims.iss.value == issuer, claims.aud.value.contains(Self.audience)
        else { throw HTTPError(.unauthorized) }
        return "{\"sub\":\"\(claims.sub.value)\"}"
    }
}

struct TokenRequest: Decodable, Sendable {
    let grantType: String

    enum CodingKeys: String, CodingKey { case grantType = "grant_type" }
}

struct TokenAnswer: Encodable, Sendable {
    let accessToken: String
    let tokenType: String
    let lifetime: Int
    let scope: String

    enum CodingKeys: String, CodingKey {
        case accessToken = "access_token"
        case tokenType = "token_type"
        case lifetime = "expires_in"
        case scope
    }
}

struct AccessClaims: JWTPayload {
    let iss: IssuerClaim
    let sub: SubjectClaim
    let aud: AudienceClaim
    let exp: ExpirationClaim
    let iat: IssuedAtClaim
    let jti: IDClaim
    let clientID: String
    let scope: String

    enum CodingKeys: String, CodingKey {
        case iss, sub, aud, exp, iat, jti
        case clientID = "client_id"
        case scope
    }

    func verify(using algorithm: some JWTAlgorithm) async throws {
        try exp.verifyNotExpired()
    }
}
