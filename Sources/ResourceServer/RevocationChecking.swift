internal import JOSE
package import RevocationFeed

/// Somebody who is asked about every token, instead of a feed that is followed.
package protocol RevocationChecking: Sendable {
    /// How old the knowledge may be on which an answer rests.
    var maximumStaleness: Duration { get }
    /// Whether what the claim and the key name was revoked by this issuer.
    func verdict(on claim: RevocationClaim, keyID: String?, issuer: String) async -> RevocationVerdict
}

/// What a ``RevocationChecking`` knows.
package enum RevocationVerdict: Hashable, Sendable {
    case stands
    case revoked
    /// It cannot tell, and the token must be refused for now.
    case unknown(reason: String)
}

extension RevocationSource {
    /// Ask `checker` about every token.
    package static func checked(by checker: any RevocationChecking) -> RevocationSource {
        RevocationSource(kind: .checked(checker), credentials: nil)
    }

    var checker: (any RevocationChecking)? {
        guard case .checked(let checker) = kind else { return nil }
        return checker
    }
}

extension TokenVerifier {
    /// Asks the checker, if one is configured, about a token that passed everything else.
    func check(_ token: AccessToken, with checker: any RevocationChecking) async throws(TokenRefusal) {
        let claim = try revocationClaim(of: token)
        switch await checker.verdict(on: claim, keyID: token.keyID, issuer: issuer) {
        case .stands: return
        case .revoked: throw TokenRefusal(.tokenRevoked, detail: "by the denylist")
        case .unknown(let reason): throw TokenRefusal(.revocationStale, detail: reason)
        }
    }

    /// The claim by which a token can be revoked.
    func revocationClaim(of token: AccessToken) throws(TokenRefusal) -> RevocationClaim {
        guard let claim = token.reading.revocation else {
            throw TokenRefusal(.tokenMalformed, detail: "the claim rev is missing or of an unknown version")
        }
        // FIELD R48: handles are made for one audience, the first that the token names. Of a token whose first audience is
        // another API only that API's feed tells.
        guard let named = token.audience.first, named.utf8.elementsEqual(audience.utf8) else {
            throw TokenRefusal(.tokenInvalid, detail: "the claim rev is for the feed of another audience")
        }
        return claim
    }
}
