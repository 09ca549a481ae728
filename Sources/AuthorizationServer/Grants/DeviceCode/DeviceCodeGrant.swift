import Instants
package import OAuthVocabulary
import Storage

/// RFC 8628 §3.4 and §3.5: a device asks whether its person has answered.
package struct DeviceCodeGrant: Grant {
    package let grantType = GrantType.deviceCode
    package let parameters: Set<String> = ["device_code", "resource"]

    package init() {}

    package struct Material: Sendable {
        var code: Stored<DeviceCodeRecord>?
        /// Once somebody allowed it.
        var right: StandingRight?
        var access: AccessResolution.Material?
    }

    package func load(_ request: GrantRequest, from reader: Reader) async throws(OAuthError) -> Material {
        var material = Material()
        let text = try request.parameters.required("device_code")
        material.code = try await reader.stored(DeviceCodeRecord.self, DeviceCodeRecord.key(text))
        guard let code = material.code?.content, let answer = code.answer, answer.verdict == .allowed else {
            return material
        }
        material.right = try await reader.standingRight(
            of: answer.subject,
            toward: code.client,
            in: code.outlivesSession ? nil : answer.session,
            family: answer.family
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
                throw OAuthError.invalidGrant("the device code is unknown", detail: "no such code, or long expired")
            }
            // RFC 8628 §3.4, by RFC 6749 §4.1.3 as for every code: it is its client's alone.
            guard code.content.client == request.client.content.id else {
                throw OAuthError.invalidGrant(
                    "the device code was issued to another client",
                    detail: "issued to \(code.content.client)"
                )
            }
            guard code.record.consumedAt == nil else { return replay(of: code.content) }
            if code.content.answer?.verdict == .denied {
                throw OAuthError(.accessDenied, "the person did not allow it")
            }
            // RFC 8628 §3.5, expired_token: "The "device_code" has expired, and the device authorization session has
            // concluded."
            guard request.moment.steady < code.content.expiresAt else {
                throw OAuthError(.expiredToken, "the device code has expired: ask for another one")
            }
            guard let answer = code.content.answer else { return try wait(request, code) }
            return try issue(request, code, answer, material)
        } catch {
            return .refuse(error)
        }
    }

    /// A code that comes again was stolen, or its thief was first (RFC 6749 §4.1.2).
    private func replay(of code: DeviceCodeRecord) -> GrantDecision {
        let error = OAuthError.invalidGrant(
            "the device code was already used; everything that it paid for is revoked",
            detail: "device code reuse: grant \(code.answer?.family.value ?? "none") of client \(code.client)"
        )
        guard let answer = code.answer else { return .refuse(error) }
        let ending = Ending(
            .grant(answer.family),
            because: .codeReplay,
            subject: answer.subject,
            session: answer.session,
            client: code.client
        )
        return .refuse(error, ending: ending)
    }

    private func wait(
        _ request: GrantRequest,
        _ code: Stored<DeviceCodeRecord>
    ) throws(OAuthError) -> GrantDecision {
        var asked = code
        let error = asked.content.poll(at: request.moment)
        let noted = asked
        return .refuse(error, changes: [try decoded { () throws(StoreError) in try noted.replaced() }])
    }

    private func issue(
        _ request: GrantRequest,
        _ code: Stored<DeviceCodeRecord>,
        _ answer: DeviceCodeRecord.Answer,
        _ material: Material
    ) throws(OAuthError) -> GrantDecision {
        // RFC 8707 §2.2: the token request may narrow what was granted, never widen it.
        guard request.parameters.all("resource").allSatisfy({ $0 == code.content.resource?.value }) else {
            throw OAuthError(
                .invalidTarget,
                "the requested resource was not part of the authorization",
                detail: "granted: \(code.content.resource?.value ?? "none")"
            )
        }
        guard let right = material.right, let accessMaterial = material.access else {
            throw .internalFault("what an approved device code rests on was not loaded")
        }
        let person = try right.holder(since: answer.at)
        let client = request.client.content
        let access = try AccessResolution.resolve(accessMaterial, client: client, configuration: request.configuration)
        // What the person was shown is what is granted, whatever the records say meanwhile.
        guard access.scope == code.content.scope, access.audience == code.content.audience else {
            throw OAuthError(
                .invalidScope,
                "what the client may ask for has changed since the person allowed it",
                detail: "allowed for \(code.content.audience.joined(separator: " ")), now \(access.audience)"
            )
        }
        var issuance = Issuance(
            party: .person(person, answer.authentication, session: answer.session),
            access: access,
            grantType: grantType,
            family: answer.family,
            authorizedAt: answer.at
        )
        if client.allows(.refreshToken) { issuance.refresh = .start(family: answer.family) }
        if access.scope.contains(.openID) { issuance.idToken = Issuance.IDTokenPlan(nonce: nil) }
        var spent = code.record
        spent.consumedAt = request.moment.steady
        spent.expiresAt = request.moment.steady + request.configuration.longestLife(ofGrantsTo: client)
        return .issue(issuance, changes: [.replace(spent, ifVersion: code.record.version), person.unchanged])
    }
}
