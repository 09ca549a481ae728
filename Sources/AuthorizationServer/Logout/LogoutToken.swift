import Instants
import JOSE
import OAuthVocabulary

/// Logout tokens: Back-Channel Logout §2.4.
enum LogoutToken {
    static let type = "logout+jwt"
    static let event = "http://schemas.openid.net/event/backchannel-logout"
    /// Back-Channel Logout §2.4: "It is RECOMMENDED that the expiration be no more than two minutes in the future".
    static let lifetime: Duration = .seconds(120)

    static func claims(
        for delivery: LogoutDeliveryRecord,
        tokenID: String,
        issuer: IssuerURL,
        now: Instant
    ) -> JSONObject {
        [
            "iss": .string(issuer.value),
            "aud": .string(delivery.client.value),
            "iat": .integer(now.secondsSinceEpoch),
            "exp": .integer((now + lifetime).secondsSinceEpoch),
            "jti": .string(tokenID),
            // Both, always: with `sub` alone a delivery that comes late would end sessions that began since.
            "sub": .string(delivery.subject.value),
            "sid": .string(delivery.session.value),
            // Back-Channel Logout §2.4: "The corresponding member value MUST be a JSON object and SHOULD be the empty
            // JSON object {}." No nonce: it is prohibited, so that no logout token passes for an ID token.
            "events": .object([event: .object([:])]),
        ]
    }
}
