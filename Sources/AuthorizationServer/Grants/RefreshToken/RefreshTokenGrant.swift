// The refresh token grant, RFC 6749 §6, with rotation and reuse detection (RFC 9700 §4.14) that forgives a lost answer.
// One row a family (`refresh-family`, owned by Issuance); the successor can be made again from the row.

import Instants
package import OAuthVocabulary
package import Storage

package struct RefreshTokenGrant: Grant {
    package let grantType = GrantType.refreshToken
    package let parameters: Set<String> = ["refresh_token", "scope", "resource"]

    package init() {}

    package struct Material: Sendable {
        /// What the token says, if its MAC is right for this client.
        var token: RefreshToken?
        var family: Stored<RefreshFamily>?
        var person: PersonSnapshot?
        var session: SessionSnapshot?
        var cutOff: Instant?
        /// What the request asks for, or why it cannot be had: looked at only once the token itself has been judged.
        var access: Result<AccessResolution.Material, OAuthError>?
    }

    package func load(_ request: GrantRequest, from reader: Reader) async throws(OAuthError) -> Material {
        var material = Material()
        let text = try request.parameters.required("refresh_token")
        material.token = RefreshToken(text, client: request.client.content.id, keys: request.keys)
        guard let token = material.token else { return material }
        material.family = try await reader.stored(RefreshFamily.self, RefreshFamily.key(token.family))
        guard let family = material.family?.content else { return material }
        material.person = try await reader.person(family.subject)
        var targets: [RevocationTarget] = [
            .grant(family.id), .subject(family.subject), .client(family.client), .everything,
        ]
        if let session = family.session {
            material.session = try await reader.session(session)
            targets.append(.session(session))
        }
        material.cutOff = try await reader.cutOff(targets)
        var resources = request.parameters.all("resource")
        // Named scopes say by themselves which API is meant; without any, the grant's own API is.
        if resources.isEmpty, request.parameters["scope"] == nil {
            resources = family.resource.map { [$0.value] } ?? []
        }
        do throws(OAuthError) {
            material.access = .success(
                try await reader.accessMaterial(
                    scope: request.parameters["scope"] ?? family.scope.description,
                    resources: resources,
                    client: request.client.content
                )
            )
        } catch {
            guard error.status < 500 else { throw error }
            material.access = .failure(error)
        }
        return material
    }

    package func decide(_ request: GrantRequest, _ material: Material) -> GrantDecision {
        do throws(OAuthError) {
            guard let token = material.token else {
                throw OAuthError.invalidGrant(
                    "the refresh token is not valid for this client",
                    detail: "malformed, or its MAC is wrong"
                )
            }
            guard let family = material.family else {
                throw OAuthError.invalidGrant("the refresh token has expired", detail: "no family \(token.family)")
            }
            let person = try checkGrantIsAlive(family, material)
            // Reuse is judged before scope and resource are: a thief must not probe a family by asking for what it lacks.
            let access = Result { () throws(OAuthError) in try narrowedAccess(request, family.content, material) }
            switch RotationRules.judge(
                token,
                family.content,
                digest: (try? access.get()).map(Self.digest),
                at: request.moment,
                configuration: request.configuration
            )
            {
            case .rotate:
                return .issue(
                    issuance(.rotate(family), family.content, person, try access.get()),
                    changes: [person.unchanged]
                )
            case .repeatSuccessor:
                return .issue(
                    issuance(.repeatSuccessor(family), family.content, person, try access.get()),
                    changes: [person.unchanged]
                )
            case .refuse(let error):
                return .refuse(error)
            case .reuse(let error):
                return .refuse(error, ending: Ending(family.content, because: .refreshReuse))
            }
        } catch {
            return .refuse(error)
        }
    }

    /// Whatever the token, the grant behind it must still stand.
    func checkGrantIsAlive(
        _ family: Stored<RefreshFamily>,
        _ material: Material
    ) throws(OAuthError) -> PersonSnapshot {
        let content = family.content
        guard family.record.consumedAt == nil else {
            throw .invalidGrant("the grant has ended", detail: "family \(content.id) is revoked")
        }
        guard let person = material.person, person.isEnabled else {
            throw .invalidGrant("the grant has ended", detail: "the person is disabled or gone")
        }
        guard person.credentialsChangedAt <= content.createdAt else {
            throw .invalidGrant("the grant has ended", detail: "the person's password changed after the grant")
        }
        if let session = content.session {
            guard let live = material.session, live.subject == content.subject else {
                throw .invalidGrant("the grant has ended", detail: "session \(session) is closed")
            }
        }
        if let cutOff = material.cutOff, content.createdAt <= cutOff {
            throw .invalidGrant("the grant has ended", detail: "family \(content.id) is revoked")
        }
        return person
    }

    private func narrowedAccess(
        _ request: GrantRequest,
        _ family: RefreshFamily,
        _ material: Material
    ) throws(OAuthError) -> ResolvedAccess {
        let resources = request.parameters.all("resource")
        guard resources.allSatisfy({ $0 == family.resource?.value }) else {
            throw OAuthError(
                .invalidTarget,
                "the requested resource was not part of the grant",
                detail: "granted: \(family.resource?.value ?? "none")"
            )
        }
        guard let loaded = material.access else { throw .internalFault("access was not loaded") }
        let accessMaterial = try loaded.get()
        // RFC 6749 §6: "The requested scope MUST NOT include any scope not originally granted by the resource owner"
        if let beyond = accessMaterial.scopes.first(where: { !family.scope.contains($0) }) {
            throw OAuthError(
                .invalidScope,
                "the requested scope exceeds the scope of the grant",
                detail: "\(beyond) is not in: \(family.scope)"
            )
        }
        let access = try AccessResolution.resolve(
            accessMaterial,
            client: request.client.content,
            configuration: request.configuration
        )
        // The client's default may have changed since: it is no way to an API that was never part of the grant.
        guard access.api == nil || access.api?.audience == family.resource else {
            throw OAuthError(
                .invalidTarget,
                "the requested resource was not part of the grant",
                detail: "granted: \(family.resource?.value ?? "none")"
            )
        }
        return access
    }

    private func issuance(
        _ plan: Issuance.RefreshPlan,
        _ family: RefreshFamily,
        _ person: PersonSnapshot,
        _ access: ResolvedAccess
    ) -> Issuance {
        Issuance(
            party: .person(person, family.authentication, session: family.signOnSession),
            access: access,
            grantType: family.grantType ?? .authorizationCode,
            family: family.id,
            refresh: plan,
            // OpenID Connect Core §12.2: an ID token of a refresh "SHOULD NOT have a nonce Claim".
            idToken: access.scope.contains(.openID) ? Issuance.IDTokenPlan(nonce: nil) : nil,
            requestDigest: Self.digest(access)
        )
    }

    /// What a repetition must agree with: the scope and audience that come of the request.
    static func digest(_ access: ResolvedAccess) -> String {
        Digest.sha256Text((access.scope.scopes.map(\.value).sorted() + ["\n"] + access.audience).joined(separator: " "))
    }
}

/// What the grant adds to the server.
package struct RefreshTokenFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(RefreshTokenGrant())
        assembly.add(RefreshFamily.kind)
    }
}
