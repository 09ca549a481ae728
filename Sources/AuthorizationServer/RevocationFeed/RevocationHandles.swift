import Instants
import OAuthVocabulary
package import RevocationFeed

/// Makes the names under which tokens, grants, sessions, people and clients stand in the feed of one audience.
///
/// FIELD R48: a keyed function of the server, so that nobody who reads a feed can compute or recognise one, and two
/// audiences cannot compare what they are told.
package struct RevocationHandles: Sendable {
    /// A client, as one audience hears of it.
    struct ClientName: Hashable, Sendable {
        let id: ClientID
        let audience: String
    }

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
        case .client(let id):
            // The same in all tokens of a client.
            keys.clientHandles.value(for: ClientName(id: id, audience: audience)) {
                handle("client", id.value, audience)
            }
        case .signingKey, .everything: nil
        }
    }

    /// What a token that any of these targets ends carries for its audience.
    func claim(of targets: [RevocationTarget], audience: String, issuedAt: Instant) -> RevocationClaim {
        RevocationClaim(issuedAt: issuedAt, handles: targets.compactMap { handle(of: $0, audience: audience) })
    }

    private func handle(_ kind: String, _ id: String, _ audience: String) -> RevocationHandle? {
        var message: [UInt8] = []
        message.reserveCapacity(audience.utf8.count + kind.utf8.count + id.utf8.count + 2)
        message += audience.utf8
        message.append(0)
        message += kind.utf8
        message.append(0)
        message += id.utf8
        return RevocationHandle(keys.revocationMAC(message).prefix(RevocationHandle.byteCount))
    }
}
