package import Instants
import OAuthVocabulary
import Storage

/// The names of the fields in forms of the interaction.
package enum InteractionField {
    package static let interaction = "interaction"
    package static let formToken = "form_token"
    package static let decision = "decision"
    package static let account = "account"
}

/// Requests that wait for a person: started, found again by the same browser, answered once.
package struct Interactions: Sendable {
    let services: Services

    package init(_ services: Services) { self.services = services }

    /// What a form is for: the token of one form is worthless in another (CVE-2026-49443).
    package enum FormPurpose: String, Sendable {
        case signIn = "sign-in"
        case chooseAccount = "choose-account"
        case consent
        case signOut = "sign-out"
        case account
        case deviceCode = "device-code"
        case deviceConsent = "device-consent"
        case linkedAccounts = "linked-accounts"
    }

    /// Proves that a form came from a page of ours in this browser, for this interaction and, where one is shown, this
    /// session.
    package func formToken(
        _ purpose: FormPurpose,
        interaction: String,
        browserBinding: String,
        session: SessionSnapshot? = nil
    ) -> String {
        let parts = [
            purpose.rawValue, browserBinding, interaction, session?.id.value ?? "", session?.subject.value ?? "",
        ]
        // Lengths in front: no two lists of parts make one message.
        return services.keys.interactionMAC(parts.map { "\($0.utf8.count):\($0)" }.joined())
    }

    /// Throws unless the token is the one of this form.
    package func checkFormToken(
        _ presented: String?,
        _ purpose: FormPurpose,
        interaction: String,
        browserBinding: String,
        session: SessionSnapshot? = nil
    ) throws(OAuthError) {
        let expected = formToken(purpose, interaction: interaction, browserBinding: browserBinding, session: session)
        guard let presented, Secret(presented) == Secret(expected) else { throw .staleForm }
    }

    /// Checks what came with a posted sign-in form, before any password is looked at.
    ///
    /// Returns the page to show again if the sign-in fails; throws an error to be shown.
    @discardableResult
    package func check(
        interaction id: String,
        formToken: String,
        browserBinding: String,
        now: Instant
    ) async throws(OAuthError) -> SignInScreen {
        try checkFormToken(formToken, .signIn, interaction: id, browserBinding: browserBinding)
        if let visit = try await services.visits.open(id, browserBinding: browserBinding, now: now) {
            return services.visits.signInScreen(visit)
        }
        let flow = AuthorizationFlow(services, now: now)
        let interaction = try await open(id, browserBinding: browserBinding, now: now)
        do throws(AuthorizationRefusal) {
            return signInScreen(interaction, try await flow.prove(interaction.parameters))
        } catch {
            throw error.error
        }
    }

    /// Keeps a request until its person has signed in, chosen or consented.
    ///
    /// Returns the identifier that names it.
    func start(
        _ request: AuthorizationRequest,
        parameters: Parameters,
        browserBinding: String?,
        session: SessionSnapshot?,
        now: Instant
    ) async throws(OAuthError) -> String {
        guard let browserBinding else { throw .internalFault("the browser was given no binding") }
        let id = services.random.text(32)
        let content = InteractionRecord(
            request,
            parameters: parameters,
            browserBinding: browserBinding,
            session: session,
            startedAt: now
        )
        let outcome = try await answering { () async throws(StoreError) in
            let record = Record(
                key: InteractionRecord.key(id),
                client: content.client.value,
                expiresAt: now + services.configuration.interactionLifetime,
                payload: try content.encoded()
            )
            return try await services.store.apply([.insert(record)], now: now)
        }
        guard case .applied = outcome else { throw .internalFault("two interactions drew one identifier") }
        return id
    }

    /// The interaction that this browser started.
    ///
    /// Another browser's is as unknown as one that never was (CVE-2026-7507).
    func open(_ id: String?, browserBinding: String?, now: Instant) async throws(OAuthError) -> OpenInteraction {
        guard let id, let browserBinding,
            let stored = try await Reader(services, now: now).stored(InteractionRecord.self, InteractionRecord.key(id)),
            Secret(stored.content.browserBinding) == Secret(browserBinding)
        else { throw .unknownInteraction }
        guard stored.record.consumedAt == nil else { throw .answeredInteraction }
        return OpenInteraction(
            id: id,
            stored: stored,
            parameters: try Parameters(stored.content.fields.map { (name: $0.name, value: $0.value) })
        )
    }

    /// Ends an interaction without a code.
    func close(_ interaction: OpenInteraction, now: Instant) async throws(OAuthError) {
        let outcome = try await answering { () async throws(StoreError) in
            try await services.store.apply([.consume(interaction.stored.record.key)], now: now)
        }
        guard case .applied = outcome else { throw .answeredInteraction }
    }

    func signInScreen(_ interaction: OpenInteraction, _ request: AuthorizationRequest) -> SignInScreen {
        let record = interaction.record
        let asksAgain = request.prompts.contains(.login) || request.maximumAge != nil
        let samePerson = asksAgain && !request.prompts.contains(.selectAccount) ? record.subjectAtStart : nil
        return SignInScreen(
            interaction: interaction.id,
            applicationName: request.client.content.name,
            loginHint: request.loginHint,
            reauthenticating: request.hintedSubject ?? samePerson,
            mustBeFresh: asksAgain,
            uiLocales: request.uiLocales,
            redirectOrigin: request.reply.redirectURI.formActionSource,
            formToken: formToken(.signIn, interaction: interaction.id, browserBinding: record.browserBinding)
        )
    }

    /// An address below the issuer that continues this interaction.
    func url(_ path: String, _ interaction: String) -> String {
        services.configuration.url(path) + "?"
            + FormEncoding.encode([(InteractionField.interaction, interaction)])
    }
}

extension Provider {
    package var interactions: Interactions { Interactions(services) }
}

extension OAuthError {
    /// 410: there is nothing here (any more) for this browser.
    package static let unknownInteraction = OAuthError(
        .invalidRequest,
        "this sign-in was started in another browser or has expired; go back to the application and start again",
        status: 410,
        detail: "no such interaction for this browser"
    )
    package static let answeredInteraction = OAuthError(
        .invalidRequest,
        "this sign-in has been completed already; go back to the application and start again",
        status: 410,
        detail: "the interaction is spent"
    )
    /// 403: a form that no page of ours showed to this browser in its present state (CSRF).
    package static let staleForm = OAuthError(
        .invalidRequest,
        "this form is out of date or did not come from our page; go back and try again",
        status: 403,
        detail: "the form token does not match browser, interaction and session"
    )
}
