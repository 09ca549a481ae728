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
        let reading: AccessTokenReading
        /// The claims as they stand in the token: the text of a JSON object.
        let claims: [UInt8]
        let client: Stored<RegisteredClient>
        /// `nil` for a token of the client's own.
        let person: PersonSnapshot?
    }

    /// Why a token does not count, for the log.
    package enum Verdict {
        case live(Live)
        case expired
        case refused(String)
    }

    package func verdict(on text: String) async throws(OAuthError) -> Verdict {
        let reading: AccessTokenReading
        let claims: [UInt8]
        do {
            if text.hasPrefix(OpaqueAccessToken.prefix) {
                guard let opened = open(text), let object = try? JSONObject(parsing: opened) else {
                    return .refused("not an opaque access token of this server")
                }
                reading = try AccessTokenReading(keyID: nil) { object[$0] }
                claims = opened
            } else {
                let keys = services.keyring.current.published
                let token = try services.issuedTokens.verified(text, by: keys, now: reader.now)
                reading = try token.annotation.value(taking: \.footprint) { () throws(AccessTokenReading.Malformed) in
                    try AccessTokenReading(keyID: token.keyID) { token[$0] }
                }
                claims = token.claimsText
            }
        } catch let error as JOSEError {
            return .refused("\(error.code) \(error.claim ?? "")")
        } catch {
            return .refused("a claim is missing or malformed")
        }
        return try await verdict(on: reading, claims)
    }

    /// The claims of an access token that need not count any more, for revoking it; `nil` if it is none of ours.
    func claims(of text: String) -> JSONObject? {
        if text.hasPrefix(OpaqueAccessToken.prefix) { return open(text).flatMap { try? JSONObject(parsing: $0) } }
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

    /// The claims of an opaque token, as text.
    private func open(_ text: String) -> [UInt8]? {
        guard let sealed = try? Base64URL.decode(String(text.dropFirst(OpaqueAccessToken.prefix.count))) else {
            return nil
        }
        return services.keys.openOpaqueToken(sealed)
    }

    private func verdict(
        on reading: AccessTokenReading,
        _ claims: [UInt8]
    ) async throws(OAuthError) -> Verdict {
        guard reader.now < reading.expiresAt else { return .expired }
        if let ending = try await reading.ending(from: reader) { return .refused(ending) }
        guard let client = try await reader.client(reading.clientID), client.content.isEnabled else {
            return .refused("the client is disabled or gone")
        }
        var person: PersonSnapshot?
        if reading.session != nil {
            person = try await reader.person(reading.subject)
            guard let person, person.isEnabled else { return .refused("the person is disabled or gone") }
        }
        return .live(Live(reading: reading, claims: claims, client: client, person: person))
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
