package import Instants
import JOSE
import OAuthVocabulary
package import Storage

/// That sessions of session mode lie apart, in a store that may lose them or go back to an older state: Redis, where
/// the operator chose so.
///
/// What lies there only ever says yes. That a session is over is written durably first, in one `apply` with everything
/// that ends with it, and is read with the person's record at every use.
package struct SessionsApart: Sendable {
    private static let codeBytes = 32

    private let mac: @Sendable ([UInt8]) -> [UInt8]

    /// - Parameter mac: HMAC-SHA256 under a key that the store does not have. Whoever may write to it could otherwise
    ///   make a session of anybody.
    package init(mac: @escaping @Sendable ([UInt8]) -> [UInt8]) { self.mac = mac }

    /// Of everything that is judged later: where the session lies, when it expires, and what it says.
    private func code(_ record: Record, _ payload: [UInt8]) -> [UInt8] {
        let expiry = record.expiresAt.map { String($0.millisecondsSinceEpoch) } ?? ""
        return mac(record.key.identifier.bytes + Array("\n\(expiry)\n".utf8) + payload)
    }

    func sealed(_ record: Record) -> Record {
        var sealed = record
        sealed.payload = code(record, record.payload) + record.payload
        return sealed
    }

    /// The session that a record holds; `nil` if it is none that this server wrote.
    func session(_ record: Record) throws(StoreError) -> SessionRecord? {
        let payload = Array(record.payload.dropFirst(Self.codeBytes))
        guard ConstantTime.equal(Array(record.payload.prefix(Self.codeBytes)), code(record, payload)) else {
            return nil
        }
        var opened = record
        opened.payload = payload
        return try SessionRecord(opened)
    }
}

/// What a session has that lies apart.
struct ApartShare: Hashable, Sendable {
    var era: String
    /// The latest end of all sessions of the person that was known when the session was opened.
    var ended: Instant?
}

/// What the durable store says, at one moment, of sessions of one person that lie apart.
struct ApartStanding: Sendable {
    var person: Person?
    var era: SessionEra?
    var ended: PersonEnd?
    /// The end of each session that was asked for, where it has one.
    var ends: [SessionEnd?]

    /// The person whose session this is, if it is alive: the password and the status of the person are judged here, at
    /// every use, and not in the `apply` that opened the session.
    func owner(of session: SessionRecord, end: SessionEnd?) -> Person? {
        guard end == nil, let person, session.isAlive(for: person) else { return nil }
        guard let era, session.apart?.era == era.name else { return nil }
        if let ended, ended.ends(session) { return nil }
        return person
    }
}

extension Sessions {
    /// The longest that a session lies apart: ends of sessions that are not known are kept as long.
    static let longestApart: Duration = .seconds(400 * 86400)
    /// An era lasts this long at least, so that many requests after one loss do not end what the others opened.
    private static let eraInterval: Duration = .seconds(10)
    private static let eraBytes = 16

    /// To be called when a server starts, before it answers anybody.
    ///
    /// With the choice taken back, what lies apart is over for good: nobody ends it any more.
    package func begin(now: Instant) async throws(StoreError) {
        let era = try await era(now: now)
        guard apart != nil else {
            if era != nil { try await Self.endApart(in: store, now: now) }
            return
        }
        if era == nil {
            let first = try newEra(now)
            // A conflict is another node that starts.
            if try await store.apply([.insert(first.record(at: SessionEra.key))], now: now) == .applied {
                let there = try await store.find(SessionEra.keyApart, now: now)
                _ = try await write(first, over: there, now: now)
            }
        }
        // One that is too young to be replaced is seen to by the requests that need it.
        _ = try await lookAtEra(now: now)
    }

    /// Ends for good whatever lies apart, also where nobody knows of it.
    ///
    /// To be called of a store that went back to an earlier state: it lost what it said of sessions that are over.
    package static func endApart(in store: any Store, now: Instant) async throws(StoreError) {
        _ = try await store.apply([.delete(SessionEra.key)], now: now)
    }

    /// The era in which sessions are opened; a new one, if the store apart has lost what it had.
    ///
    /// `nil` where none has begun. It throws where that store lost something that cannot be declared over yet: whoever
    /// is told that nobody is signed in must not be wrong about it when it comes back.
    func settledEra(now: Instant) async throws(StoreError) -> SessionEra? {
        switch try await lookAtEra(now: now) {
        case .none: return nil
        case .settled(let era): return era
        case .unsettled: throw .unavailable(reason: "the store of these sessions has just lost what it had")
        }
    }

    private enum EraState {
        case none
        /// It lies in both stores.
        case settled(SessionEra)
        /// The store apart has another one or none, and this one is young, or another node replaces it at this moment.
        case unsettled
    }

    private func lookAtEra(now: Instant) async throws(StoreError) -> EraState {
        guard let era = try await era(now: now) else { return .none }
        let there = try await store.find(SessionEra.keyApart, now: now)
        if let there, try SessionEra(there).name == era.name { return .settled(era) }
        // One that is far ahead was begun by a clock that is.
        let age = now - era.since
        guard age >= Self.eraInterval || age <= .zero - Self.eraInterval else { return .unsettled }
        let next = try newEra(now)
        let change = Change.replace(next.record(at: SessionEra.key), ifVersion: era.version)
        guard try await store.apply([change], now: now) == .applied, try await write(next, over: there, now: now) else {
            return .unsettled
        }
        return .settled(next)
    }

    /// Writes beside the sessions the era that was begun; false if somebody else wrote there meanwhile.
    private func write(_ era: SessionEra, over there: Record?, now: Instant) async throws(StoreError) -> Bool {
        let record = era.record(at: SessionEra.keyApart)
        let change = there.map { Change.replace(record, ifVersion: $0.version) } ?? .insert(record)
        return try await store.apply([change], now: now) == .applied
    }

    private func newEra(_ now: Instant) throws(StoreError) -> SessionEra {
        let bytes = randomness(Self.eraBytes)
        guard bytes.count == Self.eraBytes else { throw .unavailable(reason: "the randomness gave too few bytes") }
        return SessionEra(name: Base64URL.encode(bytes), since: now)
    }

    private func era(now: Instant) async throws(StoreError) -> SessionEra? {
        guard let record = try await store.find(SessionEra.key, now: now) else { return nil }
        return try SessionEra(record)
    }

    /// What is to be written of a session, wherever it lies.
    func stored(_ session: SessionRecord) -> Record {
        guard let apart, session.apart != nil else { return session.record }
        return apart.sealed(session.record)
    }

    func standing(
        of subject: Subject,
        _ ids: [SessionID],
        now: Instant
    ) async throws(StoreError) -> ApartStanding {
        let fixed: [Lookup] = [
            .key(Person.recordKey(of: subject)), .key(SessionEra.key), .key(PersonEnd.key(subject)),
        ]
        let lookups = fixed + ids.map { .key(SessionEnd.key($0, of: subject)) }
        var known = store.recall(lookups, now: now)
        if known == nil { known = try await store.find(lookups, now: now) }
        guard let found = known, found.count == lookups.count else {
            throw .corrupt(reason: "the store answered another number of records than it was asked for")
        }
        return ApartStanding(
            person: try found[0].map { record throws(StoreError) in try Person(record) },
            era: try found[1].map { record throws(StoreError) in try SessionEra(record) },
            ended: try found[2].map { record throws(StoreError) in try PersonEnd(record) },
            ends: try found.dropFirst(fixed.count).map { record throws(StoreError) in
                try record.map { record throws(StoreError) in try SessionEnd(record) }
            }
        )
    }

    /// The session as it lies apart, alive or not.
    func findApart(_ lookup: SessionLookup, now: Instant) async throws(StoreError) -> SessionRecord? {
        guard let apart, let named = lookup.lookup(in: .applicationSession),
            let record = try await store.find([named], now: now)[0],
            let session = try apart.session(record)
        else { return nil }
        // Second names are not sealed.
        if case .index(let id) = lookup, !session.ids.contains(id) { return nil }
        return session
    }

    func liveApart(_ lookup: SessionLookup, now: Instant) async throws(StoreError) -> (SessionRecord, Person)? {
        guard apart != nil else { return nil }
        guard let session = try await findApart(lookup, now: now) else {
            // Whoever signs out with what was lost is told that they are signed out: it must stay true.
            _ = try await settledEra(now: now)
            return nil
        }
        return try await owner(of: session, now: now).map { (session, $0) }
    }

    /// The person whose session this is, if it is alive.
    func owner(of session: SessionRecord, now: Instant) async throws(StoreError) -> Person? {
        let standing = try await standing(of: session.subject, [session.id], now: now)
        return standing.owner(of: session, end: standing.ends[0])
    }

    /// Deletes what is over; if that fails it is over all the same.
    func forget(_ keys: [RecordKey], now: Instant) async {
        guard !keys.isEmpty else { return }
        _ = try? await store.apply(keys.map { .delete($0) }, now: now)
    }
}
