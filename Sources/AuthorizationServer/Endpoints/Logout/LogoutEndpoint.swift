import OAuthVocabulary

/// `/logout`, the `end_session_endpoint`.
package struct LogoutEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/logout")
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let answer = request.method == .post ? request.parameters[InteractionField.decision] : nil
        let parameters = request.parameters.restricted(to: LogoutDecision.parameterNames)
        if request.method == .post, answer == nil, request.browserSession == nil {
            // A POST from another site comes without SameSite=Lax cookies; as a GET it finds the session.
            return .redirect(
                to: FormEncoding.appending(parameters.pairs, to: services.configuration.url("/logout"))
            )
        }
        do throws(OAuthError) {
            let logout = try await load(parameters, services)
            let session = LogoutDecision.session(logout, among: request.browserSessions)
            switch LogoutDecision.step(logout, session: session) {
            case .nothingToEnd:
                let own = try await applicationSession(logout, services)
                return try await goodbye(logout, ending: own, services: services)
            case .end: return try await goodbye(logout, ending: session, services: services)
            case .confirm:
                return try await confirm(logout, session, answer: answer, parameters: parameters, request, services)
            }
        } catch {
            // RP-Initiated Logout §4: an error is shown, never redirected.
            return .errorScreen(error)
        }
    }

    private func load(_ parameters: Parameters, _ services: Services) async throws(OAuthError) -> LogoutRequest {
        let now = services.time.moment().steady
        var hint: IDTokenHint?
        if let text = parameters["id_token_hint"] {
            hint = try IDTokenHint(
                text,
                keys: services.keyring.current.published,
                issuer: services.configuration.issuer,
                now: now
            )
        }
        var client: RegisteredClient?
        if let id = try LogoutDecision.clientID(parameters, hint: hint) {
            client = try await Reader(services, now: now).client(id)?.content
        }
        return try LogoutDecision.check(parameters, hint: hint, client: client)
    }

    /// The session that belongs to the application alone (`POST /session/login`), where its own ID token names it: no
    /// cookie of this address finds it, and the application must not believe that its person has left while it lives.
    private func applicationSession(
        _ logout: LogoutRequest,
        _ services: Services
    ) async throws(OAuthError) -> SessionSnapshot? {
        guard let hint = logout.hint, let id = hint.session, let client = logout.client else { return nil }
        let session = try await Reader(services, now: services.time.moment().steady).session(id)
        guard let session, session.client == client.id, session.subject == hint.subject,
            hint.clients.contains(client.id)
        else { return nil }
        return session
    }

    /// Asks, or takes the answer to what was asked.
    private func confirm(
        _ logout: LogoutRequest,
        _ session: SessionSnapshot?,
        answer: String?,
        parameters: Parameters,
        _ request: EndpointRequest,
        _ services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        guard let session else { throw .internalFault("nobody to ask") }
        guard let binding = request.browserBinding else { throw .internalFault("the browser was given no binding") }
        let interactions = Interactions(services)
        guard let answer else {
            let screen = ConfirmSignOutScreen(
                applicationName: logout.client?.name,
                subject: session.subject,
                fields: parameters.pairs,
                uiLocales: logout.uiLocales,
                redirectOrigin: logout.target.map(\.formActionSource),
                formToken: interactions.formToken(
                    .signOut,
                    interaction: "",
                    browserBinding: binding,
                    session: session
                )
            )
            return EndpointResponse(body: .screen(.confirmSignOut(screen)))
        }
        try interactions.checkFormToken(
            request.parameters[InteractionField.formToken],
            .signOut,
            interaction: "",
            browserBinding: binding,
            session: session
        )
        switch answer {
        case "sign-out": return try await goodbye(logout, ending: session, services: services)
        case "sign-out-everywhere":
            var response = try await goodbye(logout, ending: session, services: services)
            response.endedPerson = session.subject
            return response
        // The application must not believe that its person has left.
        case "stay": return .redirect(to: services.configuration.url("/"))
        default: throw .unansweredForm
        }
    }

    /// The page that tells the other applications of this browser and then goes on; without any of them, straight on.
    private func goodbye(
        _ logout: LogoutRequest,
        ending session: SessionSnapshot? = nil,
        services: Services
    ) async throws(OAuthError) -> EndpointResponse {
        // RP-Initiated Logout §3: a state that was in the request comes back with the browser.
        let state = logout.state.map { [(name: "state", value: $0)] } ?? []
        let target = logout.target.map { target in
            state.isEmpty ? target.value : FormEncoding.appending(state, to: target.value)
        }
        var screen = SignedOutScreen(applicationName: logout.client?.name, continueURL: target)
        if let session { screen.frames = try await LogoutFrames(services).addresses(for: session) }
        var response = EndpointResponse(body: .screen(.signedOut(screen)))
        if let target, screen.frames.isEmpty { response = .redirect(to: target) }
        response.endedSession = session?.id
        return response
    }
}
