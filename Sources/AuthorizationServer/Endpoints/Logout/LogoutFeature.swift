// Logout at the request of an application: OpenID Connect RP-Initiated Logout 1.0.
// Owns the decision where the browser may go and whether the person must be asked. Stores nothing; the HTTP room closes
// the session that an answer names.

package struct LogoutFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(LogoutEndpoint(), advertisedAs: "end_session_endpoint")
    }
}
