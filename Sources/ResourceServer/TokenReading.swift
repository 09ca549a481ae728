internal import Instants
internal import JOSE
internal import RevocationFeed

/// The claims that are looked at whenever a token is shown, as values: read once, and kept with the verified token.
final class TokenReading: Sendable {
    let subject: String
    let clientID: String
    let scopes: [String]
    let audience: [String]
    let expiresAt: Instant?
    let issuedAt: Instant?
    /// `nil` if it is missing or of an unknown version: then nothing could ever name the token.
    let revocation: RevocationClaim?

    /// - Throws: ``TokenRefusal`` where `sub` or `client_id` is missing or no text, or the token is bound to a key.
    init(expiresAt: Instant?, issuedAt: Instant?, _ claim: (String) -> JSON?) throws(TokenRefusal) {
        guard let subject = claim("sub")?.stringValue, let clientID = claim("client_id")?.stringValue else {
            throw TokenRefusal(.tokenMalformed, detail: "sub and client_id must be texts")
        }
        // FIELD H27, RFC 7800 §3: whoever stole a token that is bound to a key would use it without the key, as a bearer.
        guard claim("cnf") == nil else {
            throw TokenRefusal(.tokenBound, detail: "the token has a cnf, and no proof of possession is checked here")
        }
        self.subject = subject
        self.clientID = clientID
        scopes = claim("scope")?.stringValue.map { $0.split(separator: " ").map(String.init) } ?? []
        let audience = claim("aud")
        self.audience =
            audience?.stringValue.map { [$0] } ?? audience?.arrayValue?.compactMap(\.stringValue) ?? []
        self.expiresAt = expiresAt
        self.issuedAt = issuedAt
        revocation = claim(RevocationClaim.name)?.stringValue.flatMap(RevocationClaim.init)
    }

    /// Without what is allocated apart.
    private static let ownBytes = 256

    /// What it takes, in bytes, at most: a text of more than 15 octets is an allocation of its own.
    var footprint: Int {
        let texts = [subject, clientID] + scopes + audience
        let handles = (revocation?.handles.count ?? 0) * RevocationHandle.byteCount
        return texts.reduce(Self.ownBytes + handles) { size, text in
            size + MemoryLayout<String>.size + (text.utf8.count > 15 ? text.utf8.count + 32 : 0)
        }
    }
}
