import Instants
import OAuthVocabulary
import Storage

/// What a browser session with tokens starts with: a refresh family of the session that was just opened.
///
/// It is no grant of the token endpoint, where it would be the password grant; it shares the phases.
struct SessionLoginGrant: Grant {
    let grantType = GrantType("session")
    let parameters: Set<String> = ["scope", "resource"]

    let session: SessionSnapshot
    let family: FamilyID

    struct Material: Sendable {
        var session: SessionSnapshot?
        var person: PersonSnapshot?
        var cutOff: Instant?
        var access: AccessResolution.Material
    }

    func load(_ request: GrantRequest, from reader: Reader) async throws(OAuthError) -> Material {
        Material(
            session: try await reader.session(session.id),
            person: try await reader.person(session.subject),
            cutOff: try await reader.cutOff([
                .session(session.id), .subject(session.subject), .client(request.client.content.id), .everything,
            ]),
            access: try await Self.access(request.parameters, request.client.content, reader)
        )
    }

    func decide(_ request: GrantRequest, _ material: Material) -> GrantDecision {
        do throws(OAuthError) {
            guard let person = material.person, person.isEnabled,
                person.credentialsChangedAt <= session.authentication.at,
                material.session?.subject == person.subject,
                material.cutOff.map({ $0 < session.authentication.at }) ?? true
            else {
                throw OAuthError(
                    .accessDenied,
                    "the account changed while you signed in, please try again",
                    status: 401,
                    detail: "the person or the session ended meanwhile"
                )
            }
            let access = try Self.resolve(material.access, request.client.content, request.configuration)
            var issuance = Issuance(
                party: .person(person, session.authentication, session: session.id),
                access: access,
                family: family,
                authorizedAt: session.authentication.at
            )
            issuance.refresh = .start(family: family)
            if access.scope.contains(.openID) { issuance.idToken = Issuance.IDTokenPlan(nonce: nil) }
            return .issue(issuance, changes: [person.unchanged])
        } catch {
            return .refuse(error)
        }
    }

    /// What the request asks for; also looked at before a password is, so that a mistake in it costs no attempt.
    static func access(
        _ parameters: Parameters,
        _ client: RegisteredClient,
        _ reader: Reader
    ) async throws(OAuthError) -> AccessResolution.Material {
        try await reader.accessMaterial(
            scope: parameters["scope"],
            resources: parameters.all("resource"),
            client: client
        )
    }

    static func resolve(
        _ material: AccessResolution.Material,
        _ client: RegisteredClient,
        _ configuration: ProviderConfiguration
    ) throws(OAuthError) -> ResolvedAccess {
        let access = try AccessResolution.resolve(material, client: client, configuration: configuration)
        // A browser session ends with its session; what outlives it is asked for at the consent page (OpenID Connect
        // Core §11).
        guard !access.scope.contains(.offlineAccess) else {
            throw OAuthError(
                .invalidScope,
                "a browser session does not outlive itself: offline_access is for the authorization endpoint",
                detail: "offline_access at /session/login"
            )
        }
        return access
    }
}
