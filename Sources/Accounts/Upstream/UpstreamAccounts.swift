package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

/// Finds, makes and removes the links between people and who they are at other providers.
package struct UpstreamAccounts: Sendable {
    private static let maximumTries = 16
    /// As many as anybody needs, and few enough to be listed at once.
    static let maximumLinks = 50
    private static let usernameBytes = 8

    private let people: People
    private var store: any Store { people.store }

    package init(people: People) { self.people = people }

    /// How a sign-in by another provider went.
    package enum Outcome: Sendable {
        case signedIn(Person)
        case refused(UpstreamRefusal)
    }

    /// Who this is here, by the rules; makes the link, and the account, where the rules say so.
    ///
    /// Hand the person to `Sessions.create`: its guard covers what happens to the account between here and there.
    package func signIn(
        _ profile: UpstreamProfile,
        rules: UpstreamRules,
        now: Instant
    ) async throws(AccountsError) -> Outcome {
        for _ in 0..<Self.maximumTries {
            let situation = try await situation(of: profile, now: now)
            let verdict = UpstreamPolicy.decide(situation, rules)
            let step = try await step(verdict, situation, now: now)
            guard case .write(let changes, let person) = step else {
                if case .refuse(let refusal) = step { return .refused(refusal) }
                continue
            }
            let outcome = try await AccountsError.wrapping { () async throws(StoreError) in
                try await store.apply(changes, now: now)
            }
            // Another request of the same person was first, or the account changed: looked at again.
            guard outcome == .applied else { continue }
            let stored = try await AccountsError.wrapping { () async throws(StoreError) in
                try await people.find(subject: person, now: now)
            }
            if let stored { return .signedIn(stored) }
        }
        throw .contended
    }

    /// Links an identity to a person who is signed in and asked for it; again is no error.
    ///
    /// - Returns: why not, if not.
    package func link(
        _ profile: UpstreamProfile,
        to subject: Subject,
        rules: UpstreamRules,
        now: Instant
    ) async throws(AccountsError) -> UpstreamRefusal? {
        for _ in 0..<Self.maximumTries {
            let situation = try await situation(of: profile, now: now)
            if let refusal = UpstreamPolicy.mayLink(situation, to: subject, rules) { return refusal }
            let links = try await AccountsError.wrapping { () async throws(StoreError) in
                try await list(of: subject, now: now)
            }
            // What the person's page cannot show must not be a way in.
            let isThere = links.contains { $0.identity == profile.identity }
            guard isThere || links.count < Self.maximumLinks else { return .tooManyLinks }
            let outcome = try await AccountsError.wrapping { () async throws(StoreError) -> ApplyOutcome? in
                guard let person = try await people.find(subject: subject, now: now), person.status == .enabled else {
                    return nil
                }
                let changes = Self.renewed(situation, of: person, now: now)
                return try await store.apply(changes, now: now)
            }
            guard let outcome else { return .disabled }
            if outcome == .applied { return nil }
        }
        throw .contended
    }

    /// The links of a person, the oldest first.
    package func list(of subject: Subject, now: Instant) async throws(StoreError) -> [UpstreamLink] {
        let records = try await store.page(
            .upstreamLink,
            filter: .subject(subject.value),
            after: nil,
            limit: Self.maximumLinks,
            now: now
        )
        return try records.map { (record) throws(StoreError) in try UpstreamLink(record) }
            .sorted { ($0.linkedAt, $0.reference) < ($1.linkedAt, $1.reference) }
    }

    /// How removing a link went.
    package enum Removal: Hashable, Sendable {
        case removed
        /// There is none of this name that is the person's.
        case unknown
        /// Without it the person could not sign in any more.
        case lastWayIn
    }

    /// Removes a link of a person, unless it is the last way in.
    ///
    /// - Parameter usable: the providers by which people can sign in at the moment: a link to another one is no way in.
    package func unlink(
        _ reference: String,
        of subject: Subject,
        usable: Set<UpstreamName>,
        now: Instant
    ) async throws(AccountsError) -> Removal {
        for _ in 0..<Self.maximumTries {
            let step = try await AccountsError.wrapping { () async throws(StoreError) -> Removal? in
                guard let person = try await people.find(subject: subject, now: now) else { return .unknown }
                let links = try await list(of: subject, now: now)
                guard let link = links.first(where: { $0.reference == reference }) else { return .unknown }
                var changes = [Change.require(link.recordKey, version: link.version)]
                if !person.hasPassword {
                    let other = links.first { $0.reference != reference && usable.contains($0.identity.provider) }
                    guard let other else { return .lastWayIn }
                    // The other one must still be there when this one goes: two requests at once must not remove both.
                    changes.append(.require(other.recordKey, version: other.version))
                }
                changes.append(Self.groups(of: person, without: link.groups, with: [], now: now))
                changes.append(.delete(link.recordKey))
                return try await store.apply(changes, now: now) == .applied ? .removed : nil
            }
            if let step { return step }
        }
        throw .contended
    }
}

extension UpstreamAccounts {
    private enum Step {
        case write([Change], Subject)
        case refuse(UpstreamRefusal)
        /// What the decision rested on is gone: look again.
        case again
    }

    private func situation(
        of profile: UpstreamProfile,
        now: Instant
    ) async throws(AccountsError) -> UpstreamSituation {
        try await AccountsError.wrapping { () async throws(StoreError) in
            var situation = UpstreamSituation(profile: profile)
            if let record = try await store.find(UpstreamLink.recordKey(of: profile.identity), now: now) {
                let link = try UpstreamLink(record)
                situation.link = link
                situation.linked = try await people.find(subject: link.subject, now: now)
            }
            if let email = profile.email { situation.holder = try await people.find(email: email, now: now) }
            return situation
        }
    }

    private func step(
        _ verdict: UpstreamVerdict,
        _ situation: UpstreamSituation,
        now: Instant
    ) async throws(AccountsError) -> Step {
        switch verdict {
        case .refuse(let refusal):
            return .refuse(refusal)
        case .signIn(let subject):
            guard let person = situation.linked, person.subject == subject else { return .again }
            return .write(Self.renewed(situation, of: person, now: now), subject)
        case .join(let subject):
            guard let person = situation.holder, person.subject == subject else { return .again }
            return .write(Self.renewed(situation, of: person, now: now), subject)
        case .create(let address):
            return try creation(address, situation, now: now)
        }
    }

    private func creation(
        _ address: UpstreamVerdict.Address,
        _ situation: UpstreamSituation,
        now: Instant
    ) throws(AccountsError) -> Step {
        let profile = situation.profile
        var changes: [Change] = []
        if case .takenFrom = address {
            guard var holder = situation.holder else { return .again }
            let version = holder.version
            holder.setEmail(nil, .unverified)
            holder.updatedAt = now
            changes.append(.replace(holder.record, ifVersion: version))
        }
        // A name that is drawn: one that the provider says could be somebody's here, or look like an administrator's.
        let drawn = Base64URL.encode(people.randomness(Self.usernameBytes)).filter { $0 != "-" && $0 != "_" }
        let new = NewPerson(
            username: "\(profile.identity.provider)-\(drawn)",
            email: address == .none ? nil : profile.email,
            emailVerification: .verified,
            name: profile.name.map { String($0.prefix(200)) },
            groups: profile.groups ?? [],
            origin: .upstream
        )
        let person = try people.drafted(new, now: now)
        changes.append(.insert(person.record))
        let link = Self.written(situation, subject: person.subject, groups: person.groups, now: now)
        return .write(changes + [link], person.subject)
    }

    /// The link as it is from now on, with the groups that came by it.
    private static func renewed(_ situation: UpstreamSituation, of person: Person, now: Instant) -> [Change] {
        let old = situation.link?.subject == person.subject ? situation.link?.groups ?? [] : []
        let own = person.groups.filter { !old.contains($0) }
        // What the person has anyway stays theirs when the provider takes it back.
        let new = situation.profile.groups?.filter { !own.contains($0) } ?? old
        return [
            groups(of: person, without: old, with: new, now: now),
            written(situation, subject: person.subject, groups: new, now: now),
        ]
    }

    private static func written(
        _ situation: UpstreamSituation,
        subject: Subject,
        groups: [String],
        now: Instant
    ) -> Change {
        let profile = situation.profile
        let kept = situation.link.flatMap { $0.subject == subject ? $0 : nil }
        var link = kept ?? UpstreamLink(identity: profile.identity, subject: subject, linkedAt: now)
        link.usedAt = now
        link.label = (profile.email ?? profile.name).map { String($0.prefix(200)) } ?? link.label
        link.groups = groups
        // A link whose person is gone is written over; whoever comes now is somebody new.
        guard let version = situation.link?.version else { return .insert(link.record) }
        link.version = version
        return .replace(link.record, ifVersion: version)
    }

    /// What the person's groups become when a link gives others than before; the person must not have changed meanwhile.
    private static func groups(
        of person: Person,
        without old: [String],
        with new: [String],
        now: Instant
    ) -> Change {
        let kept = person.groups.filter { !old.contains($0) }
        let groups = kept + new.filter { !kept.contains($0) }
        guard Set(groups) != Set(person.groups) else { return .require(person.recordKey, version: person.version) }
        var changed = person
        changed.groups = groups
        changed.updatedAt = now
        return .replace(changed.record, ifVersion: person.version)
    }
}
