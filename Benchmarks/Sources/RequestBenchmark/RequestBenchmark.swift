// Room: the API whose requests are counted: one Hummingbird application, and a route for each way to know whether a token
// was revoked. It runs on one core; Benchmarks/driver asks it.

internal import AsyncHTTPClient
internal import Foundation
internal import Hummingbird
internal import JOSE
internal import NIOPosix
internal import ResourceServer
internal import ResourceServerHummingbird

/// What the driver wrote down about the issuer and the deny-list.
struct Material: Decodable, Sendable {
    var issuer: String
    var audience: String
    var apiID: String
    var apiSecret: String
    var redisPort: Int
    /// Where the API listens.
    var listen: Int
    /// How long the answers to an empty POST are, one route each.
    var postBytes: [Int]?
}

@main
struct RequestBenchmark {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            FileHandle.standardError.write(Data("usage: RequestBenchmark MATERIAL\n".utf8))
            exit(64)
        }
        let file = URL(fileURLWithPath: CommandLine.arguments[1])
        try await serve(JSONDecoder().decode(Material.self, from: Data(contentsOf: file)))
    }

    private static func serve(_ material: Material) async throws {
        // One loop: the API has one core.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        let client = HTTPClient(eventLoopGroup: group, configuration: configuration)
        let following = verifier(.feed(material.credentials), material)
        let offline = verifier(.none, material)
        let router = Router(context: Contenders.Context.self)
        Contenders.open(on: router)
        EmptyPost.add(to: router, bytes: material.postBytes ?? [])
        Contenders.signet(on: router, following)
        Contenders.introspection(on: router, try await Introspection(material, client: client))
        Contenders.redis(on: router, offline, try await DenyList.connected(to: material.redisPort, on: group))
        Contenders.jwtKit(on: router, try await JWTKitVerification(material, client: client))
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: material.listen)),
            services: [following, offline],
            eventLoopGroupProvider: .shared(group)
        )
        do {
            try await application.runService()
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private static func verifier(_ source: RevocationSource, _ material: Material) -> TokenVerifier {
        TokenVerifier(
            issuer: material.issuer,
            audience: material.audience,
            configuration: VerifierConfiguration(revocation: source)
        )
    }
}

extension Material {
    var credentials: APICredentials { APICredentials(clientID: apiID, secret: apiSecret) }
}
