// The code of the guide "Verify a token", in its order. It runs from top to bottom: what is hidden makes the tokens and
// checks what the guide says of them.

import JOSE
import Synchronization

// snippet.hide
let now = Instant(secondsSinceEpoch: 1_800_000_000)
let signingKey = try SigningKey.generate(.edDSA)
let keySet: JSONObject = ["keys": [.object(signingKey.publicJWK.members)]]
let jwks = keySet.serialized()

let members: JSONObject = [
    "iss": "https://id.example", "sub": "ada", "aud": "https://orders.example", "client_id": "web-shop",
    "scope": "orders:read orders:write", "iat": 1_799_999_990, "exp": 1_800_000_290, "jti": "zQ0vJ6",
    "roles": ["clerk"],
]
let text = try JWT.signed(members, type: "at+jwt", by: signingKey)
// snippet.show

// snippet.keys
// The issuer's JWK Set, fetched over TLS from the `jwks_uri` of its metadata.
let keys = try KeySet(parsing: jwks)
// snippet.end

// snippet.expectations
func expectations(at now: Instant) -> Expectations {
    Expectations(
        issuer: .exactly("https://id.example"),
        audience: .exactly("https://orders.example"),
        type: .exactly("at+jwt"),
        algorithms: [.edDSA, .es256],
        now: now,
        leeway: .seconds(30),
        requiredClaims: ["sub", "client_id"]
    )
}
// snippet.end

// snippet.verify
let token = try UnverifiedToken(text)
    .verified(by: keys, expecting: expectations(at: now))
let subject = token.subject
let scope = token["scope"]?.stringValue
// snippet.end
// snippet.hide
precondition(subject == "ada" && scope == "orders:read orders:write")
// snippet.show

// snippet.claims
struct OrderClaims: Codable {
    var scope: String
    var roles: [String]
    var clientID: String

    enum CodingKeys: String, CodingKey {
        case scope, roles
        case clientID = "client_id"
    }
}

let claims = try token.claims(as: OrderClaims.self)
// snippet.end
// snippet.hide
precondition(claims.roles == ["clerk"] && claims.clientID == "web-shop")
// snippet.show

// snippet.issuers
/// The unverified `iss` chooses the keys, and the same text is what verification
/// then demands.
func verify(
    _ text: String,
    trusting issuers: [String: KeySet],
    now: Instant
) throws(JOSEError) -> VerifiedToken {
    let unverified = try UnverifiedToken(text)
    guard let issuer = unverified.unverifiedClaims["iss"]?.stringValue,
        let keys = issuers[issuer]
    else {
        throw JOSEError(.claimInvalid, claim: "iss", reason: "not one that we trust")
    }
    var expected = expectations(at: now)
    expected.issuer = .exactly(issuer)
    return try unverified.verified(by: keys, expecting: expected)
}
// snippet.end
// snippet.hide
let trusted = try verify(text, trusting: ["https://id.example": keys], now: now)
precondition(trusted.subject == "ada" && (try? verify(text, trusting: ["https://b.example": keys], now: now)) == nil)
// snippet.show

// snippet.hint
/// For an `id_token_hint`: it says who used to be signed in, and grants nothing.
func expectationsOfHint(now: Instant) -> Expectations {
    Expectations(
        issuer: .exactly("https://id.example"),
        audience: .unchecked,
        type: .unchecked,
        algorithms: [.edDSA],
        now: now,
        expiry: .unchecked
    )
}
// snippet.end
// snippet.hide
let later = now + .seconds(86_400)
let hint = try UnverifiedToken(text).verified(by: keys, expecting: expectationsOfHint(now: later))
precondition(hint.subject == "ada")
// snippet.show

// snippet.answer
/// Status and `WWW-Authenticate` (RFC 6750 §3.1).
///
/// All refusals but one look the same to the sender. The rest is for our log.
func answer(to error: JOSEError) -> (status: Int, challenge: String) {
    switch error.code {
    case .tokenExpired:
        // An honest client fetches a new token and tries again.
        (401, #"Bearer error="invalid_token", error_description="expired""#)
    default:
        (401, #"Bearer error="invalid_token""#)
    }
}
// snippet.end
// snippet.hide
do {
    _ = try UnverifiedToken(text).verified(by: keys, expecting: expectations(at: later))
    preconditionFailure("an expired token passed")
} catch {
    precondition(error.code == .tokenExpired && error.claim == "exp")
    precondition(answer(to: error).challenge.contains("expired"))
}
// snippet.show

// snippet.store
/// The issuer's keys, one immutable snapshot at a time.
final class IssuerKeys: Sendable {
    private struct State {
        var keys: KeySet
        var mayFetchAfter: Instant
    }

    private let state: Mutex<State>
    private let fetch: @Sendable () async throws -> [UInt8]

    init(
        _ keys: KeySet,
        fetchedAt now: Instant,
        fetch: @escaping @Sendable () async throws -> [UInt8]
    ) {
        state = Mutex(State(keys: keys, mayFetchAfter: now + .seconds(60)))
        self.fetch = fetch
    }

    func verify(
        _ text: String,
        expecting expected: Expectations
    ) async throws -> VerifiedToken {
        let token = try UnverifiedToken(text)
        let known = state.withLock { $0.keys }
        do throws(JOSEError) {
            return try token.verified(by: known, expecting: expected)
        } catch {
            guard error.code == .keyUnknown, startsFetch(at: expected.now) else {
                throw error
            }
        }
        let fresh = try KeySet(parsing: await fetch())
        state.withLock { $0.keys = fresh }
        return try token.verified(by: fresh, expecting: expected)
    }

    /// At most once a minute: anybody can invent a `kid`.
    private func startsFetch(at now: Instant) -> Bool {
        state.withLock { state in
            guard now >= state.mayFetchAfter else { return false }
            state.mayFetchAfter = now + .seconds(60)
            return true
        }
    }
}
// snippet.end
// snippet.hide
let issuerKeys = IssuerKeys(KeySet([]), fetchedAt: now - .seconds(60)) { jwks }
let found = try await issuerKeys.verify(text, expecting: expectations(at: now))
precondition(found.subject == "ada")
let impatient = IssuerKeys(KeySet([]), fetchedAt: now) { jwks }
let refused = try? await impatient.verify(text, expecting: expectations(at: now))
precondition(refused == nil)
// snippet.show

// snippet.cache
/// The identifiers of revoked tokens, as the authorization server announced them.
final class Revocations: Sendable {
    private let identifiers = Mutex<Set<String>>([])

    func insert(_ identifier: String) {
        identifiers.withLock { _ = $0.insert(identifier) }
    }

    func contains(_ token: VerifiedToken) -> Bool {
        guard let identifier = token.tokenID else { return false }
        return identifiers.withLock { $0.contains(identifier) }
    }
}

// One of each for the process. The cache asks at every sight of a token.
let revocations = Revocations()
let cache = VerifiedTokenCache { revocations.contains($0) }

let first = try cache.verified(text, by: keys, expecting: expectations(at: now))
let second = try cache.verified(text, by: keys, expecting: expectations(at: now))
// snippet.end
// snippet.hide
precondition(first.subject == second.subject && cache.statistics.hits == 1)
revocations.insert("zQ0vJ6")
do {
    try cache.verified(text, by: keys, expecting: expectations(at: now))
    preconditionFailure("a revoked token passed")
} catch {
    precondition(error.code == .tokenRevoked)
}
// snippet.show
