internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import Synchronization

/// A login under way and where it leads, as the browser carries it.
struct PendingVisit: Codable {
    let login: PendingLogin
    let target: String
}

/// Seals what the browser carries, so that strangers who begin logins by the thousand cost no memory here.
struct LoginSeal: Sendable {
    private let key: DecryptionKey

    init(_ bytes: [UInt8]) throws(OAuthClientError) {
        do throws(JOSEError) {
            let members: JSONObject = [
                "kty": "oct", "k": .string(Base64URL.encode(bytes)), "alg": "A256GCM", "use": "enc", "kid": "login",
            ]
            key = try DecryptionKey(JWK(members), algorithm: .direct)
        } catch {
            throw OAuthClientError(.requestInvalid, reason: "a cookie key has 32 octets: \(error.code)")
        }
    }

    func closed(_ visit: PendingVisit) throws(OAuthClientError) -> String {
        do throws(JOSEError) {
            let content = try JSONObject(encoding: visit)
            return try JWE.encrypted(content.serialized(), to: key.encryptionKey, encryption: .a256GCM)
        } catch {
            throw OAuthClientError(.requestInvalid, reason: "the login cannot be sealed: \(error.code)")
        }
    }

    /// What was sealed here; nil for everything else.
    func opened(_ text: String) -> PendingVisit? {
        guard
            let opened = try? UnopenedJWE(text).opened(
                by: DecryptionKeySet([key]),
                keyManagement: [.direct],
                contentEncryption: [.a256GCM]
            )
        else { return nil }
        return try? JSONObject(parsing: opened.plaintext).decoded(as: PendingVisit.self)
    }
}

/// The tokens of one session, where sessions are kept.
struct KeptTokens: TokenSessionStore {
    let key: String
    let store: any SessionStore

    func load() async throws -> TokenSet? { try await store.find(key)?.tokens }
    func save(_ tokens: TokenSet) async throws { try await store.setTokens(tokens, of: key) }
}

/// The sessions whose tokens are being used at this moment: two requests at once must not refresh twice.
final class LiveSessions: Sendable {
    private struct Reference {
        weak var session: TokenSession?
    }

    private struct State {
        var references: [String: Reference] = [:]
        var limit = 128
    }

    private let state = Mutex(State())
    private let flight = SingleFlight<String, TokenSession, OAuthClientError>(
        cancelled: OAuthClientError(.cancelled, reason: "the task was cancelled")
    )

    /// The one session of this key, or what `load` makes if there is none.
    ///
    /// Looking, loading and keeping are one flight: whoever loaded before a refresh and kept after it would hold a refresh
    /// token that is used up.
    func session(
        _ key: String,
        _ load: @escaping @Sendable () async throws(OAuthClientError) -> TokenSession
    ) async throws(OAuthClientError) -> TokenSession {
        if let session = find(key) { return session }
        return try await flight.value(for: key) { [self] () throws(OAuthClientError) in
            if let session = find(key) { return session }
            let session = try await load()
            keep(session, as: key)
            return session
        }
    }

    private func find(_ key: String) -> TokenSession? { state.withLock { $0.references[key]?.session } }

    private func keep(_ session: TokenSession, as key: String) {
        state.withLock { state in
            if state.references.count >= state.limit {
                state.references = state.references.filter { $0.value.session != nil }
                state.limit = max(128, 2 * state.references.count)
            }
            state.references[key] = Reference(session: session)
        }
    }
}
