import OAuthVocabulary
import Storage

/// Load, decide, mint, apply: what every way to tokens goes through once its client is known.
struct GrantRun: Sendable {
    let services: Services
    let traceID: String

    /// What was minted and is stored, and the client as it was then.
    ///
    /// A refusal that ends something is thrown once the end is stored.
    func redeem<G: Grant>(
        _ grant: G,
        _ parameters: Parameters,
        for client: Stored<RegisteredClient>
    ) async throws(OAuthError) -> (minted: Minter.Minted, client: RegisteredClient) {
        var client = client
        var refusal: OAuthError?
        for _ in 0..<Limits.applyAttempts {
            // Asked anew for every attempt: the winner of a race may have written a later moment than ours.
            let moment = services.time.moment()
            let reader = Reader(services, now: moment.steady)
            let grantRequest = GrantRequest(
                client: client,
                parameters: parameters.restricted(to: grant.parameters),
                moment: moment,
                configuration: services.configuration,
                keys: services.keys
            )
            let material = try await grant.load(grantRequest, from: reader)
            switch grant.decide(grantRequest, material) {
            case .issue(let issuance, let changes):
                let place = try await answering { () async throws(StoreError) in
                    try await services.statusLists.place(for: issuance, client: client.content, now: moment.steady)
                }
                let minted = try Minter(services).mint(issuance, for: client.content, at: moment, listedAt: place)
                let all = [client.unchanged] + changes + minted.changes
                switch try await apply(all, at: moment) {
                case .applied:
                    minted.log(services.logger, traceID: traceID)
                    return (minted, client.content)
                case .conflict:
                    client = try await reload(client)
                }
            case .refuse(let error, let ending, let changes):
                if case .conflict = try await apply(changes, at: moment) {
                    refusal = error
                    client = try await reload(client)
                    continue
                }
                if let ending {
                    // FIELD D15 (CVE-2020-15223): a revocation that could not be stored is an error, never passed over.
                    try await answering { () async throws(StoreError) in
                        _ = try await services.revocations.apply(
                            ending: ending,
                            now: moment.steady,
                            settlingBy: services.time
                        )
                    }
                }
                throw error
            }
        }
        // Whoever was only told to wait may be told so without a note of it.
        throw refusal ?? .unavailable("the grant lost \(Limits.applyAttempts) races")
    }

    /// Changes that only guard need no transaction: they held when they were read, and what ends later is ended by its
    /// own record.
    private func apply(_ changes: [Change], at moment: Moment) async throws(OAuthError) -> ApplyOutcome {
        let writes = changes.contains { change in
            if case .require = change { false } else { true }
        }
        guard writes else { return .applied }
        return try await answering { () async throws(StoreError) in
            try await services.store.apply(changes, now: moment.steady)
        }
    }

    private func reload(_ client: Stored<RegisteredClient>) async throws(OAuthError) -> Stored<RegisteredClient> {
        let reader = Reader(services, now: services.time.moment().steady)
        guard let fresh = try await reader.client(client.content.id), fresh.content.isEnabled else {
            throw PresentedCredentials.failure("client \(client.content.id) was disabled or deleted meanwhile")
        }
        return fresh
    }
}
