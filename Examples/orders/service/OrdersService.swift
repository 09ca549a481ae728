// A service that calls the orders API in its own name, with one token for as long as it is good.

import Hummingbird
import IssuerConnection
import Logging
import OAuthClient

@main
struct OrdersService {
    static func main() async throws {
        let environment = Environment()
        let logger = Logger(label: "orders-service")
        let api = try environment.require("API_AUDIENCE")
        let tokens = ServiceTokens(
            ClientRegistration(
                issuer: try environment.require("ISSUER"),
                clientID: try environment.require("SERVICE_ID"),
                authentication: .secretBasic(try environment.require("SERVICE_SECRET"))
            )
        )

        var refusals = 0
        while !Task.isCancelled {
            do {
                let token = try await tokens.token(scopes: ["orders:read"], resources: [api])
                let request = TransportRequest(
                    url: api + "/orders",
                    headers: [("Authorization", "Bearer \(token.accessToken)")]
                )
                let response = try await HTTPClientTransport.shared.send(request)
                let answer = response.status == 200 ? "orders came" : response.header("WWW-Authenticate") ?? "nothing"
                logger.info("\(response.status) \(answer)")
                refusals = response.status == 401 ? refusals + 1 : 0
                if refusals == Self.patience {
                    // AuthorizedTransport would have done so at the first refusal; here you shall see it.
                    logger.info("asks for another token")
                    await tokens.invalidate(token.accessToken, scopes: ["orders:read"], resources: [api])
                    refusals = 0
                }
            } catch {
                logger.warning("\(error)")
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// How many refusals in a row the service shows before it asks for another token.
    static let patience = 8
}
