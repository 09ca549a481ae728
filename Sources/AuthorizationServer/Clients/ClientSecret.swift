package import OAuthVocabulary

/// Secrets that the server makes: 256 bits, prefixed so that scanners find them in repositories and logs.
package enum ClientSecret {
    package static let prefix = "signet_cs_"
    package static let apiPrefix = "signet_as_"
    /// The shortest secret that an operator may bring along, in bytes; shorter ones can be guessed without a slow hash.
    package static let minimumLength = 32

    package static func generate(prefix: String = prefix, random: any RandomSource) -> Secret {
        Secret(prefix + random.text(32))
    }

    /// The hash of no secret, of the length of one.
    static let unmatchableHash = String(repeating: "-", count: 43)

    /// How a secret is kept.
    package static func hash(_ secret: Secret) -> String { Digest.sha256Text(secret.exposed) }

    /// Compares in constant time: both sides are hashes of one length.
    package static func matches(_ presented: Secret, hash: String) -> Bool {
        Secret(self.hash(presented)) == Secret(hash)
    }
}
