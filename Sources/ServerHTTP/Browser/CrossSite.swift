import AuthorizationServer
import HTTPTypes
import OAuthVocabulary

/// Refuses forms of ours that another site sent (RFC 9700 §4.7; CVE-2020-10734).
///
/// The form token alone would do. This says no earlier, and also where a token leaked.
enum CrossSite {
    static func refuse(_ exchange: Exchange, issuer: IssuerURL) throws(OAuthError) {
        let sites = exchange.headers[values: .fetchSite]
        if !sites.isEmpty {
            // Fetch Metadata §2.4. "same-site" is refused: a sibling domain is somebody else (GHSA-mq4x-r2w3-j7mr).
            guard sites == ["same-origin"] || sites == ["none"] else { throw refusal("Sec-Fetch-Site: \(sites)") }
            return
        }
        let origins = exchange.headers[values: .origin]
        // Neither header: no browser of these years, and so no browser that another site could use.
        guard origins.isEmpty || origins == [issuer.origin] else { throw refusal("Origin: \(origins)") }
    }

    private static func refusal(_ detail: String) -> OAuthError {
        OAuthError(.accessDenied, "this form came from another site", status: 403, detail: detail)
    }
}
