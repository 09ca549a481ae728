package import Instants
import JOSE
package import OAuthVocabulary
import Storage

extension People {
    /// How often a change is tried again when others change the same person at the same time.
    private static let maximumTries = 16
    private static let subjectBytes = 16

    private enum Rights {
        case remain
        case end(Endings.Reason)
    }

    /// Makes a person.
    ///
    /// - Parameter password: `nil` for a person who cannot sign in with one.
    /// - Throws: `usernameTaken`, `emailTaken`, `subjectTaken`, the `…Invalid` ones, `passwordTooShort`,
    ///   `passwordTooLong`, `busy`, `store`.
    @discardableResult
    package func create(_ new: NewPerson, password: Secret?, now: Instant) async throws(AccountsError) -> Person {
        var person = try drafted(new, now: now)
        if let password { person.password = try await passwords.hash(password) }
        let made = person
        let outcome = try await AccountsError.wrapping { () async throws(StoreError) in
            try await store.apply([.insert(made.record)], now: now)
        }
        if case .conflict(_, let holder) = outcome { throw Self.taken(by: holder, for: person) }
        return person
    }

    /// A person who is not on record yet and has no password.
    func drafted(_ new: NewPerson, now: Instant) throws(AccountsError) -> Person {
        guard let subject = new.subject ?? Subject(Base64URL.encode(randomness(Self.subjectBytes))) else {
            throw AccountsError(.subjectTaken, "No subject could be drawn.", detail: "the randomness gave no bytes")
        }
        var person = Person(
            subject: subject,
            username: new.username,
            email: nil,
            emailVerified: false,
            name: new.name,
            claims: new.claims,
            roles: new.roles,
            groups: new.groups,
            entitlements: new.entitlements,
            status: .enabled,
            origin: new.origin,
            createdAt: now,
            updatedAt: now,
            credentialsChangedAt: now,
            password: nil,
            version: 1
        )
        person.setEmail(new.email, new.emailVerification)
        try Self.check(person)
        return person
    }

    /// Changes what `edit` changes; `edit` may run more than once.
    ///
    /// - Throws: `personUnknown`, `usernameTaken`, `emailTaken`, the `…Invalid` ones, `contended`, `store`.
    @discardableResult
    package func update(
        _ subject: Subject,
        now: Instant,
        _ edit: @Sendable (inout Person) -> Void
    ) async throws(AccountsError) -> Person {
        try await change(subject, now: now, rights: .remain) { person in
            edit(&person)
            person.updatedAt = now
        }
    }

    /// Gives the person another password.
    ///
    /// Every session ends, and so does whatever `Endings.subject` names.
    ///
    /// - Parameter proven: the person as the one who changes the password proved to be, where they had to: if their
    ///   credentials changed meanwhile, or they were disabled, nothing is written and `personUnknown` is thrown.
    @discardableResult
    package func setPassword(
        _ subject: Subject,
        to password: Secret,
        provenAs proven: Person? = nil,
        now: Instant
    ) async throws(AccountsError) -> Person {
        let hash = try await passwords.hash(password)
        let guarding: @Sendable (Person) -> Bool = { person in
            guard let proven else { return true }
            return person.status == .enabled && person.credentialsChangedAt == proven.credentialsChangedAt
        }
        return try await change(subject, now: now, rights: .end(.passwordChanged), if: guarding) { $0.password = hash }
    }

    /// From now on the person cannot sign in; sessions end, and whatever `Endings.subject` names.
    @discardableResult
    package func disable(_ subject: Subject, now: Instant) async throws(AccountsError) -> Person {
        try await change(subject, now: now, rights: .end(.disabled)) { $0.status = .disabled }
    }

    /// The person can sign in again.
    ///
    /// What ended stays ended.
    @discardableResult
    package func enable(_ subject: Subject, now: Instant) async throws(AccountsError) -> Person {
        try await change(subject, now: now, rights: .remain) { $0.status = .enabled }
    }

    /// Removes the person, and ends whatever `Endings.subject` names.
    package func delete(_ subject: Subject, now: Instant) async throws(AccountsError) {
        for _ in 0..<Self.maximumTries {
            let outcome = try await AccountsError.wrapping { () async throws(StoreError) -> ApplyOutcome? in
                guard let person = try await find(subject: subject, now: now) else { return nil }
                let links = try await store.page(
                    .upstreamLink,
                    filter: .subject(subject.value),
                    after: nil,
                    limit: UpstreamAccounts.maximumLinks,
                    now: now
                )
                let changes: [Change] =
                    [.require(person.recordKey, version: person.version), .delete(person.recordKey)]
                    + links.map { .delete($0.key) }
                return try await store.apply(changes + endings.subject(subject, .deleted, now), now: now)
            }
            guard let outcome else { throw .personUnknown }
            if outcome == .applied { return }
        }
        throw .contended
    }

    private func change(
        _ subject: Subject,
        now: Instant,
        rights: Rights,
        if holds: @Sendable (Person) -> Bool = { _ in true },
        _ edit: @Sendable (inout Person) -> Void
    ) async throws(AccountsError) -> Person {
        for _ in 0..<Self.maximumTries {
            let found = try await AccountsError.wrapping { () async throws(StoreError) in
                try await find(subject: subject, now: now)
            }
            guard var person = found, holds(person) else { throw .personUnknown }
            let version = person.version
            edit(&person)
            try Self.check(person)
            if case .end = rights {
                // Later than before even if the clock stands still or steps back: sessions compare for equality.
                person.credentialsChangedAt = max(now, person.credentialsChangedAt + .milliseconds(1))
            }
            let edited = person
            let outcome = try await AccountsError.wrapping { () async throws(StoreError) in
                var changes = [Change.replace(edited.record, ifVersion: version)]
                if case .end(let reason) = rights { changes += try await endings.subject(subject, reason, now) }
                return try await store.apply(changes, now: now)
            }
            switch outcome {
            case .applied:
                person.version = version + 1
                return person
            case .conflict(0, let holder?) where holder.key != person.recordKey:
                throw Self.taken(by: holder, for: person)
            case .conflict:
                continue
            }
        }
        throw .contended
    }

    private static func taken(by holder: Record?, for person: Person) -> AccountsError {
        if holder?.key == person.recordKey {
            return AccountsError(.subjectTaken, "A person with this subject exists already.")
        }
        if holder?.indexes.contains(Person.index(username: person.username)) == true {
            return AccountsError(.usernameTaken, "This username is taken; choose another one.")
        }
        return AccountsError(.emailTaken, "Another person has this e-mail address.")
    }

    private static func check(_ person: Person) throws(AccountsError) {
        guard Username.isAcceptable(person.username) else {
            throw AccountsError(
                .usernameInvalid,
                "A username has 1 to \(Username.maximumBytes) bytes of visible characters, without space at its ends."
            )
        }
        if let email = person.email, !EmailAddress.isAcceptable(email) {
            throw AccountsError(.emailInvalid, "An e-mail address looks like name@host, without spaces.")
        }
        if let fault = ClaimNames.fault(in: person.claims) { throw AccountsError(.claimsInvalid, fault) }
        let record = person.record
        guard record.payload.count <= Person.maximumPayload else {
            throw AccountsError(
                .claimsInvalid,
                "What is kept of one person must not exceed \(Person.maximumPayload / 1024) KiB."
            )
        }
        // What could be written but not read again would lose the account: claims nested too deeply, for one.
        guard (try? Person(record)) == person else {
            throw AccountsError(.claimsInvalid, "The claims are nested too deeply or hold what JSON cannot.")
        }
    }
}
