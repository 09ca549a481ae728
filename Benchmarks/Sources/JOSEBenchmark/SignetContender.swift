internal import JOSE

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Signet's JOSE as a resource server uses it: the keys in a set, the expectations made once, the clock read each time.
struct SignetContender: Contender {
    func operations(for algorithm: String, with material: Material) throws -> Operations? {
        guard let signatureAlgorithm = SignatureAlgorithm(name: algorithm) else { return nil }
        let jwk = try JWK(parsing: material.bytes("jwk"))
        let signingKey = try SigningKey(jwk, algorithm: signatureAlgorithm)
        let keys = KeySet([signingKey.verificationKey])
        let claims = try JSONObject(parsing: material.bytes("claims"))
        let expectations = Expectations(
            issuer: .exactly(Material.issuer),
            audience: .exactly(Material.audience),
            type: .exactly(Material.type),
            algorithms: [signatureAlgorithm],
            now: currentInstant()
        )
        return Operations(
            verify: { token in
                var expectations = expectations
                return .synchronous {
                    expectations.now = currentInstant()
                    return try UnverifiedToken(token).verified(by: keys, expecting: expectations).subject?.utf8.count
                        ?? 0
                }
            },
            sign: .synchronous { try JWT.signed(claims, type: Material.type, by: signingKey).utf8.count },
            verifyCached: { token in
                let cache = VerifiedTokenCache()
                var expectations = expectations
                return .synchronous {
                    expectations.now = currentInstant()
                    return try cache.verified(token, by: keys, expecting: expectations).subject?.utf8.count ?? 0
                }
            },
            signedToken: { try JWT.signed(claims, type: Material.type, by: signingKey) }
        )
    }
}

private func currentInstant() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(millisecondsSinceEpoch: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}
