// Room: providers as an operator describes them, their presets and what is peculiar to each: Google, Apple, Microsoft, GitHub.
// OIDC Core §5.1 claims, §5.3 userinfo. A description is fields of text, whether a file or a command gave them, and is
// understood in one place. Stores nothing.

package import Accounts
internal import IssuerConnection
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary

/// A provider whose people may sign in here.
package struct UpstreamProvider: Sendable {
    /// Which peculiarities a provider has.
    package enum Preset: String, CaseIterable, Sendable {
        /// None: OpenID Connect as it is written.
        case oidc
        case google
        case apple
        case microsoft
        /// OAuth 2 and an API of its own.
        case github
    }

    package enum State: Hashable, Sendable {
        case enabled
        case disabled
    }

    package let name: UpstreamName
    package let displayName: String
    package let preset: Preset
    package let state: State
    package let issuer: String
    package let clientID: String
    package let scopes: [String]
    package let rules: UpstreamRules
    /// Changes with anything that was described, secrets included, and tells nothing about them.
    let revision: String
    let authentication: ClientAuthentication
    let claims: ClaimNames
    let destinations: DestinationPolicy
    /// The issuer of one of many tenants, at Microsoft.
    let template: IssuerTemplate?
    /// Where GitHub's API is.
    let api: String?

    /// Which claims are read.
    struct ClaimNames: Hashable, Sendable {
        var name = "name"
        var email = "email"
        var groups: String?
    }

    /// Apple sends its answer as a form, from its own site.
    package var answersByForm: Bool { preset == .apple }

    /// Whether the provider proves that somebody has just signed in there (`max_age` and `auth_time`, OIDC Core §3.1.2.1); the
    /// presets either cannot be asked or do not say when it was.
    package var provesFreshness: Bool { preset == .oidc }
}
