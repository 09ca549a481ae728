// Browser sessions: how an application on the server's site keeps its person signed in with a cookie that no script reads
// (RFC 6265 §4.1, RFC 6265bis §4.1.2.7), and what holds off requests that another site has a browser send (Fetch Metadata
// §2.4). A protocol of our own: `/session/login`, `/session/refresh`, `/session/logout`, `/session`. Owns the cookies
// `signet-client-…` and the header `Signet-CSRF`. Stores nothing itself: refresh families are Issuance's, sessions Accounts'.

import OAuthVocabulary

/// What an application's pages ask about their sign-in.
package struct BrowserSessionsFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(SessionLoginEndpoint())
        assembly.add(SessionRefreshEndpoint())
        assembly.add(SessionLogoutEndpoint())
        assembly.add(SessionStateEndpoint())
    }
}
