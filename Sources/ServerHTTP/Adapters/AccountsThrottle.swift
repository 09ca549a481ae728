package import Accounts
package import AuthorizationServer
package import Instants
package import OAuthVocabulary
package import Storage

/// The counters of Accounts, as the token endpoint asks them about clients.
package struct AccountsThrottle: AttemptThrottle {
    private struct Caller: Hashable {
        var client: ClientID?
        var address: String
    }

    private let throttle: Throttle
    /// The names of counters are hashes of hashes.
    private let attempts = Memo<Caller, Attempt>()

    package init(_ throttle: Throttle) { self.throttle = throttle }

    package func wait(client: ClientID?, address: String, now: Instant) async throws(StoreError) -> Duration? {
        try await throttle.wait(for: attempt(client, address), now: now)
    }

    package func recordFailure(client: ClientID?, address: String, now: Instant) async throws(StoreError) {
        try await throttle.recordFailure(attempt(client, address), now: now)
    }

    package func reserveUserCode(
        by person: Subject,
        address: String,
        now: Instant
    ) async throws(StoreError) -> Duration? {
        try await throttle.reserve(.userCode(person: person, address: address), now: now)
    }

    package func giveBackUserCode(by person: Subject, address: String, now: Instant) async throws(StoreError) {
        try await throttle.release(.userCode(person: person, address: address), now: now)
    }

    private func attempt(_ client: ClientID?, _ address: String) -> Attempt {
        attempts.value(for: Caller(client: client, address: address)) {
            .clientAuthentication(clientID: client?.value, address: address)
        }
    }
}

extension Endings {
    /// Whatever ends a person's or a session's rights is written as a revocation in the same apply.
    package init(revocations: Revocations) {
        self.init(
            subject: { subject, reason, now async throws(StoreError) in
                let cause: EndingCause =
                    switch reason {
                    case .passwordChanged: .passwordChanged
                    case .disabled: .personDisabled
                    case .deleted: .personDeleted
                    }
                return try await revocations.changes(ending: Ending(.subject(subject), because: cause), now: now)
            },
            session: { session, subject, now async throws(StoreError) in
                try await revocations.changes(
                    ending: Ending(.session(session), because: .signedOut, subject: subject),
                    now: now
                )
            }
        )
    }
}
