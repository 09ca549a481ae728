package import Instants
package import OAuthVocabulary
package import Storage

/// The register of APIs.
package struct APIs: Sendable {
    let store: any Store
    private let memo: PayloadMemo

    package init(store: any Store, memo: PayloadMemo = PayloadMemo()) {
        self.store = store
        self.memo = memo
    }

    package func find(_ audience: ResourceIndicator, now: Instant) async throws(StoreError) -> Stored<RegisteredAPI>? {
        guard let record = try await store.find(RegisteredAPI.key(audience), now: now) else { return nil }
        return try Stored(record)
    }

    /// The API that each scope belongs to, in the order of the scopes.
    package func owners(of scopes: [Scope], now: Instant) async throws(StoreError) -> [RegisteredAPI?] {
        let lookups = scopes.map { Lookup.index(RegisteredAPI.kind, RegisteredAPI.index($0)) }
        guard !lookups.isEmpty else { return [] }
        var owners: [RegisteredAPI?] = []
        for record in try await store.find(lookups, now: now) {
            let stored: Stored<RegisteredAPI>? = try record.map { record throws(StoreError) in try memo.stored(record) }
            owners.append(stored?.content)
        }
        return owners
    }

    package func list(
        after: ResourceIndicator? = nil,
        limit: Int,
        now: Instant
    ) async throws(StoreError) -> [RegisteredAPI] {
        let start = after.map { RegisteredAPI.key($0).identifier }
        var apis: [RegisteredAPI] = []
        for record in try await store.page(RegisteredAPI.kind, filter: .all, after: start, limit: limit, now: now) {
            apis.append(try RegisteredAPI(from: record))
        }
        return apis
    }

    /// The audience of every registered API, in the order of the alphabet.
    func audiences(now: Instant) async throws(StoreError) -> [String] {
        var audiences: [String] = []
        var last: ResourceIndicator?
        repeat {
            let page = try await list(after: last, limit: StoreLimits.largestPage, now: now)
            audiences += page.map(\.audience.value)
            last = page.count < StoreLimits.largestPage ? nil : page.last?.audience
        } while last != nil
        return audiences.sorted()
    }

    package func create(_ api: RegisteredAPI, now: Instant) async throws {
        try Self.check(api)
        guard case .applied = try await store.apply([.insert(try Self.record(api))], now: now) else {
            throw RegistrationError.taken("the audience \(api.audience) or one of its scopes belongs to an API already")
        }
    }

    /// Changes an API on record; `edit` may run more than once.
    package func update(
        _ audience: ResourceIndicator,
        now: Instant,
        edit: (inout RegisteredAPI) throws -> Void
    ) async throws -> RegisteredAPI {
        for _ in 0..<Limits.applyAttempts {
            guard let stored = try await find(audience, now: now) else {
                throw RegistrationError.unknown("there is no API with the audience \(audience)")
            }
            var api = stored.content
            try edit(&api)
            try Self.check(api)
            switch try await store.apply([.replace(try Self.record(api), ifVersion: stored.record.version)], now: now) {
            case .applied: return api
            case .conflict(_, let record):
                if let record, record.key != stored.record.key {
                    throw RegistrationError.taken("one of the scopes belongs to another API already")
                }
            }
        }
        throw StoreError.unavailable(reason: "the API changed under every attempt to update it")
    }

    package func delete(_ audience: ResourceIndicator, now: Instant) async throws {
        guard try await find(audience, now: now) != nil else {
            throw RegistrationError.unknown("there is no API with the audience \(audience)")
        }
        _ = try await store.apply([.delete(RegisteredAPI.key(audience))], now: now)
    }

    private static func record(_ api: RegisteredAPI) throws(StoreError) -> Record {
        Record(
            key: RegisteredAPI.key(api.audience),
            indexes: api.scopes.map { RegisteredAPI.index($0.scope) } + [RegisteredAPI.index(api.credentialID)],
            payload: try api.encoded()
        )
    }

    private static func check(_ api: RegisteredAPI) throws(RegistrationError) {
        var faults: [String] = []
        if api.name.isEmpty || api.name.utf8.count > 200 { faults.append("the name must have 1 to 200 bytes") }
        for scope in api.scopes.map(\.scope) where Scope.ofOpenIDConnect.contains(scope) {
            faults.append("the scope \(scope) belongs to OpenID Connect")
        }
        if Set(api.scopes.map(\.scope)).count != api.scopes.count { faults.append("a scope is named twice") }
        if api.scopes.contains(where: { $0.text.isEmpty || $0.text.utf8.count > 400 }) {
            faults.append("every scope needs a description of 1 to 400 bytes: people read it before they consent")
        }
        guard faults.isEmpty else { throw .unsound(faults) }
    }
}
