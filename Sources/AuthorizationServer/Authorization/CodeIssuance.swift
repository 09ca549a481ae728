import OAuthVocabulary
import Storage

extension AuthorizationFlow {
    /// What is written down besides the code.
    enum Recording: Sendable { case nothing, consent }

    /// Issues a code: the code, the consent and the end of the interaction are one apply, guarded by everything that
    /// the decision rested on.
    ///
    /// `nil` if any of it changed meanwhile.
    func issue(
        _ situation: Situation,
        recording: Recording
    ) async throws(AuthorizationRefusal) -> EndpointResponse? {
        let reply = situation.request.reply
        return try await relaying(reply) { () async throws(OAuthError) in
            guard let signOn = situation.signOn, let family = FamilyID(services.random.text(16)) else {
                throw .internalFault("a code was to be issued without a session")
            }
            let code = AuthorizationCodeRecord.prefix + services.random.text(32)
            let record = codeRecord(situation.request, signOn, family: family)
            let outcome = try await answering { () async throws(StoreError) in
                var changes = [situation.request.client.unchanged] + signOn.unchanged
                if let interaction = situation.interaction { changes.append(.consume(interaction.stored.record.key)) }
                switch recording {
                case .consent:
                    let division = ConsentRecord.division(
                        of: situation.request.access,
                        configuration: services.configuration
                    )
                    changes.append(
                        try Consents.change(
                            situation.consent,
                            adding: division,
                            subject: signOn.subject,
                            client: situation.request.client.content.id,
                            now: now
                        )
                    )
                case .nothing:
                    // A consent that is withdrawn while the code is made must win.
                    if let consent = situation.consent { changes.append(consent.unchanged) }
                }
                changes += try await services.participations.changes(
                    for: situation.request.client.content,
                    in: signOn.session,
                    now: now
                )
                changes.append(
                    try record.insertion(code: code, lifetime: services.configuration.authorizationCodeLifetime)
                )
                return try await services.store.apply(changes, now: now)
            }
            guard case .applied = outcome else { return nil }
            return reply.granted(code: code, configuration: services.configuration)
        }
    }

    private func codeRecord(
        _ request: AuthorizationRequest,
        _ signOn: SignOn,
        family: FamilyID
    ) -> AuthorizationCodeRecord {
        AuthorizationCodeRecord(
            client: request.client.content.id,
            redirectURI: request.reply.redirectURI.value,
            codeChallenge: request.codeChallenge,
            nonce: request.nonce,
            scope: request.access.scope,
            resource: request.resource,
            subject: signOn.subject,
            session: signOn.session.id,
            authentication: signOn.session.authentication,
            family: family,
            issuedAt: now
        )
    }
}
