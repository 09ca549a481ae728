// The list of everything that the server can do. A feature contributes grants, endpoints, metadata and the kinds of
// record that it owns (Kernel/Feature.swift); a row here switches it on, and nothing else has to be edited.

/// THE list: every feature of the server, one row each.
///
/// Reading it is reading what the server can do.
package enum Features {
    package static var all: [any Feature] {
        [
            DiscoveryFeature(),  // RFC 8414, OpenID Connect Discovery 1.0
            JWKSetFeature(),  // RFC 7517
            TokenFeature(),  // RFC 6749 §3.2, RFC 7523 §2.2
            AuthorizationFeature(),  // RFC 6749 §3.1, OpenID Connect Core §3.1.2, RFC 9207
            PKCEFeature(),  // RFC 7636
            ConsentFeature(),  // OpenID Connect Core §3.1.2.4, §11
            AuthorizationCodeFeature(),  // RFC 6749 §4.1
            ClientCredentialsFeature(),  // RFC 6749 §4.4
            DeviceCodeFeature(),  // RFC 8628
            RefreshTokenFeature(),  // RFC 6749 §6, RFC 9700 §4.14
            IntrospectionFeature(),  // RFC 7662
            RevocationFeature(),  // RFC 7009
            RevocationFeedFeature(),  // a protocol of our own: Docs/revocation-feed.md
            UserInfoFeature(),  // OpenID Connect Core §5.3
            StatusListFeature(),  // draft-ietf-oauth-status-list-21
            SecurityEventsFeature(),  // RFC 8417, RFC 8935, RFC 8936, SSF 1.0, CAEP 1.0
            BrowserSessionsFeature(),  // a protocol of our own: Docs/decisions/0019-browser-sessions.md
            LogoutFeature(),  // OpenID Connect RP-Initiated Logout 1.0
            LogoutPropagationFeature(),  // OpenID Connect Back-Channel Logout 1.0, Front-Channel Logout 1.0
        ]
    }
}
