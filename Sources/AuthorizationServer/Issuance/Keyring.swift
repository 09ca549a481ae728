package import Instants
package import JOSE
package import OAuthVocabulary
package import Storage
import Synchronization

/// A signing key on record.
///
/// The private key is sealed under the master key; when it signs and how long it is published follow from its times
/// alone, so that no job has to move it from one state to the next.
package struct SigningKeyRecord: Payload, Hashable {
    package static let kind = RecordKind("signing-key")

    package enum State: String, Sendable { case pending, active, retired }

    package var keyID: String
    package var algorithm: String
    package var sealedPrivateJWK: [UInt8]
    package var publicJWK: String
    package var createdAt: Instant
    /// From here it signs, until a younger key of its algorithm takes over.
    package var activeFrom: Instant
    /// Set when the operator retired it by hand: from here it neither signs nor is published.
    package var retiredAt: Instant?

    package static func key(_ keyID: String) -> RecordKey { RecordKey(kind, keyID) }
}

/// The keys of one moment: which sign, and which are published.
///
/// Immutable; a new one replaces it.
package struct KeyringSnapshot: Sendable {
    /// The key that signs, by the name of its algorithm.
    package var signing: [String: SigningKey] = [:]
    /// Every published key, for verifying what this server issued.
    package var published = KeySet([])
    /// The JWK Set document, ready to be sent.
    package var document: [UInt8] = []
}

/// The provider's signing keys: one snapshot that requests read and the rotation service swaps.
package final class Keyring: Sendable {
    /// The algorithms for which the server keeps a key.
    package static let algorithms: [SignatureAlgorithm] = [.es256, .rs256, .edDSA]

    private let snapshot = Mutex(KeyringSnapshot())

    package init() {}

    package var current: KeyringSnapshot { snapshot.withLock { $0 } }

    func swap(_ next: KeyringSnapshot) { snapshot.withLock { $0 = next } }
}

/// A signing key, as listings show it.
package struct SigningKeySummary: Hashable, Sendable {
    package var keyID: String
    package var algorithm: String
    package var state: SigningKeyRecord.State
    package var createdAt: Instant
    package var activeFrom: Instant
    package var retiredAt: Instant?
}
