package import Instants
import OAuthVocabulary

/// What must happen next for an authorization request of which every check holds.
package enum AuthorizationStep: Hashable, Sendable {
    case signIn
    case chooseAccount
    case consent
    case issue
    case refuse(OAuthError)
}

/// Decides what a person has to do before a code is issued: OpenID Connect Core §3.1.2.3 and §3.1.2.4.
package enum AuthorizationDecision {
    package static func step(
        _ request: AuthorizationRequest,
        signOn: SignOn?,
        consent: ConsentRecord?,
        interaction: InteractionRecord?,
        configuration: ProviderConfiguration,
        now: Instant
    ) -> AuthorizationStep {
        let need = need(
            request,
            signOn: signOn,
            consent: consent,
            interaction: interaction,
            configuration: configuration,
            now: now
        )
        // OpenID Connect Core §3.1.2.1: "none: The Authorization Server MUST NOT display any authentication or consent
        // user interface pages."
        guard request.prompts.contains(.none) else { return need }
        switch need {
        case .signIn:
            return .refuse(OAuthError(.loginRequired, "the person has to sign in, and prompt=none forbids to ask"))
        case .chooseAccount:
            return .refuse(
                OAuthError(.accountSelectionRequired, "an account has to be chosen, and prompt=none forbids to ask")
            )
        case .consent:
            return .refuse(OAuthError(.consentRequired, "the person has to consent, and prompt=none forbids to ask"))
        case .issue, .refuse: return need
        }
    }

    private static func need(
        _ request: AuthorizationRequest,
        signOn: SignOn?,
        consent: ConsentRecord?,
        interaction: InteractionRecord?,
        configuration: ProviderConfiguration,
        now: Instant
    ) -> AuthorizationStep {
        guard let signOn else { return .signIn }
        let isFresh = interaction?.isFresh(signOn.session) ?? false
        if !isFresh {
            // OpenID Connect Core §3.1.2.1: "login: The Authorization Server SHOULD prompt the End-User for
            // reauthentication." Walking away from the page and coming back is none (CVE-2023-6787).
            if request.prompts.contains(.login) { return .signIn }
            // §3.1.2.1: "If the elapsed time is greater than this value, the OP MUST attempt to actively
            // re-authenticate the End-User."
            if let maximumAge = request.maximumAge, now - signOn.session.authentication.at > maximumAge {
                return .signIn
            }
        }
        if let hinted = request.hintedSubject, hinted != signOn.subject {
            // §3.1.2.1: if the person of the hint "is already logged in or is logged in as a result of the request …,
            // then the Authorization Server returns a positive response; otherwise, it MUST return an error, such as
            // login_required."
            guard isFresh else { return .signIn }
            return .refuse(OAuthError(.loginRequired, "another person signed in than the one of id_token_hint"))
        }
        if request.prompts.contains(.selectAccount), !isFresh, interaction?.chosenAccount != signOn.subject {
            return .chooseAccount
        }
        return needsConsent(request, consent: consent, configuration: configuration) ? .consent : .issue
    }

    static func needsConsent(
        _ request: AuthorizationRequest,
        consent: ConsentRecord?,
        configuration: ProviderConfiguration
    ) -> Bool {
        if request.prompts.contains(.consent) { return true }
        var asked = ConsentRecord.division(of: request.access, configuration: configuration)
        if request.client.content.consent == .implicit {
            // OpenID Connect Core §11: offline_access needs consent even of an application that is trusted otherwise.
            asked = asked.mapValues { $0.filter { $0 == .offlineAccess } }
        }
        return !asked.allSatisfy { audience, scope in
            scope.isEmpty || consent.map { scope.isSubset(of: $0.granted[audience] ?? []) } ?? false
        }
    }
}
