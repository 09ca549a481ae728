package import Instants
package import OAuthVocabulary
package import Storage

/// What a load phase may do: read, at one moment.
///
/// A store that cannot answer becomes a 503.
package struct Reader: Sendable {
    let services: Services
    package let now: Instant

    package init(_ services: Services, now: Instant) {
        self.services = services
        self.now = now
    }

    package func find(_ lookups: [Lookup]) async throws(OAuthError) -> [Record?] {
        if let known = services.store.recall(lookups, now: now) { return known }
        return try await answering { () async throws(StoreError) in try await services.store.find(lookups, now: now) }
    }

    package func stored<Content: Payload>(
        _ type: Content.Type,
        _ key: RecordKey
    ) async throws(OAuthError) -> Stored<Content>? {
        try await answering { () async throws(StoreError) in
            guard let record = try await services.store.find(key, now: now) else { return nil }
            return try Stored<Content>(record)
        }
    }

    package func client(_ id: ClientID) async throws(OAuthError) -> Stored<RegisteredClient>? {
        try await registered(RegisteredClient.key(id))
    }

    package func api(_ audience: ResourceIndicator) async throws(OAuthError) -> RegisteredAPI? {
        let stored: Stored<RegisteredAPI>? = try await registered(RegisteredAPI.key(audience))
        return stored?.content
    }

    private func registered<Content: Payload>(_ key: RecordKey) async throws(OAuthError) -> Stored<Content>? {
        let record = try await find([.key(key)])[0]
        return try record.map { record throws(OAuthError) in
            try decoded { () throws(StoreError) in try services.memo.stored(record) }
        }
    }

    package func apiOwners(of scopes: [Scope]) async throws(OAuthError) -> [RegisteredAPI?] {
        try await answering { () async throws(StoreError) in try await services.apis.owners(of: scopes, now: now) }
    }

    package func person(_ subject: Subject) async throws(OAuthError) -> PersonSnapshot? {
        try await answering { () async throws(StoreError) in try await services.endUsers.person(subject, now: now) }
    }

    package func session(_ id: SessionID) async throws(OAuthError) -> SessionSnapshot? {
        try await answering { () async throws(StoreError) in try await services.endUsers.session(id, now: now) }
    }

    /// The earliest moment at which tokens with these targets must have been issued to count; `nil` if nothing was ended.
    package func cutOff(_ targets: [RevocationTarget]) async throws(OAuthError) -> Instant? {
        let found = try await find(targets.map { .key($0.key) })
        return try decoded { () throws(StoreError) in try Revocations.cutOff(in: found) }
    }
}

/// Runs a store operation; its failure is the caller's 503 or, where what is stored makes no sense, a 500.
package func answering<Value>(
    _ operation: () async throws(StoreError) -> Value
) async throws(OAuthError) -> Value {
    do throws(StoreError) {
        return try await operation()
    } catch {
        switch error {
        case .unavailable(let reason): throw .unavailable(reason)
        case .corrupt(let reason): throw .internalFault("corrupt store: \(reason)")
        }
    }
}
