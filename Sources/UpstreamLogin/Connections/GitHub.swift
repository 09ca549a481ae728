internal import Accounts
internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary

/// Who somebody is at GitHub, which has no ID token: its API says it to whoever brings an access token.
///
/// The token came straight from GitHub's token endpoint for our client and our code, so that it speaks of whoever allowed it.
extension UpstreamConnection {
    func gitHub(_ login: Login) async throws(OAuthClientError) -> UpstreamProfile {
        guard let user = try await get("/user", login.tokens)?.objectValue else {
            throw Self.invalid("/user is no object")
        }
        // The number stays; the login name can be given up and taken by somebody else.
        guard let number = user["id"]?.integerValue, number > 0,
            let identity = UpstreamIdentity(provider: provider.name, issuer: provider.issuer, subject: "\(number)")
        else { throw Self.invalid("/user has no id") }
        var profile = UpstreamProfile(identity: identity)
        profile.name = Self.text(user["name"]) ?? Self.text(user["login"])
        // The address in /user is what the person shows to the world; only this list says which ones are verified.
        let addresses = try await get("/user/emails", login.tokens, or: [403, 404])?.arrayValue ?? []
        let primary = addresses.compactMap(\.objectValue).first { $0["primary"]?.boolValue == true }
        if let primary, primary["verified"]?.boolValue == true {
            profile.setEmail(primary["email"]?.stringValue, .verified)
        }
        return profile
    }

    /// - Parameter absences: statuses that mean that there is nothing to see: a scope that the person did not give.
    private func get(
        _ path: String,
        _ tokens: TokenSet,
        or absences: Set<Int> = []
    ) async throws(OAuthClientError) -> JSON? {
        let request = TransportRequest(
            url: (provider.api ?? "") + path,
            headers: [
                ("Accept", "application/vnd.github+json"), ("Authorization", "Bearer \(tokens.accessToken)"),
                ("User-Agent", "signet"), ("X-GitHub-Api-Version", "2022-11-28"),
            ],
            timeout: environment.timeout
        )
        let response: TransportResponse
        do throws(TransportError) {
            response = try await environment.transport.send(request)
        } catch {
            let isForbidden = error.code == .forbidden || error.code == .insecure
            throw OAuthClientError(isForbidden ? .requestInvalid : .transport, reason: error.reason)
        }
        if absences.contains(response.status) { return nil }
        guard response.status == 200 else {
            let isTrouble = response.status >= 500 || response.status == 429
            throw OAuthClientError(
                isTrouble ? .unavailable : .tokenInvalid,
                reason: "\(path): status \(response.status)"
            )
        }
        guard let json = try? JSON(parsing: response.body) else {
            throw OAuthClientError(.responseMalformed, reason: "\(path) is no JSON")
        }
        return json
    }
}
