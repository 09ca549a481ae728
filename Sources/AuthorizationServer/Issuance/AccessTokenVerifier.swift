import Instants
import JOSE
package import OAuthVocabulary
import Storage

/// Reads an access token of ours back and says whether it still counts: signature or seal, issuer, type, expiry, and
/// everything that may have ended since.
package struct AccessTokenVerifier {
    let services: Services
    let reader: Reader

    package init(services: Services, reader: Reader) {
        self.services = services
        self.reader = reader
    }

    /// A token that counts now.
    package struct Live {
        var claims: JSONObject
        var scope: ScopeSet
        var audience: [String]
        var client: RegisteredClient
        /// `nil` for a token of the client's own.
        var person: PersonSnapshot?
    }

    /// Why a token does not count, for the log.
    package enum Verdict {
        case live(Live)
        case expired
        case refused(String)
    }

    package func verdict(on text: String) async throws(OAuthError) -> Verdict {
        let claims: JSONObject
        var keyID: String?
        if text.hasPrefix(OpaqueAccessToken.prefix) {
            guard let opened = open(text) else { return .refused("not an opaque access token of this server") }
            claims = opened
        } else {
            do {
                let verified = try services.issuedTokens.verified(
                    text,
                    by: services.keyring.current.published,
                    now: reader.now
                )
                claims = verified.claims
                keyID = verified.keyID
            } catch {
                return .refused("\(error.code) \(error.claim ?? "")")
            }
        }
        return try await verdict(on: claims, keyID: keyID)
    }

    /// The claims of an access token that need not count any more, for revoking it; `nil` if it is none of ours.
    func claims(of text: String) -> JSONObject? {
        if text.hasPrefix(OpaqueAccessToken.prefix) { return open(text) }
        return try? UnverifiedToken(text).verified(
            by: services.keyring.current.published,
            expecting: Expectations(
                issuer: .exactly(services.configuration.issuer.value),
                audience: .unchecked,
                type: .exactly("at+jwt"),
                algorithms: Keyring.algorithms,
                now: reader.now,
                // A node whose clock is ahead issues tokens from our future, and they can be revoked too.
                leeway: Limits.clockSkew,
                expiry: .unchecked
            )
        ).claims
    }

    private func open(_ text: String) -> JSONObject? {
        guard let sealed = try? Base64URL.decode(String(text.dropFirst(OpaqueAccessToken.prefix.count))),
            let plain = services.keys.openOpaqueToken(sealed)
        else { return nil }
        return try? JSONObject(parsing: plain)
    }

    private func verdict(on claims: JSONObject, keyID: String?) async throws(OAuthError) -> Verdict {
        guard let clientID = claims["client_id"]?.stringValue.flatMap({ ClientID($0) }),
            let tokenText = claims["jti"]?.stringValue, let tokenID = TokenID(tokenText),
            let iat = claims["iat"]?.integerValue, let exp = claims["exp"]?.integerValue,
            let scope = claims["scope"]?.stringValue.flatMap(ScopeSet.init(parameter:)),
            let subject = claims["sub"]?.stringValue.flatMap({ Subject($0) })
        else { return .refused("a claim is missing or malformed") }
        let issuedAt = TokenIdentifier.moment(of: tokenText) ?? Instant(secondsSinceEpoch: iat)
        let lifetime = Instant(secondsSinceEpoch: exp) - Instant(secondsSinceEpoch: iat)
        guard reader.now < Instant(secondsSinceEpoch: issuedAt.secondsSinceEpoch) + lifetime else { return .expired }
        let session = claims["sid"]?.stringValue.flatMap { SessionID($0) }
        var targets: [RevocationTarget] = [.token(tokenID), .client(clientID), .everything]
        if let session { targets += [.session(session), .subject(subject)] }
        if let grant = claims[AccessTokenClaims.grantID]?.stringValue.flatMap({ FamilyID($0) }) {
            targets.append(.grant(grant))
        }
        // Whoever stole a key chooses the moment inside a token: a retired key counts for none.
        if let keyID, try await reader.cutOff([.signingKey(keyID)]) != nil {
            return .refused("the signing key is retired")
        }
        if let cutOff = try await reader.cutOff(targets), issuedAt <= cutOff { return .refused("revoked") }
        guard let client = try await reader.client(clientID)?.content, client.isEnabled else {
            return .refused("the client is disabled or gone")
        }
        var live = Live(
            claims: claims,
            scope: scope,
            audience: claims["aud"]?.strings ?? [],
            client: client,
            person: nil
        )
        if session != nil {
            guard let person = try await reader.person(subject), person.isEnabled else {
                return .refused("the person is disabled or gone")
            }
            live.person = person
        }
        return .live(live)
    }
}

/// The signatures of our own access tokens: those that were seen lately are not computed again.
///
/// What may have ended since is no part of it: that is asked at every sight.
package struct IssuedTokens: Sendable {
    private let cache = VerifiedTokenCache(
        limits: TokenCacheLimits(maximumEntries: 10_000, maximumBytes: 8 * 1024 * 1024)
    )
    private let expectations: Expectations

    init(_ configuration: ProviderConfiguration) {
        expectations = Expectations(
            issuer: .exactly(configuration.issuer.value),
            audience: .unchecked,
            type: .exactly("at+jwt"),
            algorithms: Keyring.algorithms,
            now: Instant(secondsSinceEpoch: 0),
            requiredClaims: ["sub", "client_id", "scope", "jti", "iat", "exp"],
            // By the verifier, and by the clock that it was issued by: the one in `exp` may have been set since.
            expiry: .unchecked
        )
    }

    fileprivate func verified(_ text: String, by keys: KeySet, now: Instant) throws(JOSEError) -> VerifiedToken {
        var expectations = expectations
        expectations.now = now
        return try cache.verified(text, by: keys, expecting: expectations)
    }
}

extension JSON {
    /// The strings of a value that is one string or an array of strings, such as `aud`.
    var strings: [String] {
        if let text = stringValue { return [text] }
        return arrayValue?.compactMap(\.stringValue) ?? []
    }
}
