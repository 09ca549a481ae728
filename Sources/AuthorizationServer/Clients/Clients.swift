package import Instants
package import OAuthVocabulary
package import Storage

/// The register of clients.
package struct Clients: Sendable {
    let store: any Store
    /// `nil` until it is known: before the first start of a server.
    let issuer: IssuerURL?

    package init(store: any Store, issuer: IssuerURL?) {
        self.store = store
        self.issuer = issuer
    }

    package func find(_ id: ClientID, now: Instant) async throws(StoreError) -> Stored<RegisteredClient>? {
        guard let record = try await store.find(RegisteredClient.key(id), now: now) else { return nil }
        return try Stored(record)
    }

    package func list(
        after: ClientID? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [RegisteredClient] {
        let start = after.map { RegisteredClient.key($0).identifier }
        var clients: [RegisteredClient] = []
        for record in try await store.page(RegisteredClient.kind, filter: .all, after: start, limit: limit, now: now) {
            clients.append(try RegisteredClient(from: record))
        }
        return clients
    }

    /// Puts a client on record.
    ///
    /// Throws `RegistrationError` if it is unsound or its identifier is taken.
    package func create(_ client: RegisteredClient, now: Instant) async throws {
        try ClientRules.check(client, issuer: issuer)
        let record = Record(
            key: RegisteredClient.key(client.id),
            client: client.id.value,
            payload: try client.encoded()
        )
        guard case .applied = try await store.apply([.insert(record)], now: now) else {
            throw RegistrationError.taken("a client with the identifier \(client.id) exists already")
        }
    }

    /// Changes a client on record; `edit` may run more than once.
    ///
    /// Ends what must end with the change: a disabled client or new credentials revoke its tokens in the same apply.
    package func update(
        _ id: ClientID,
        now: Instant,
        revocations: Revocations,
        edit: (inout RegisteredClient) throws -> Void
    ) async throws -> RegisteredClient {
        for _ in 0..<Limits.applyAttempts {
            guard var stored = try await find(id, now: now) else {
                throw RegistrationError.unknown("there is no client with the identifier \(id)")
            }
            let before = stored.content
            try edit(&stored.content)
            var changes: [Change] = []
            let after = stored.content
            // Whoever held the old secret or key may hold what it paid for.
            let lostCredentials =
                before.secretHash.map { $0 != after.secretHash } ?? false
                || before.keySet.map { $0 != after.keySet } ?? false
            let isNowDisabled = before.isEnabled && !after.isEnabled
            if lostCredentials || isNowDisabled {
                stored.content.credentialsChangedAt = now
                let cause = isNowDisabled ? EndingCause.clientDisabled : .clientCredentialsChanged
                changes += try await revocations.changes(ending: Ending(.client(id), because: cause), now: now)
            }
            try ClientRules.check(stored.content, issuer: issuer)
            changes.insert(try stored.replaced(), at: 0)
            if case .applied = try await store.apply(changes, now: now) { return stored.content }
        }
        throw StoreError.unavailable(reason: "the client changed under every attempt to update it")
    }

    /// Removes a client and revokes what was issued to it.
    package func delete(_ id: ClientID, now: Instant, revocations: Revocations) async throws {
        guard try await find(id, now: now) != nil else {
            throw RegistrationError.unknown("there is no client with the identifier \(id)")
        }
        try await revocations.apply(
            ending: Ending(.client(id), because: .clientDeleted),
            with: [.delete(RegisteredClient.key(id))],
            now: now
        )
    }
}

/// Why something could not be put on record, in a sentence for the operator.
package enum RegistrationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Every fault at once.
    case unsound([String])
    case taken(String)
    case unknown(String)

    package var description: String {
        switch self {
        case .unsound(let faults): faults.joined(separator: "; ")
        case .taken(let sentence), .unknown(let sentence): sentence
        }
    }
}
