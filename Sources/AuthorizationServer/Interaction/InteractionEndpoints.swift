import OAuthVocabulary
import Storage

/// The page of `/sign-in`.
///
/// The form's POST needs passwords and is answered by the HTTP room.
package struct SignInEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/sign-in")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let flow = AuthorizationFlow(services, now: services.time.moment().steady)
        var interaction: OpenInteraction?
        do throws(AuthorizationRefusal) {
            if let visit = try await flow.openVisit(request) {
                return EndpointResponse(body: .screen(.signIn(services.visits.signInScreen(visit))))
            }
            let open = try await flow.open(request)
            interaction = open
            let proven = try await flow.prove(open.parameters)
            return EndpointResponse(body: .screen(.signIn(flow.interactions.signInScreen(open, proven))))
        } catch {
            return await flow.refuse(error, closing: interaction)
        }
    }
}

/// `/authorize/resume`: GET goes on after a sign-in; POST with `decision=cancel` gives the request up.
package struct ResumeEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/authorize/resume")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let flow = AuthorizationFlow(services, now: services.time.moment().steady)
        return request.method == .get ? await goOn(request, flow) : await cancel(request, flow)
    }

    private func goOn(_ request: EndpointRequest, _ flow: AuthorizationFlow) async -> EndpointResponse {
        do throws(AuthorizationRefusal) {
            if let visit = try await flow.openVisit(request) {
                return try await flow.relaying(nil) { () async throws(OAuthError) in
                    try await flow.services.visits.resume(visit, request, now: flow.now)
                }
            }
        } catch {
            return await flow.refuse(error, closing: nil)
        }
        return await flow.resume(request)
    }

    private func cancel(_ request: EndpointRequest, _ flow: AuthorizationFlow) async -> EndpointResponse {
        var interaction: OpenInteraction?
        do throws(AuthorizationRefusal) {
            let visit = try await flow.openVisit(request)
            let open = visit == nil ? try await flow.open(request) : nil
            guard request.parameters[InteractionField.decision] == "cancel" else {
                throw AuthorizationRefusal(.unansweredForm, reply: nil)
            }
            if let visit {
                return try await flow.relaying(nil) { () async throws(OAuthError) in
                    try await flow.services.visits.cancel(visit, request, now: flow.now)
                }
            }
            guard let open else { throw AuthorizationRefusal(.unknownInteraction, reply: nil) }
            try await flow.relaying(nil) { () async throws(OAuthError) in
                try flow.interactions.checkFormToken(
                    request.parameters[InteractionField.formToken],
                    .signIn,
                    interaction: open.id,
                    browserBinding: open.record.browserBinding
                )
            }
            interaction = open
            let proven = try await flow.prove(open.parameters)
            throw AuthorizationRefusal(
                OAuthError(.accessDenied, "the person did not sign in"),
                reply: proven.reply
            )
        } catch {
            return await flow.refuse(error, closing: interaction)
        }
    }
}

/// `/choose-account`: which account of this browser an application gets (`prompt=select_account`).
package struct ChooseAccountEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/choose-account")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let flow = AuthorizationFlow(services, now: services.time.moment().steady)
        var interaction: OpenInteraction?
        do throws(AuthorizationRefusal) {
            let open = try await flow.open(request)
            interaction = open
            let situation = try await flow.evaluate(
                open.parameters,
                interaction: open,
                sessions: request.browserSessions
            )
            guard situation.step == .chooseAccount, let signOn = situation.signOn else {
                return .redirect(to: flow.interactions.url("/authorize/resume", open.id))
            }
            let accounts = try await flow.relaying(nil) { () async throws(OAuthError) in
                try await flow.reader.signOns(request.browserSessions)
            }
            guard request.method == .post else {
                let screen = flow.screen(situation, open, signOn, accounts.map(\.subject))
                return EndpointResponse(body: .screen(.chooseAccount(screen)))
            }
            return try await choose(request, flow, open, signOn, among: accounts)
        } catch {
            return await flow.refuse(error, closing: interaction)
        }
    }

    private func choose(
        _ request: EndpointRequest,
        _ flow: AuthorizationFlow,
        _ open: OpenInteraction,
        _ signOn: SignOn,
        among accounts: [SignOn]
    ) async throws(AuthorizationRefusal) -> EndpointResponse {
        try await flow.relaying(nil) { () async throws(OAuthError) in
            try flow.interactions.checkFormToken(
                request.parameters[InteractionField.formToken],
                .chooseAccount,
                interaction: open.id,
                browserBinding: open.record.browserBinding,
                session: signOn.session
            )
            guard let account = request.parameters[InteractionField.account] else {
                return .redirect(to: flow.interactions.url("/sign-in", open.id))
            }
            // An account that is not signed in here is chosen by nobody (CVE-2026-55106).
            guard let chosenOne = accounts.first(where: { $0.subject.value == account }) else { throw .staleForm }
            var stored = open.stored
            stored.content.chosenAccount = chosenOne.subject
            let chosen = stored
            // Whoever loses a race here finds the page again and answers it again.
            _ = try await answering { () async throws(StoreError) in
                try await flow.services.store.apply([try chosen.replaced()], now: flow.now)
            }
            var response = EndpointResponse.redirect(to: flow.interactions.url("/authorize/resume", open.id))
            response.chosenSession = chosenOne.session.id
            return response
        }
    }
}

extension AuthorizationFlow {
    /// The interaction that a request of its own browser names.
    func open(_ request: EndpointRequest) async throws(AuthorizationRefusal) -> OpenInteraction {
        try await relaying(nil) { () async throws(OAuthError) in
            try await interactions.open(
                request.parameters[InteractionField.interaction],
                browserBinding: request.browserBinding,
                now: now
            )
        }
    }

    /// The visit that a request of its own browser names; `nil` where it names an authorization request.
    func openVisit(_ request: EndpointRequest) async throws(AuthorizationRefusal) -> OpenVisit? {
        try await relaying(nil) { () async throws(OAuthError) in
            try await services.visits.open(
                request.parameters[InteractionField.interaction],
                browserBinding: request.browserBinding,
                now: now
            )
        }
    }

    fileprivate func screen(
        _ situation: Situation,
        _ open: OpenInteraction,
        _ signOn: SignOn,
        _ accounts: [Subject]
    ) -> ChooseAccountScreen {
        ChooseAccountScreen(
            interaction: open.id,
            applicationName: situation.request.client.content.name,
            accounts: accounts,
            uiLocales: situation.request.uiLocales,
            redirectOrigin: situation.request.reply.redirectURI.formActionSource,
            formToken: interactions.formToken(
                .chooseAccount,
                interaction: open.id,
                browserBinding: open.record.browserBinding,
                session: signOn.session
            )
        )
    }
}

extension OAuthError {
    /// A form without an answer skips no step (CVE-2026-49443).
    package static let unansweredForm = OAuthError.invalidRequest(
        "the form came without a decision",
        detail: "decision is missing or unknown"
    )
}
