package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

/// The people on record: finds them and judges their passwords.
///
/// See `PeopleChanges.swift` for what changes them.
package struct People: Sendable {
    let store: any Store
    let passwords: PasswordHasher
    let randomness: @Sendable (Int) -> [UInt8]
    let endings: Endings

    /// - Parameters:
    ///   - randomness: as many unpredictable bytes as it is asked for.
    ///   - endings: what else is written when a person's rights end.
    package init(
        store: any Store,
        passwords: PasswordHasher,
        randomness: @escaping @Sendable (Int) -> [UInt8],
        endings: Endings
    ) {
        self.store = store
        self.passwords = passwords
        self.randomness = randomness
        self.endings = endings
    }

    /// What a password has to be like.
    package var passwordLimits: PasswordHasher.Limits { passwords.limits }

    /// The person, enabled or not.
    package func find(subject: Subject, now: Instant) async throws(StoreError) -> Person? {
        guard let record = try await store.find(Person.recordKey(of: subject), now: now) else { return nil }
        return try Person(record)
    }

    /// The person with this username, whatever the case of its ASCII letters.
    package func find(username: String, now: Instant) async throws(StoreError) -> Person? {
        let index = Person.index(username: username)
        guard let record = try await store.find(.person, index: index, now: now) else { return nil }
        return try Person(record)
    }

    /// The person with this e-mail address, verified or not, whatever the case of its ASCII letters.
    package func find(email: String, now: Instant) async throws(StoreError) -> Person? {
        let index = Person.index(email: email)
        guard let record = try await store.find(.person, index: index, now: now) else { return nil }
        return try Person(record)
    }

    /// People in the stable order of their records, 1 to 1000 at a time; pass the last one's subject to go on.
    package func list(after: Subject? = nil, limit: Int, now: Instant) async throws(StoreError) -> [Person] {
        let after = after.map { Person.recordKey(of: $0).identifier }
        let records = try await store.page(.person, filter: .all, after: after, limit: limit, now: now)
        return try records.map { (record) throws(StoreError) in try Person(record) }
    }

    /// The people made for trying Signet out, at most 1000.
    package func demoPeople(now: Instant) async throws(StoreError) -> [Person] {
        let filter = PageFilter.family(Person.demoFamily)
        let records = try await store.page(.person, filter: filter, after: nil, limit: 1000, now: now)
        return try records.map { (record) throws(StoreError) in try Person(record) }
    }

    /// The enabled person with this username and password, or `nil`.
    ///
    /// There is one answer and one amount of hashing for an unknown person, a disabled one, one without a password, and
    /// a wrong password, so that nobody learns who has an account (CVE-2026-23511, CVE-2023-39522). A right password
    /// whose hash was made with other parameters is hashed again. Hand the returned person to `Sessions.create`: its
    /// guard covers what happens to the account between here and there.
    ///
    /// - Throws: `busy` when too many wait; `store`; `hashing`.
    package func authenticate(
        username: String,
        password: Secret,
        now: Instant
    ) async throws(AccountsError) -> Person? {
        guard passwords.accepts(password) else { return nil }
        let person = try await AccountsError.wrapping { () async throws(StoreError) in
            try await find(username: username, now: now)
        }
        let verification = try await passwords.verify(password, against: person?.password)
        guard let person, verification != .wrong, person.status == .enabled else { return nil }
        guard verification == .rightButOutdated else { return person }
        return try await upgraded(person, password: password, now: now)
    }

    /// The person with the password hashed under today's parameters.
    ///
    /// Failing to do so now does not fail the login: it is tried again at the next one.
    private func upgraded(_ person: Person, password: Secret, now: Instant) async throws(AccountsError) -> Person {
        guard let hash = try? await passwords.rehash(password) else { return person }
        var upgraded = person
        upgraded.password = hash
        let change = Change.replace(upgraded.record, ifVersion: person.version)
        let outcome = try await AccountsError.wrapping { () async throws(StoreError) in
            try await store.apply([change], now: now)
        }
        guard outcome == .applied else { return person }
        upgraded.version += 1
        return upgraded
    }
}
