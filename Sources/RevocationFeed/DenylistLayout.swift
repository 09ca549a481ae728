import Instants

/// How what was ended lies in a key-value store, for verifiers that look there instead of following the feed.
///
/// | key | value |
/// |---|---|
/// | `h:` handle | tokens with this handle issued at this moment (milliseconds) or earlier are void |
/// | `k:` handle of a signing key | every token of this key is void |
/// | `all` | tokens issued at this moment or earlier are void |
/// | `cursor` | how far in the log of endings all this goes: epoch, space, number |
/// | `beat` | when the writer last had everything in it; vanishes when that is too long ago, or all is lost |
///
/// Without a beat nothing that is missing means anything, so that a verifier must refuse.
package struct DenylistLayout: Hashable, Sendable {
    /// How long a beat stands: nothing that was revoked longer ago is missing.
    package static let beatLifetime: Duration = .seconds(5)

    package let prefix: String

    package init(prefix: String) { self.prefix = prefix }

    package var beat: String { prefix + "beat" }
    package var cursor: String { prefix + "cursor" }
    package var everything: String { prefix + "all" }
    package func handle(_ handle: RevocationHandle) -> String { prefix + "h:" + Self.hexadecimal(handle) }
    package func key(_ handle: RevocationHandle) -> String { prefix + "k:" + Self.hexadecimal(handle) }

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

    private static func hexadecimal(_ handle: RevocationHandle) -> String {
        handle.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
