import Instants
import OAuthVocabulary
import Storage

/// A refusal of an authorization request, with the place that it may be sent to.
package struct AuthorizationRefusal: Error, Sendable {
    package var error: OAuthError
    /// `nil` until the redirect URI is proven: a person reads the error here.
    package var reply: AuthorizationReply?

    package init(_ error: OAuthError, reply: AuthorizationReply?) {
        self.error = error
        self.reply = reply
    }

    package func response(_ configuration: ProviderConfiguration) -> EndpointResponse {
        reply?.refusal(error, configuration: configuration) ?? .errorScreen(error)
    }
}

/// Takes an authorization request as far as it goes: check, decide, then ask the person, issue or refuse.
package struct AuthorizationFlow: Sendable {
    let services: Services
    let now: Instant

    init(_ services: Services, now: Instant) {
        self.services = services
        self.now = now
    }

    var reader: Reader { Reader(services, now: now) }
    var interactions: Interactions { Interactions(services) }

    /// What a person answered to the consent page.
    enum ConsentAnswer: Sendable { case allow, deny }

    /// Everything known of a request at one moment, and what follows from it.
    struct Situation: Sendable {
        var request: AuthorizationRequest
        var parameters: Parameters
        var signOn: SignOn?
        var consent: Stored<ConsentRecord>?
        var interaction: OpenInteraction?
        var step: AuthorizationStep
    }

    /// Runs the pipeline.
    func prove(_ parameters: Parameters) async throws(AuthorizationRefusal) -> AuthorizationRequest {
        let context = try await relaying(nil) { () async throws(OAuthError) in
            try await AuthorizationContext.load(parameters, from: reader, services: services)
        }
        switch Pipeline.run(.authorization, context) {
        case .accepted(let request): return request
        case .refused(let error, let reply): throw AuthorizationRefusal(error, reply: reply)
        }
    }

    /// Runs the pipeline, loads what the decision needs, and decides.
    func evaluate(
        _ parameters: Parameters,
        interaction: OpenInteraction?,
        sessions: [SessionSnapshot]
    ) async throws(AuthorizationRefusal) -> Situation {
        let request = try await prove(parameters)
        return try await relaying(request.reply) { () async throws(OAuthError) in
            if let record = interaction?.record {
                // What a person was shown is what is granted, whatever the records say meanwhile.
                guard record.scope == request.access.scope, record.audience == request.access.audience else {
                    throw OAuthError(
                        .invalidScope,
                        "what the application may ask for has changed meanwhile, please start again",
                        detail: "started with \(record.scope), now \(request.access.scope)"
                    )
                }
            }
            let session = SessionChoice.session(
                for: request,
                among: try await reader.candidates(sessions, for: request),
                interaction: interaction?.record
            )
            let signOn = try await reader.signOn(session)
            var consent: Stored<ConsentRecord>?
            if let signOn {
                consent = try await reader.stored(
                    ConsentRecord.self,
                    ConsentRecord.key(signOn.subject, request.client.content.id)
                )
            }
            let step = AuthorizationDecision.step(
                request,
                signOn: signOn,
                consent: consent?.content,
                interaction: interaction?.record,
                configuration: services.configuration,
                now: now
            )
            return Situation(
                request: request,
                parameters: parameters,
                signOn: signOn,
                consent: consent,
                interaction: interaction,
                step: step
            )
        }
    }

    /// Answers a request that comes from a client.
    func begin(_ request: EndpointRequest) async -> EndpointResponse {
        await advance(request, answer: nil) { () async throws(OAuthError) in nil }
    }

    /// Goes on with a request that waited for its person.
    func resume(_ request: EndpointRequest, answer: ConsentAnswer? = nil) async -> EndpointResponse {
        await advance(request, answer: answer) { () async throws(OAuthError) in
            try await interactions.open(
                request.parameters[InteractionField.interaction],
                browserBinding: request.browserBinding,
                now: now
            )
        }
    }

    /// Goes as far as possible; whoever loses a race reads everything again.
    private func advance(
        _ request: EndpointRequest,
        answer: ConsentAnswer?,
        from source: () async throws(OAuthError) -> OpenInteraction?
    ) async -> EndpointResponse {
        for _ in 0..<Limits.applyAttempts {
            var interaction: OpenInteraction?
            do throws(AuthorizationRefusal) {
                interaction = try await relaying(nil, source)
                let situation = try await evaluate(
                    interaction?.parameters ?? request.parameters,
                    interaction: interaction,
                    sessions: request.browserSessions
                )
                if var response = try await act(on: situation, request, answer: answer) {
                    let used = situation.signOn?.session.id
                    if used != request.browserSession?.id { response.usedSession = used }
                    return response
                }
            } catch {
                return await refuse(error, closing: interaction)
            }
        }
        return .errorScreen(.unavailable("an authorization request lost every race"))
    }

    /// Does what the step says; `nil` if something changed meanwhile.
    private func act(
        on situation: Situation,
        _ request: EndpointRequest,
        answer: ConsentAnswer?
    ) async throws(AuthorizationRefusal) -> EndpointResponse? {
        switch situation.step {
        case .signIn: return try await ask("/sign-in", situation, request)
        case .chooseAccount: return try await ask("/choose-account", situation, request)
        case .refuse(let error): throw AuthorizationRefusal(error, reply: situation.request.reply)
        case .consent:
            guard let answer else { return try await ask("/consent", situation, request) }
            try check(answer, situation, request)
            return try await issue(situation, recording: .consent)
        case .issue:
            if let answer { try check(answer, situation, request) }
            return try await issue(situation, recording: answer == nil ? .nothing : .consent)
        }
    }

    /// Throws unless the answer is a yes that came from our page, shown to this person in this browser.
    private func check(
        _ answer: ConsentAnswer,
        _ situation: Situation,
        _ request: EndpointRequest
    ) throws(AuthorizationRefusal) {
        do throws(OAuthError) {
            try interactions.checkFormToken(
                request.parameters[InteractionField.formToken],
                .consent,
                interaction: situation.interaction?.id ?? "",
                browserBinding: request.browserBinding ?? "",
                session: situation.signOn?.session
            )
        } catch {
            throw AuthorizationRefusal(error, reply: nil)
        }
        if answer == .deny {
            throw AuthorizationRefusal(
                OAuthError(.accessDenied, "the person did not allow it"),
                reply: situation.request.reply
            )
        }
    }

    /// Sends the person to a page, with the request kept until they come back.
    private func ask(
        _ path: String,
        _ situation: Situation,
        _ request: EndpointRequest
    ) async throws(AuthorizationRefusal) -> EndpointResponse {
        if let interaction = situation.interaction { return .redirect(to: interactions.url(path, interaction.id)) }
        let id = try await relaying(situation.request.reply) { () async throws(OAuthError) in
            try await interactions.start(
                situation.request,
                parameters: situation.parameters,
                browserBinding: request.browserBinding,
                session: situation.signOn?.session,
                now: now
            )
        }
        return .redirect(to: interactions.url(path, id))
    }

    /// Answers with an error.
    ///
    /// One that goes to the client ends the interaction, so that it can be answered only once.
    func refuse(_ refusal: AuthorizationRefusal, closing interaction: OpenInteraction?) async -> EndpointResponse {
        if let interaction, refusal.reply != nil, refusal.error.status < 500 {
            do throws(OAuthError) {
                try await interactions.close(interaction, now: now)
            } catch {
                return .errorScreen(error)
            }
        }
        return refusal.response(services.configuration)
    }

    /// Runs an operation whose errors go where this request's errors go.
    func relaying<Value>(
        _ reply: AuthorizationReply?,
        _ operation: () async throws(OAuthError) -> Value
    ) async throws(AuthorizationRefusal) -> Value {
        do {
            return try await operation()
        } catch {
            throw AuthorizationRefusal(error, reply: reply)
        }
    }
}
