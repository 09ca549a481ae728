package import Accounts
internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary

/// What an operator wants to know before people try.
package struct UpstreamCheck: Sendable {
    /// What is right, in the order in which it was found out.
    package fileprivate(set) var findings: [String] = []
    /// What is wrong.
    package fileprivate(set) var faults: [String] = []
    /// Whether only the way there is in trouble, so that asking later may help.
    package fileprivate(set) var isTransient = false
}

extension UpstreamRegister {
    /// Asks a provider for its metadata, begins a login without sending anybody, and says what is wrong.
    package func check(_ name: UpstreamName) async -> UpstreamCheck {
        var check = UpstreamCheck()
        guard let connection = connection(name) else {
            check.say(fault: "there is no provider \(name)")
            return check
        }
        check.say("redirect URI to register there: \(redirectURI(name))")
        if connection.provider.state == .disabled { check.say(fault: "the provider is switched off (enabled: false)") }
        do throws(OAuthClientError) {
            let metadata = try await connection.party.metadata()
            check.say("issuer: \(metadata.issuer)")
            for (word, endpoint) in [
                ("authorization endpoint", metadata.authorizationEndpoint), ("token endpoint", metadata.tokenEndpoint),
            ] {
                if let endpoint { check.say("\(word): \(endpoint)") } else { check.say(fault: "there is no \(word)") }
            }
            if connection.provider.preset != .github, metadata.jwksURI == nil {
                check.say(fault: "there is no jwks_uri")
            }
            check.judge(metadata, connection.provider)
            _ = try await connection.start(.any)
        } catch {
            check.isTransient = error.isTransient
            check.say(fault: "\(error)")
        }
        return check
    }
}

extension UpstreamCheck {
    fileprivate mutating func say(_ finding: String) { findings.append(finding) }
    fileprivate mutating func say(fault: String) { faults.append(fault) }

    /// What the metadata say about what this server needs, where they say anything.
    fileprivate mutating func judge(_ metadata: IssuerMetadata, _ provider: UpstreamProvider) {
        func lacks(_ member: String, _ needed: String) -> Bool {
            guard let list = metadata[member]?.arrayValue?.compactMap(\.stringValue) else { return false }
            return !list.contains(needed)
        }
        if lacks("response_types_supported", "code") { say(fault: "the provider knows no response_type code") }
        if lacks("code_challenge_methods_supported", "S256") {
            say(fault: "the provider has PKCE, but not with S256")
        }
        for scope in provider.scopes where lacks("scopes_supported", scope) {
            say("note: the provider does not list the scope \(scope)")
        }
        if let algorithms = metadata["id_token_signing_alg_values_supported"]?.arrayValue?.compactMap(\.stringValue),
            !algorithms.contains(where: ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"].contains)
        {
            say(fault: "the provider signs ID tokens with none of RS256, PS256, ES256, EdDSA: \(algorithms)")
        }
    }
}
