import AuthorizationServer
import Instants
import JOSE
import Synchronization

@testable import signet

/// A moment that stands still until a test moves it.
final class FixedTime: TimeSource {
    private let now: Mutex<Instant>

    init(_ now: Instant) { self.now = Mutex(now) }

    func moment() -> Moment { Moment(now.withLock(\.self)) }

    func advance(by duration: Duration) { now.withLock { $0 = $0 + duration } }
}

/// Documents by address, with a count of how often each was asked for.
final class FixedDocuments: DocumentSource {
    struct Missing: Error {}

    private let state: Mutex<(documents: [String: [UInt8]], asked: [String: Int])>

    init(_ documents: [String: JSONObject]) {
        state = Mutex((documents.mapValues { $0.serialized() }, [:]))
    }

    func document(at address: String) async throws -> [UInt8] {
        let document = state.withLock { state in
            state.asked[address, default: 0] += 1
            return state.documents[address]
        }
        // Lets everybody who waits arrive before the answer does.
        for _ in 0..<20 { await Task.yield() }
        guard let document else { throw Missing() }
        return document
    }

    func set(_ document: JSONObject?, at address: String) {
        state.withLock { $0.documents[address] = document?.serialized() }
    }

    func asked(for address: String) -> Int { state.withLock { $0.asked[address] ?? 0 } }
}

/// An issuer with one key, and the demo that trusts it.
struct DemoFixture {
    static let now = Instant(secondsSinceEpoch: 1_800_000_000)
    static let issuer = "http://localhost:8080"
    static let audience = "http://localhost:8082"
    static let metadataAddress = "\(issuer)/.well-known/openid-configuration"
    static let keysAddress = "\(issuer)/jwks"

    let configuration = DemoConfiguration(
        issuer: issuer,
        clientID: "demo",
        host: "localhost",
        applicationPort: 8081,
        apiPort: 8082,
        audience: audience,
        scopes: ["openid", "orders:read"]
    )
    let key: SigningKey
    let time = FixedTime(Self.now)
    let documents: FixedDocuments

    init() throws {
        key = try SigningKey.generate(.es256, keyID: "key-1")
        documents = FixedDocuments([
            Self.metadataAddress: ["issuer": .string(Self.issuer), "jwks_uri": .string(Self.keysAddress)],
            Self.keysAddress: Self.keySet(key),
        ])
    }

    static func keySet(_ keys: SigningKey...) -> JSONObject {
        ["keys": .array(keys.map { .object($0.publicJWK.members) })]
    }

    static let claims: JSONObject = [
        "iss": .string(issuer), "aud": .string(audience), "sub": "person-1", "client_id": "demo", "jti": "token-1",
        "iat": .integer(now.secondsSinceEpoch), "exp": .integer(now.secondsSinceEpoch + 900),
        "scope": "openid orders:read",
    ]

    /// An access token that differs from a good one only in what the caller changes.
    func token(type: String = "at+jwt", _ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
        var claims = Self.claims
        change(&claims)
        return try JWT.signed(claims, type: type, by: key)
    }
}
