internal import Instants
internal import JOSE

/// What the issuer said of a token, and when it was asked.
struct IntrospectionAnswer: Sendable {
    /// The claims of an active token; nil for one that is not.
    let claims: JSONObject?
    /// The clock's uptime when the question was sent: what is known is as old as that.
    let askedAt: Duration

    /// Reads an answer (RFC 7662 §2.2).
    ///
    /// Another issuer's token, or one for another audience, is not active here, whatever the endpoint says.
    /// - Returns: nil if it is no answer at all.
    init?(_ body: [UInt8], issuer: String, audience: String, askedAt: Duration, now: Instant) {
        guard let members = try? JSONObject(parsing: body), let isActive = members["active"]?.boolValue else {
            return nil
        }
        self.askedAt = askedAt
        claims = isActive && Self.counts(members, issuer: issuer, audience: audience, now: now) ? members : nil
    }

    private static func counts(_ members: JSONObject, issuer: String, audience: String, now: Instant) -> Bool {
        if let named = members["iss"] {
            guard let text = named.stringValue, text.utf8.elementsEqual(issuer.utf8) else { return false }
        }
        // RFC 7662 §4 leaves it to the resource server to look at the audience: FIELD F23.
        guard let named = members["aud"] else { return false }
        let audiences = named.stringValue.map { [$0] } ?? named.arrayValue?.compactMap(\.stringValue) ?? []
        guard audiences.contains(where: { $0.utf8.elementsEqual(audience.utf8) }) else { return false }
        if let type = members["token_type"] {
            guard type.stringValue?.lowercased() == "bearer" else { return false }
        }
        if let expiry = members["exp"] {
            guard let seconds = expiry.integerValue, now < Instant(secondsSinceEpoch: seconds) else { return false }
        }
        if let start = members["nbf"] {
            guard let seconds = start.integerValue, Instant(secondsSinceEpoch: seconds) <= now else { return false }
        }
        return true
    }

    /// When the token expires, if the issuer said so.
    var expiresAt: Instant? { claims?["exp"]?.integerValue.map(Instant.init(secondsSinceEpoch:)) }
}
