import Accounts
import AuthorizationServer
import Instants
import OAuthVocabulary
import Pages
import Storage

extension AccountRoom {
    func applications(_ visit: AccountVisit) async throws(OAuthError) -> AccountApplicationsPage {
        let connected = try await services.connectedApplications.list(
            of: visit.subject,
            now: visit.exchange.receivedAt
        )
        let (shown, paging) = part(of: connected, visit)
        return AccountApplicationsPage(
            frame: visit.frame,
            applications: shown.map { entry($0, visit) },
            paging: paging
        )
    }

    private func entry(_ application: ConnectedApplication, _ visit: AccountVisit)
        -> AccountApplicationsPage.Application
    {
        let texts = Texts.english.consent
        let named = application.scopes.filter { $0.scope != .openID && $0.scope != .offlineAccess }
        return AccountApplicationsPage.Application(
            name: application.name ?? application.client.value,
            scopes: named.map { entry in
                .init(
                    name: entry.scope.value,
                    description: entry.text ?? texts.sentence(ofScope: entry.scope.value) ?? ""
                )
            },
            offlineAccess: application.scopes.contains { $0.scope == .offlineAccess } ? .requested : .notRequested,
            connectedAt: application.since.secondsSinceEpoch,
            usedAt: application.lastUsedAt?.secondsSinceEpoch,
            disconnect: visit.form(.disconnect, on: application.client.value)
        )
    }

    /// Takes back what the person allowed one application; what others allowed it is not theirs to take.
    func disconnect(_ object: String, _ visit: AccountVisit) async throws(OAuthError) -> Answer {
        guard let client = ClientID(object) else { throw .staleForm }
        let moment = now
        try await AuthorizationServer.answering { () async throws(StoreError) in
            try await services.consents.withdraw(
                subject: visit.subject,
                client: client,
                now: moment,
                settlingBy: services.time
            )
            // An application that keeps people signed in by sessions of its own has no grant to withdraw.
            for session in try await sessions.list(of: visit.subject, now: moment) where session.client == client {
                guard let closed = try await sessions.close(session.id, of: visit.subject, now: moment) else {
                    continue
                }
                try await browsers.settle(closed, since: moment)
            }
        }
        return await done(.disconnected, at: .applications, visit)
    }
}
