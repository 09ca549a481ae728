import Crypto
import Instants

/// How what was ended lies in a key-value store, for verifiers that look there instead of following the feed.
///
/// | key | value |
/// |---|---|
/// | `h:` handle | tokens with this handle issued at this moment (milliseconds) or earlier are void |
/// | `k:` handle of a signing key | every token of this key is void |
/// | `all:` issuer | tokens issued at this moment or earlier are void |
/// | `cursor:` issuer | how far in the log of endings all this goes: epoch, number and, in between, a mark |
/// | `beat:` issuer | when the writer last had everything in it; vanishes when that is too long ago, or all is lost |
///
/// The issuer is the first sixteen hexadecimal digits of the SHA-256 of its URL, so that several can share a Redis: handles
/// differ anyway. Without a beat nothing that is missing means anything, so that a verifier must refuse.
package struct DenylistLayout: Hashable, Sendable {
    /// How long a beat stands after the reading of the log that it vouches for.
    package static let beatLifetime: Duration = .seconds(5)
    /// How long an act may wait for its number while there are beats.
    package static let longestWait: Duration = .seconds(2)
    /// While a beat stands, nothing that was revoked longer ago is missing.
    package static let maximumStaleness = beatLifetime + longestWait

    private let prefix: String
    private let issuer: String

    package init(prefix: String, issuer: String) {
        self.prefix = prefix
        self.issuer = Self.hexadecimal(SHA256.hash(data: Array(issuer.utf8)).prefix(8))
    }

    package var beat: String { prefix + "beat:" + issuer }
    package var cursor: String { prefix + "cursor:" + issuer }
    package var everything: String { prefix + "all:" + issuer }
    package func handle(_ handle: RevocationHandle) -> String { prefix + "h:" + Self.hexadecimal(handle.bytes) }
    package func key(_ handle: RevocationHandle) -> String { prefix + "k:" + Self.hexadecimal(handle.bytes) }

    /// Under which key an entry lies; `nil` for what ends nothing.
    package func name(of entry: FeedEntry) -> String? {
        switch entry.kind {
        case .handle: handle(entry.handle)
        case .signingKey: key(entry.handle)
        case .widened: nil
        // A kind that is not known ends everything, as in the feed: more than was meant, never less.
        default: everything
        }
    }

    /// The keys on which the fate of a token depends; the first is the beat.
    package func names(for claim: RevocationClaim, keyID: String?) -> [String] {
        [beat, everything] + claim.handles.map(handle) + (keyID.map { [key(FeedEntry.handle(ofKey: $0))] } ?? [])
    }

    /// What the values of ``names(for:keyID:)`` mean; `nil` if they mean nothing.
    package func isRevoked(_ claim: RevocationClaim, keyID: String?, values: [String?]) -> Bool? {
        guard values.count == 2 + claim.handles.count + (keyID == nil ? 0 : 1), values[0] != nil else { return nil }
        for value in values[1...(1 + claim.handles.count)] {
            guard let value else { continue }
            guard let moment = Int64(value) else { return nil }
            if claim.issuedAt.millisecondsSinceEpoch <= moment { return true }
        }
        return keyID != nil && values[values.count - 1] != nil
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
