import Instants
import JOSE
import OAuthVocabulary
package import RevocationFeed

/// Makes the names under which tokens, grants, sessions, people and clients stand in the feed of one audience.
///
/// FIELD R48: a keyed function of the server, so that nobody who reads a feed can compute or recognise one, and two
/// audiences cannot compare what they are told.
package struct RevocationHandles: Sendable {
    private let keys: DerivedKeys

    /// The names that this server gives.
    package init(_ keys: DerivedKeys) { self.keys = keys }

    /// The handle of a target in the feed of an audience; `nil` for what needs none: keys, and everything.
    package func handle(of target: RevocationTarget, audience: String) -> RevocationHandle? {
        switch target {
        case .token(let id): handle("token", id.value, audience)
        case .grant(let id): handle("grant", id.value, audience)
        case .session(let id): handle("session", id.value, audience)
        case .subject(let id): handle("subject", id.value, audience)
        case .client(let id): handle("client", id.value, audience)
        case .signingKey, .everything: nil
        }
    }

    /// What a token with these claims carries for its audience.
    func claim(of claims: JSONObject, audience: String, issuedAt: Instant) -> RevocationClaim {
        var names = [("token", "jti"), ("grant", AccessTokenClaims.grantID), ("client", "client_id")]
        // Without a session the subject is the client itself (RFC 9068 §2.2).
        if claims["sid"] != nil { names += [("session", "sid"), ("subject", "sub")] }
        let handles = names.compactMap { kind, claim in
            claims[claim]?.stringValue.flatMap { handle(kind, $0, audience) }
        }
        return RevocationClaim(issuedAt: issuedAt, handles: handles)
    }

    private func handle(_ kind: String, _ id: String, _ audience: String) -> RevocationHandle? {
        let message = Array(audience.utf8) + [0] + Array(kind.utf8) + [0] + Array(id.utf8)
        return RevocationHandle(keys.revocationMAC(message).prefix(RevocationHandle.byteCount))
    }
}
