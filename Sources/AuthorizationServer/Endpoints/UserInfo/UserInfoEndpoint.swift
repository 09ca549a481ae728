// UserInfo: OpenID Connect Core §5.3, protected as RFC 6750 has it. The claims of a person by the scopes of the token.
// Stores nothing.

package import JOSE
package import OAuthVocabulary

package struct UserInfoEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/userinfo")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.registeredOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    /// OpenID Connect Core §5.4: the claims that each scope asks for.
    static let claimsByScope: [(scope: Scope, claims: [String])] = [
        (
            .profile,
            [
                "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
                "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at",
            ]
        ),
        (.email, ["email", "email_verified"]),
        (.address, ["address"]),
        (.phone, ["phone_number", "phone_number_verified"]),
    ]

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let text = try BearerToken.read(request)
            let reader = Reader(services, now: services.time.moment().steady)
            let live: AccessTokenVerifier.Live
            switch try await AccessTokenVerifier(services: services, reader: reader).verdict(on: text) {
            case .live(let found): live = found
            case .expired: throw BearerToken.refused("the access token has expired", detail: "expired")
            case .refused(let detail): throw BearerToken.refused("the access token is not valid", detail: detail)
            }
            let token = live.reading
            guard token.audience.contains(services.configuration.issuerAudience), token.scope.contains(.openID) else {
                throw OAuthError(
                    .insufficientScope,
                    "the access token was not granted the scope openid",
                    status: 403,
                    detail: "scope: \(token.scope)",
                    requiredScope: [.openID],
                    challenge: .bearer
                )
            }
            guard let person = live.person else {
                throw BearerToken.refused("the access token is not valid", detail: "no person behind the token")
            }
            var claims: JSONObject = ["sub": .string(person.subject.value)]
            for (scope, names) in Self.claimsByScope where token.scope.contains(scope) {
                for name in names { if let value = person.standardClaims[name] { claims[name] = value } }
            }
            return EndpointResponse(body: .json(.object(claims)), client: live.client.content)
        } catch {
            return .refusal(error)
        }
    }
}

/// The bearer token of a request: RFC 6750 §2.
enum BearerToken {
    /// From the header or, in a POST, the body.
    ///
    /// Never from a query, where logs would keep it (RFC 6750 §2.3).
    static func read(_ request: EndpointRequest) throws(OAuthError) -> String {
        let inBody = request.method == .post ? request.parameters["access_token"] : nil
        var inHeader: String?
        // RFC 9110 §11.1: the name of a scheme is case-insensitive; 0x20 makes a letter small.
        if let header = request.authorization?.utf8, header.count > 7,
            header.prefix(6).elementsEqual("bearer".utf8, by: { $0 | 0x20 == $1 }),
            header.dropFirst(6).first == UInt8(ascii: " ")
        {
            inHeader = String(Substring(header.dropFirst(7)))
        }
        // RFC 6750 §2: "Clients MUST NOT use more than one method to transmit the token in each request."
        if inBody != nil, inHeader != nil {
            throw OAuthError(
                .invalidRequest,
                "the access token came in more than one way",
                challenge: .bearer
            )
        }
        guard let token = inHeader ?? inBody else {
            // RFC 6750 §3.1: "If the request lacks any authentication information … the resource server SHOULD NOT
            // include an error code or other error information."
            throw OAuthError(
                .invalidToken,
                "this needs an access token",
                status: 401,
                detail: "no token",
                challenge: .bearerWithoutError
            )
        }
        return token
    }

    static func refused(_ description: StaticString, detail: String) -> OAuthError {
        OAuthError(.invalidToken, description, status: 401, detail: detail, challenge: .bearer)
    }
}

/// What UserInfo adds to the server.
package struct UserInfoFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(UserInfoEndpoint(), advertisedAs: "userinfo_endpoint")
        let own = ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"]
        let byScope = UserInfoEndpoint.claimsByScope.flatMap(\.claims)
        assembly.addMetadata("claims_supported", .array((own + byScope).map { .string($0) }))
    }
}
