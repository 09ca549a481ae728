package import OAuthVocabulary

/// What an answer needs to know of the client that asked for it.
package struct ProvenClient: Sendable {
    package var id: ClientID
    /// The origins that it registered.
    package var origins: [String]
    /// Whether browsers keep its sign-in in a cookie of this server.
    package var usesCookies: Bool

    init(_ client: RegisteredClient) {
        id = client.id
        origins = client.origins
        usesCookies = client.usesCookies
    }
}
