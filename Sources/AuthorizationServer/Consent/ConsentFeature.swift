// Consent, OpenID Connect Core §3.1.2.4 and §11 (`offline_access`), RFC 6749 §4.1: what a person allows a client.
// Owns the record kind `consent`: one record for a person and a client, written in the same apply as the code it
// allows.

import OAuthVocabulary

package struct ConsentFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(ConsentRecord.kind)
        assembly.add(ConsentEndpoint())
    }
}

/// `/consent`: GET shows what is asked for, POST answers it.
package struct ConsentEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/consent")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let flow = AuthorizationFlow(services, now: services.time.moment().steady)
        guard request.method == .post else { return await show(request, flow) }
        switch request.parameters[InteractionField.decision] {
        case "allow": return await flow.resume(request, answer: .allow)
        case "deny": return await flow.resume(request, answer: .deny)
        default: return .errorScreen(.unansweredForm)
        }
    }

    private func show(_ request: EndpointRequest, _ flow: AuthorizationFlow) async -> EndpointResponse {
        var interaction: OpenInteraction?
        do throws(AuthorizationRefusal) {
            let open = try await flow.open(request)
            interaction = open
            let situation = try await flow.evaluate(
                open.parameters,
                interaction: open,
                sessions: request.browserSessions
            )
            guard situation.step == .consent, let signOn = situation.signOn else {
                return .redirect(to: flow.interactions.url("/authorize/resume", open.id))
            }
            return EndpointResponse(body: .screen(.consent(screen(situation, open, signOn, flow.interactions))))
        } catch {
            return await flow.refuse(error, closing: interaction)
        }
    }

    private func screen(
        _ situation: AuthorizationFlow.Situation,
        _ open: OpenInteraction,
        _ signOn: SignOn,
        _ interactions: Interactions
    ) -> ConsentScreen {
        let request = situation.request
        let descriptions = request.access.api?.scopes ?? []
        return ConsentScreen(
            interaction: open.id,
            applicationName: request.client.content.name,
            applicationHost: request.reply.applicationHost,
            subject: signOn.subject,
            scopes: request.access.scope.map { scope in
                (scope: scope, text: descriptions.first { $0.scope == scope }?.text)
            },
            uiLocales: request.uiLocales,
            redirectOrigin: request.reply.redirectURI.formActionSource,
            formToken: interactions.formToken(
                .consent,
                interaction: open.id,
                browserBinding: open.record.browserBinding,
                session: signOn.session
            )
        )
    }
}
