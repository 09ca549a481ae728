// The authorization code grant, RFC 6749 §4.1.3, with PKCE (RFC 7636 §4.6).
// Owns the record kind `authorization-code`. A redeemed code stays on record, spent, as long as anything that it paid
// for may live, so that a replay can name what to revoke.

import Instants
package import OAuthVocabulary
package import Storage

package struct AuthorizationCodeGrant: Grant {
    package let grantType = GrantType.authorizationCode
    package let parameters: Set<String> = ["code", "redirect_uri", "code_verifier", "resource"]

    package init() {}

    package struct Material: Sendable {
        var code: Stored<AuthorizationCodeRecord>?
        var right: StandingRight?
        var access: AccessResolution.Material?
    }

    package func load(_ request: GrantRequest, from reader: Reader) async throws(OAuthError) -> Material {
        var material = Material()
        let text = try request.parameters.required("code")
        material.code = try await reader.stored(AuthorizationCodeRecord.self, AuthorizationCodeRecord.key(text))
        guard let code = material.code?.content else { return material }
        material.right = try await reader.standingRight(
            of: code.subject,
            toward: code.client,
            in: code.session,
            family: code.family
        )
        material.access = try await reader.accessMaterial(
            scope: code.scope.description,
            resources: code.resource.map { [$0.value] } ?? [],
            client: request.client.content
        )
        return material
    }

    package func decide(_ request: GrantRequest, _ material: Material) -> GrantDecision {
        do throws(OAuthError) {
            guard let code = material.code else {
                throw OAuthError.invalidGrant(
                    "the authorization code is unknown or has expired",
                    detail: "no such code"
                )
            }
            // RFC 6749 §4.1.3: "ensure that the authorization code was issued to the authenticated confidential client,
            // or if the client is public, ensure that the code was issued to 'client_id' in the request"
            guard code.content.client == request.client.content.id else {
                throw OAuthError.invalidGrant(
                    "the authorization code was issued to another client",
                    detail: "issued to \(code.content.client)"
                )
            }
            // RFC 6749 §4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the
            // request and SHOULD revoke (when possible) all tokens previously issued based on that authorization code."
            guard code.record.consumedAt == nil else {
                return .refuse(
                    .invalidGrant(
                        "the authorization code was already used; everything that it paid for is revoked",
                        detail: "code reuse: grant \(code.content.family) of client \(code.content.client)"
                    ),
                    ending: Ending(
                        .grant(code.content.family),
                        because: .codeReplay,
                        subject: code.content.subject,
                        session: code.content.session,
                        client: code.content.client
                    )
                )
            }
            try check(request, against: code.content)
            return try issue(request, code, material)
        } catch {
            return .refuse(error)
        }
    }

    private func check(_ request: GrantRequest, against code: AuthorizationCodeRecord) throws(OAuthError) {
        let verifier = request.parameters["code_verifier"]
        // RFC 6749 §4.1.3: "ensure that the 'redirect_uri' parameter is present if the 'redirect_uri' parameter was
        // included in the initial authorization request … and … their values are identical". OAuth 2.1 §10.2 lets a
        // client with PKCE leave it out.
        let redirectURI = request.parameters["redirect_uri"]
        guard redirectURI == code.redirectURI || (redirectURI == nil && code.codeChallenge != nil) else {
            throw .invalidGrant(
                "redirect_uri differs from the one in the authorization request",
                detail: "expected \(code.redirectURI), got \(redirectURI == nil ? "none" : "another")"
            )
        }
        try PKCE.verify(challenge: code.codeChallenge, verifier: verifier)
        // RFC 8707 §2.2: the token request may narrow what was granted, never widen it.
        let resources = request.parameters.all("resource")
        guard resources.allSatisfy({ $0 == code.resource?.value }) else {
            throw OAuthError(
                .invalidTarget,
                "the requested resource was not part of the authorization",
                detail: "granted: \(code.resource?.value ?? "none")"
            )
        }
    }

    private func issue(
        _ request: GrantRequest,
        _ code: Stored<AuthorizationCodeRecord>,
        _ material: Material
    ) throws(OAuthError) -> GrantDecision {
        let content = code.content
        guard let right = material.right else { throw OAuthError.internalFault("the person's right was not loaded") }
        let person = try right.holder(since: content.issuedAt)
        guard let accessMaterial = material.access else { throw OAuthError.internalFault("access was not loaded") }
        let client = request.client.content
        let access = try AccessResolution.resolve(accessMaterial, client: client, configuration: request.configuration)
        var issuance = Issuance(
            party: .person(person, content.authentication, session: content.session),
            access: access,
            family: content.family,
            authorizedAt: content.issuedAt
        )
        if client.allows(.refreshToken) { issuance.refresh = .start(family: content.family) }
        if access.scope.contains(.openID) { issuance.idToken = Issuance.IDTokenPlan(nonce: content.nonce) }
        var spent = code.record
        spent.consumedAt = request.moment.steady
        spent.expiresAt = request.moment.steady + request.configuration.longestLife(ofGrantsTo: client)
        return .issue(issuance, changes: [.replace(spent, ifVersion: code.record.version), person.unchanged])
    }
}

/// What the grant adds to the server.
package struct AuthorizationCodeFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(AuthorizationCodeGrant())
        assembly.add(AuthorizationCodeRecord.kind)
    }
}
