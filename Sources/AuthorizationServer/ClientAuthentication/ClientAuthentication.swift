// How a client or an API proves who it is: RFC 6749 §2.3, RFC 7523 §2.2, OpenID Connect Core §9. One file a method.
// Owns the record kind `client-assertion`: the `jti` of each assertion until it has expired.

package import OAuthVocabulary
package import Storage

/// Who called, proven.
package enum AuthenticatedCaller: Sendable {
    case client(Stored<RegisteredClient>)
    /// An API with its own credentials; only introspection knows such callers.
    case api(RegisteredAPI)
}

/// What a request presented, before anything is checked.
enum PresentedCredentials: Sendable {
    case none(ClientID)
    case secret(ClientID, Secret, ClientAuthenticationMethod)
    case assertion(String, claimed: ClientID?)

    var method: ClientAuthenticationMethod {
        switch self {
        case .none: .none
        case .secret(_, _, let method): method
        case .assertion: .privateKeyJWT
        }
    }

    /// Reads the one method that the request used.
    init(_ request: EndpointRequest) throws(OAuthError) {
        let parameters = request.parameters
        let basic = try ClientSecretBasic.credentials(request.authorization)
        let used = [basic != nil, parameters["client_secret"] != nil, parameters["client_assertion"] != nil]
        // RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request."
        guard used.filter({ $0 }).count <= 1 else {
            throw .invalidRequest("the request uses more than one way of client authentication")
        }
        var claimed: ClientID?
        if let text = parameters["client_id"] {
            guard let id = ClientID(text) else { throw Self.failure("client_id is malformed") }
            claimed = id
        }
        if let (id, secret) = basic {
            guard claimed == nil || claimed == id else { throw Self.failure("client_id differs from the Basic user") }
            self = .secret(id, secret, .clientSecretBasic)
        } else if let secret = parameters["client_secret"] {
            guard let claimed else { throw Self.failure("client_secret came without client_id") }
            self = .secret(claimed, Secret(secret), .clientSecretPost)
        } else if let assertion = parameters["client_assertion"] {
            // RFC 7523 §2.2: client_assertion_type is "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            guard parameters["client_assertion_type"] == PrivateKeyJWT.assertionType else {
                throw .invalidRequest("client_assertion_type is missing or unknown")
            }
            self = .assertion(assertion, claimed: claimed)
        } else if let claimed {
            self = .none(claimed)
        } else {
            throw Self.failure("the request names no client: no Authorization, client_id or client_assertion")
        }
    }

    static func failure(_ detail: String) -> OAuthError {
        .invalidClient("client authentication failed", detail: detail)
    }
}

/// Authenticates the caller of an endpoint.
///
/// One answer for an unknown client, a wrong secret and a wrong method: the log tells them apart.
package struct ClientAuthentication: Sendable {
    let services: Services
    let reader: Reader

    package init(_ services: Services, reader: Reader) {
        self.services = services
        self.reader = reader
    }

    /// The client, or `invalid_client`.
    package func client(_ request: EndpointRequest) async throws(OAuthError) -> Stored<RegisteredClient> {
        guard case .client(let client) = try await caller(request) else {
            throw PresentedCredentials.failure("these are the credentials of an API, not of a client")
        }
        return client
    }

    /// The client or API, or `invalid_client`.
    package func caller(_ request: EndpointRequest) async throws(OAuthError) -> AuthenticatedCaller {
        let presented = try PresentedCredentials(request)
        let id: ClientID
        switch presented {
        case .none(let claimed), .secret(let claimed, _, _): id = claimed
        case .assertion(let assertion, let claimed): id = try PrivateKeyJWT.issuer(assertion, claimed: claimed)
        }
        if presented.method != .none { try await throttled(id, request) }
        do {
            return try await verify(presented, id: id)
        } catch {
            if presented.method != .none, error.code == .invalidClient {
                try await answering { () async throws(StoreError) in
                    try await services.throttle.recordFailure(
                        client: id,
                        address: request.remoteAddress,
                        now: reader.now
                    )
                }
            }
            throw error
        }
    }

    /// Holds off whoever failed too often; counters that cannot be read hold no client off.
    ///
    /// Nobody guesses a secret of at least thirty-two bytes, and a failure that cannot be counted is answered as
    /// unavailable. People, whose passwords can be guessed, have to wait for the counters.
    private func throttled(_ id: ClientID, _ request: EndpointRequest) async throws(OAuthError) {
        let wait = try await answering { () async throws(StoreError) in
            do throws(StoreError) {
                return try await services.throttle.wait(client: id, address: request.remoteAddress, now: reader.now)
            } catch {
                guard case .unavailable = error else { throw error }
                return nil
            }
        }
        if let wait { throw .tooManyRequests(retryAfter: wait, detail: "client authentication of \(id) is throttled") }
    }

    private func verify(_ presented: PresentedCredentials, id: ClientID) async throws(OAuthError) -> AuthenticatedCaller
    {
        let records = try await reader.find([
            .key(RegisteredClient.key(id)), .index(RegisteredAPI.kind, RegisteredAPI.index(id)),
        ])
        let client: Stored<RegisteredClient>? = try records[0].map { record throws(OAuthError) in
            try decoded { () throws(StoreError) in try services.memo.stored(record) }
        }
        let registeredAPI: Stored<RegisteredAPI>? = try records[1].map { record throws(OAuthError) in
            try decoded { () throws(StoreError) in try services.memo.stored(record) }
        }
        let api = registeredAPI?.content
        if case .secret(_, let secret, let method) = presented {
            // Compared even where there is no such client, so that time does not tell who exists.
            let expected = client?.content.secretHash ?? api?.secretHash ?? ClientSecret.unmatchableHash
            let matches = ClientSecret.matches(secret, hash: expected)
            if client == nil, let api, matches { return .api(api) }
            guard let client else { throw PresentedCredentials.failure("unknown client, or wrong secret of an API") }
            try Self.check(client.content, uses: method)
            guard matches else { throw PresentedCredentials.failure("wrong secret for client \(id)") }
            return .client(client)
        }
        guard let client else { throw PresentedCredentials.failure("unknown client") }
        try Self.check(client.content, uses: presented.method)
        guard case .assertion(let assertion, _) = presented else {
            return .client(client)
        }
        let spent = try PrivateKeyJWT.verify(
            assertion,
            client: client.content,
            configuration: services.configuration,
            at: services.time.moment()
        )
        // Spent before anything is decided: an assertion counts once, whatever becomes of the request.
        let outcome = try await answering { () async throws(StoreError) in
            try await services.store.apply([.insert(spent)], now: reader.now)
        }
        guard case .applied = outcome else { throw PrivateKeyJWT.replayed(id) }
        return .client(client)
    }

    private static func check(
        _ client: RegisteredClient,
        uses method: ClientAuthenticationMethod
    ) throws(OAuthError) {
        // CVE-2025-64521, CVE-2026-1609: a disabled client gets nothing, whatever it can prove.
        guard client.isEnabled else { throw PresentedCredentials.failure("client \(client.id) is disabled") }
        guard client.authenticationMethod == method else {
            throw PresentedCredentials.failure(
                "client \(client.id) is registered for \(client.authenticationMethod) but used \(method)"
            )
        }
    }
}

/// Decodes what was read; a payload that makes no sense is a fault of the server.
func decoded<Value>(_ decode: () throws(StoreError) -> Value) throws(OAuthError) -> Value {
    do {
        return try decode()
    } catch {
        throw .internalFault("\(error)")
    }
}
