internal import IssuerConnection
internal import JOSE
internal import Logging
internal import Synchronization

/// The issuer's keys: fetched when they are first needed, again when a token names one that is not there, and when they
/// are old.
final class IssuerKeys: Sendable {
    /// After this the set is asked for again, so that a key that was taken back stops being believed.
    static let age: Duration = .seconds(300)
    /// Tokens with invented key identifiers must not make us hammer the issuer.
    static let shortestInterval: Duration = .seconds(10)

    private struct Known {
        var keys: KeySet
        /// `kid` -> `issuer`, where the set says for whom a key signs.
        var owners: [String: String]
        var fetchedAt: Duration
        var triedAt: Duration
    }

    private let dialogue: IssuerDialogue
    private let known = Mutex<Known?>(nil)
    private let flight = SingleFlight<String, KeySet, OAuthClientError>(cancelled: .cancelled)

    init(_ dialogue: IssuerDialogue) { self.dialogue = dialogue }

    /// The keys, from memory where they are young enough.
    func current() async throws(OAuthClientError) -> KeySet {
        let now = dialogue.clock.uptime
        let kept = known.withLock { $0 }
        guard let kept else { return try await fetched() }
        if now - kept.fetchedAt < Self.age || now - kept.triedAt < Self.shortestInterval { return kept.keys }
        do throws(OAuthClientError) {
            return try await fetched()
        } catch {
            guard error.isTransient else { throw error }
            dialogue.environment.logger?.warning("The issuer's keys could not be renewed: \(error)")
            known.withLock { $0?.triedAt = now }
            return kept.keys
        }
    }

    /// For whom the key of this name signs, where the set says so.
    func owner(of keyID: String?) -> String? {
        guard let keyID else { return nil }
        return known.withLock { $0?.owners[keyID] }
    }

    private static func owners(in set: [UInt8]) -> [String: String] {
        let keys = (try? JSONObject(parsing: set))?["keys"]?.arrayValue ?? []
        let pairs = keys.compactMap { key -> (String, String)? in
            guard let name = key.objectValue?["kid"]?.stringValue, let owner = key.objectValue?["issuer"]?.stringValue
            else { return nil }
            return (name, owner)
        }
        return Dictionary(pairs) { first, _ in first }
    }

    /// Newer keys, unless they were asked for a moment ago.
    func newer() async throws(OAuthClientError) -> KeySet? {
        let now = dialogue.clock.uptime
        let mayAsk = known.withLock { known in
            guard let triedAt = known?.triedAt else { return true }
            guard now - triedAt >= Self.shortestInterval else { return false }
            known?.triedAt = now
            return true
        }
        return mayAsk ? try await fetched() : nil
    }

    private func fetched() async throws(OAuthClientError) -> KeySet {
        try await flight.value(for: dialogue.registration.issuer) { [self] () throws(OAuthClientError) in
            let url = try await dialogue.endpoint("key set", \.jwksURI)
            let response: TransportResponse
            do throws(TransportError) {
                let request = TransportRequest(
                    url: url,
                    headers: [("Accept", "application/jwk-set+json, application/json")],
                    timeout: dialogue.environment.timeout
                )
                response = try await PatientTransport(retrying: dialogue.retrying(dialogue.environment.retries))
                    .send(request)
            } catch {
                throw OAuthClientError(error)
            }
            guard response.status == 200 else { throw Answer.refusal(response, hiding: [], now: dialogue.clock.now) }
            guard let keys = try? KeySet(parsing: response.body) else {
                throw OAuthClientError(.responseMalformed, reason: "the key set is none")
            }
            let now = dialogue.clock.uptime
            let owners = dialogue.source.template == nil ? [:] : Self.owners(in: response.body)
            known.withLock { $0 = Known(keys: keys, owners: owners, fetchedAt: now, triedAt: now) }
            return keys
        }
    }
}
