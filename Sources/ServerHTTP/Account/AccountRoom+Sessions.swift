import Accounts
import AuthorizationServer
import Instants
import OAuthVocabulary
import Pages
import Storage

extension AccountRoom {
    func sessionList(_ visit: AccountVisit) async throws(OAuthError) -> AccountSessionsPage {
        let now = visit.exchange.receivedAt
        let live = try await AuthorizationServer.answering { () async throws(StoreError) in
            let listed = try await sessions.list(of: visit.subject, now: now)
            // What the operator has ended for the whole person signs on nowhere, though its record is there.
            let cutOff = try await services.revocations.cutOff(for: [.subject(visit.subject), .everything], now: now)
            return listed.filter { session in cutOff.map { session.authenticatedAt > $0 } ?? true }
        }
        let others = live.filter { $0.recordKey != visit.session.recordKey }.sorted {
            ($0.usedAt, $0.id.value) > ($1.usedAt, $1.id.value)
        }
        let (shown, paging) = part(of: [visit.session] + others, visit)
        var entries: [AccountSessionsPage.Session] = []
        for session in shown { entries.append(try await entry(session, visit)) }
        return AccountSessionsPage(
            frame: visit.frame,
            sessions: entries,
            paging: paging,
            endOthers: others.isEmpty ? nil : visit.form(.endOthers),
            endAll: visit.form(.endAll)
        )
    }

    private func entry(
        _ session: Session,
        _ visit: AccountVisit
    ) async throws(OAuthError) -> AccountSessionsPage.Session {
        AccountSessionsPage.Session(
            agent: session.origin.agent,
            system: session.origin.system,
            network: session.origin.network,
            applicationName: try await applicationName(session, visit),
            signedInAt: session.authenticatedAt.secondsSinceEpoch,
            usedAt: session.usedAt.secondsSinceEpoch,
            end: session.recordKey == visit.session.recordKey ? nil : visit.form(.endSession, on: session.id.value)
        )
    }

    /// The application that alone has the session; `nil` for a session that signs on to all.
    private func applicationName(_ session: Session, _ visit: AccountVisit) async throws(OAuthError) -> String? {
        guard let client = session.client else { return nil }
        return try await AuthorizationServer.answering { () async throws(StoreError) in
            try await services.clients.find(client, now: visit.exchange.receivedAt)?.content.name ?? client.value
        }
    }

    /// Ends one of the person's own sessions; one that is not theirs is as unknown as one that never was.
    func endSession(_ object: String, _ visit: AccountVisit) async throws(OAuthError) -> Answer {
        guard let id = SessionID(object) else { throw .staleForm }
        try await browsers.close(id, of: visit.subject, now: now)
        return await done(.sessionEnded, at: .sessions, visit)
    }

    func endOthers(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        let moment = now
        try await AuthorizationServer.answering { () async throws(StoreError) in
            let closed = try await sessions.closeAll(of: visit.subject, except: visit.session.id, now: moment)
            for session in closed { try await browsers.settle(session, since: moment) }
        }
        return await done(.othersEnded, at: .sessions, visit)
    }

    /// The same as "Sign out everywhere" on the page that asks whether to sign out: nothing is left, offline access
    /// included.
    func endAll(_ visit: AccountVisit) async throws(OAuthError) -> Answer {
        try await browsers.endEverything(of: visit.subject, now: now)
        // Other people in this browser stay; without any the person reads that they are signed out.
        let left = visit.browser.opened.filter { $0.session.subject != visit.subject }
        let path = left.isEmpty ? "/logout" : AccountSection.profile.path
        var answer = await redirect(to: answering.issuer.value + path, visit)
        browsers.remember(left, in: &answer)
        return answer
    }
}
