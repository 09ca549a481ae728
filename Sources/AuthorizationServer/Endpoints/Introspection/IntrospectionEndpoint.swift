// Token introspection: RFC 7662. Answered to the API whose audience a token has and to the client that it was issued to;
// to anybody else every token is inactive (FIELD F23). Stores nothing.

package import JOSE
package import OAuthVocabulary
import Storage

package struct IntrospectionEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/introspect")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let reader = Reader(services, now: services.time.moment().steady)
            let caller = try await ClientAuthentication(services, reader: reader).caller(request)
            // RFC 7662 §2.1: "the endpoint MUST also require some form of authorization to access this endpoint"
            if case .client(let client) = caller, client.content.authenticationMethod == .none {
                throw OAuthError.invalidClient(
                    "introspection needs client authentication",
                    detail: "\(client.content.id) is a public client"
                )
            }
            let token = try request.parameters.required("token")
            return EndpointResponse(body: try await answer(token, to: caller, services: services, reader: reader))
        } catch {
            return .refusal(error)
        }
    }

    private static let inactive = EndpointResponse.Body.json(["active": false])

    /// What is said of a token; that it is not active, if it is none that the caller may see.
    private func answer(
        _ token: String,
        to caller: AuthenticatedCaller,
        services: Services,
        reader: Reader
    ) async throws(OAuthError) -> EndpointResponse.Body {
        if token.hasPrefix(RefreshToken.prefix) {
            guard case .client(let client) = caller,
                let answer = try await refreshAnswer(token, client: client.content, services: services, reader: reader)
            else { return Self.inactive }
            return .json(.object(answer))
        }
        guard
            case .live(let live) = try await AccessTokenVerifier(services: services, reader: reader).verdict(on: token)
        else { return Self.inactive }
        switch caller {
        case .client(let client): guard client.content.id == live.client.content.id else { return Self.inactive }
        case .api(let api): guard live.reading.audience.contains(api.audience.value) else { return Self.inactive }
        }
        return .prepared(contentType: "application/json", Self.description(of: live))
    }

    /// The claims of the token, with what RFC 7662 §2.2 adds to them.
    private static func description(of live: AccessTokenVerifier.Live) -> [UInt8] {
        var added: JSONObject = ["active": true, "token_type": "Bearer"]
        if let username = live.person?.standardClaims["preferred_username"] { added["username"] = username }
        guard !live.reading.namesIntrospectionMembers else {
            var answer = (try? JSONObject(parsing: live.claims)) ?? JSONObject()
            for (name, value) in added { answer[name] = value }
            return answer.serialized()
        }
        // The token's own text, which was an object of ours when it was signed: no value of it is made for this.
        return added.serialized().dropLast() + [UInt8(ascii: ",")] + live.claims.dropFirst()
    }

    private func refreshAnswer(
        _ text: String,
        client: RegisteredClient,
        services: Services,
        reader: Reader
    ) async throws(OAuthError) -> JSONObject? {
        let parameters: [(name: String, value: String)] = [(name: "refresh_token", value: text)]
        guard let stored = try await reader.client(client.id) else { return nil }
        let grant = RefreshTokenGrant()
        let request = GrantRequest(
            client: stored,
            parameters: try Parameters(parameters),
            moment: services.time.moment(),
            configuration: services.configuration,
            keys: services.keys
        )
        let material = try await grant.load(request, from: reader)
        // Active is what would be rotated now; asking changes nothing.
        guard case .issue(let issuance, _) = grant.decide(request, material),
            case .rotate(let family) = issuance.refresh
        else { return nil }
        var answer: JSONObject = [
            "active": true, "iss": .string(services.configuration.issuer.value),
            "client_id": .string(client.id.value), "sub": .string(family.content.subject.value),
            "scope": .string(family.content.scope.description),
            "iat": .integer(request.moment.onTheWall(family.content.createdAt).secondsSinceEpoch),
        ]
        if let expiry = family.record.expiresAt {
            answer["exp"] = .integer(request.moment.onTheWall(expiry).secondsSinceEpoch)
        }
        return answer
    }
}

/// What introspection adds to the server.
package struct IntrospectionFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(IntrospectionEndpoint(), advertisedAs: "introspection_endpoint")
        let methods: [ClientAuthenticationMethod] = [.clientSecretBasic, .clientSecretPost, .privateKeyJWT]
        assembly.addMetadata(
            "introspection_endpoint_auth_methods_supported",
            .array(methods.map { .string($0.value) })
        )
        assembly.addMetadata(
            "introspection_endpoint_auth_signing_alg_values_supported",
            .array(PrivateKeyJWT.algorithms.map { .string($0.name) })
        )
    }
}
