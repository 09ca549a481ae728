internal import Crypto
internal import FoundationEssentials
package import JOSE
package import OAuthVocabulary
import RevocationFeed
package import Storage

/// SHA-256, and the shapes in which identifiers are stored.
package enum Digest {
    package static func sha256(_ text: String) -> [UInt8] { sha256(Array(text.utf8)) }
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        // By buffers: the generic way in looks its types up while it runs, and the one out goes byte by byte.
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return hash.finalize().withUnsafeBytes { Array($0) }
    }
    /// SHA-256 in base64url: how secrets of high entropy are kept, and PKCE challenges are written.
    package static func sha256Text(_ text: String) -> String { Base64URL.encode(sha256(text)) }
}

extension RecordKey {
    /// The key of the record that `identifier` names among its kind.
    package init(_ kind: RecordKind, _ identifier: String) {
        self.init(kind: kind, identifier: IdentifierHash(bytes: Digest.sha256(identifier)))
    }
}

extension SecondaryIndex {
    package init(_ name: String, _ text: String) {
        self.init(name: name, value: IdentifierHash(bytes: Digest.sha256(text)))
    }
}

/// The 32 bytes from which every other key of a server is derived.
///
/// They live in a file of mode 0600, not in the store.
package struct MasterKey: Sendable, CustomStringConvertible {
    package static let byteCount = 32
    let key: SymmetricKey

    /// `nil` unless there are exactly 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        key = SymmetricKey(data: bytes)
    }

    package var description: String { "<master key>" }

    /// A key for one purpose (HKDF-SHA256, RFC 5869): knowing one tells nothing about another.
    func derived(for purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: key,
            salt: Array("signet".utf8),
            info: Array(purpose.utf8),
            outputByteCount: 32
        )
    }
}

/// The derived keys, made once at start.
package final class DerivedKeys: Sendable {
    /// The version that new refresh tokens are made under; older versions stay verifiable while they are listed.
    package static let currentRefreshKeyVersion: UInt8 = 1

    /// Those that are used at every request are begun with the key, which takes as long as the rest.
    private let refreshTokens: [UInt8: HMAC<SHA256>]
    private let interaction: SymmetricKey
    private let opaque: SymmetricKey
    private let signingKeys: SymmetricKey
    private let check: SymmetricKey
    private let revocationHandles: HMAC<SHA256>
    /// What was made with it for clients.
    let clientHandles = Memo<RevocationHandles.ClientName, RevocationHandle?>()
    private let feedKeys: SymmetricKey
    private let statusPlaces: SymmetricKey
    private let streamCredentials: SymmetricKey
    private let userCodes: SymmetricKey
    private let upstreamSecrets: SymmetricKey
    private let sessionsApart: SymmetricKey

    package init(_ master: MasterKey) {
        refreshTokens = [1: HMAC<SHA256>(key: master.derived(for: "refresh-token-mac-1"))]
        interaction = master.derived(for: "interaction-mac-1")
        opaque = master.derived(for: "opaque-access-token-1")
        signingKeys = master.derived(for: "signing-keys-1")
        check = master.derived(for: "master-key-check-1")
        revocationHandles = HMAC<SHA256>(key: master.derived(for: "revocation-handles-1"))
        feedKeys = master.derived(for: "feed-keys-1")
        statusPlaces = master.derived(for: "status-places-1")
        streamCredentials = master.derived(for: "stream-credentials-1")
        userCodes = master.derived(for: "user-codes-1")
        upstreamSecrets = master.derived(for: "upstream-secrets-1")
        sessionsApart = master.derived(for: "sessions-apart-1")
    }

    /// HMAC-SHA256 under the refresh key of this version; `nil` where there is no such version.
    func refreshMAC(_ message: [UInt8], keyVersion: UInt8) -> [UInt8]? {
        refreshTokens[keyVersion].map { Self.code(of: message, begunWith: $0) }
    }

    /// HMAC-SHA256 for what names a token, a person or a client in the revocation feed of one audience.
    func revocationMAC(_ message: [UInt8]) -> [UInt8] {
        Self.code(of: message, begunWith: revocationHandles)
    }

    private static func code(of message: [UInt8], begunWith key: HMAC<SHA256>) -> [UInt8] {
        var code = key
        code.update(data: message)
        return code.finalize().withUnsafeBytes { Array($0) }
    }

    /// HMAC-SHA256 for what binds a form to its browser.
    package func interactionMAC(_ message: String) -> String {
        Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: Array(message.utf8), using: interaction)))
    }

    /// HMAC-SHA256 by which a session that lies in a store of its own is known to be this server's.
    package func sessionMAC(_ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: sessionsApart))
    }

    /// Proves that this is the key that the store was made with, and tells nothing about it.
    package var fingerprint: String {
        Base64URL.encode(Array(HMAC<SHA256>.authenticationCode(for: Array("signet".utf8), using: check)))
    }

    /// HMAC-SHA256 by which user codes are found.
    ///
    /// They are so short that whoever has the database could try them all against a bare hash.
    func userCodeMAC(_ code: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(code.utf8), using: userCodes))
    }

    /// Seals a signing key for the store: AES-256-GCM, bound to its `kid`.
    func sealSigningKey(_ plain: [UInt8], keyID: String) throws(OAuthError) -> [UInt8] {
        try seal(plain, with: signingKeys, boundTo: keyID)
    }

    func openSigningKey(_ sealed: [UInt8], keyID: String) -> [UInt8]? {
        open(sealed, with: signingKeys, boundTo: keyID)
    }

    /// Seals a key of the revocation feed for the store, bound to its `kid`.
    func sealFeedKey(_ plain: [UInt8], keyID: String) throws(OAuthError) -> [UInt8] {
        try seal(plain, with: feedKeys, boundTo: keyID)
    }

    func openFeedKey(_ sealed: [UInt8], keyID: String) -> [UInt8]? { open(sealed, with: feedKeys, boundTo: keyID) }

    /// Seals the claims of an opaque access token: AES-256-GCM.
    func sealOpaqueToken(_ plain: [UInt8]) throws(OAuthError) -> [UInt8] {
        try seal(plain, with: opaque, boundTo: "access-token")
    }

    func openOpaqueToken(_ sealed: [UInt8]) -> [UInt8]? { open(sealed, with: opaque, boundTo: "access-token") }

    /// HMAC-SHA256 by which the places of the status lists are mixed.
    func statusPlaceMAC(_ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: statusPlaces))
    }

    /// Seals what an event stream presents to its receiver: AES-256-GCM, bound to the stream.
    func sealStreamCredential(_ plain: [UInt8], stream: String) throws(OAuthError) -> [UInt8] {
        try seal(plain, with: streamCredentials, boundTo: stream)
    }

    func openStreamCredential(_ sealed: [UInt8], stream: String) -> [UInt8]? {
        open(sealed, with: streamCredentials, boundTo: stream)
    }

    /// Seals what this server proves itself with at an upstream provider: AES-256-GCM, bound to the provider's name.
    package func sealUpstreamSecrets(_ plain: [UInt8], provider: String) throws(OAuthError) -> [UInt8] {
        try seal(plain, with: upstreamSecrets, boundTo: provider)
    }

    package func openUpstreamSecrets(_ sealed: [UInt8], provider: String) -> [UInt8]? {
        open(sealed, with: upstreamSecrets, boundTo: provider)
    }

    private func seal(_ plain: [UInt8], with key: SymmetricKey, boundTo context: String) throws(OAuthError) -> [UInt8] {
        guard let combined = try? AES.GCM.seal(plain, using: key, authenticating: Array(context.utf8)).combined else {
            throw .internalFault("AES-GCM could not seal")
        }
        return Array(combined)
    }

    private func open(_ sealed: [UInt8], with key: SymmetricKey, boundTo context: String) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let plain = try? AES.GCM.open(box, using: key, authenticating: Array(context.utf8))
        else { return nil }
        return Array(plain)
    }
}
