// Room: what a person must do before a request can be answered (sign in, choose, consent), and how that is resumed.
// OpenID Connect Core §3.1.2.3 and §3.1.2.4. Owns the record kinds `interaction` and `visit` (a page of ours that waits for
// its person to sign in: Visits.swift).

package import OAuthVocabulary

/// A page that a person must see next.
///
/// The protocol says what is on it; the Pages room says how it looks.
package enum Screen: Sendable {
    /// Go and sign in; afterwards the interaction resumes.
    case signIn(SignInScreen)
    /// Choose an account of this browser, or sign in with another.
    case chooseAccount(ChooseAccountScreen)
    /// Allow or deny.
    case consent(ConsentScreen)
    /// Confirm that you want to sign out.
    case confirmSignOut(ConfirmSignOutScreen)
    case signedOut(SignedOutScreen)
    /// Type the code that a device shows.
    case deviceCode(DeviceCodeScreen)
    /// Allow or deny what a device asks for.
    case deviceConsent(DeviceConsentScreen)
    /// Go back to the device.
    case deviceAnswered(DeviceAnsweredScreen)
    case error(OAuthError)
}

package struct SignInScreen: Sendable {
    /// Names the pending request in the address and in the form; worthless in another browser.
    package var interaction: String
    /// The application that asks; `nil` where a page of ours does.
    package var applicationName: String?
    package var loginHint: String?
    /// The person who must sign in again, where the request asks for a fresh login of the same one.
    package var reauthenticating: Subject?
    /// Whether only a sign-in that the person does now counts, whoever they turn out to be.
    package var mustBeFresh = false
    package var uiLocales: [String]
    /// Where the browser may go after the form (CSP `form-action`); `nil` for nowhere else.
    package var redirectOrigin: String?
    package var formToken: String
}

package struct ChooseAccountScreen: Sendable {
    package var interaction: String
    package var applicationName: String
    package var accounts: [Subject]
    package var uiLocales: [String]
    package var redirectOrigin: String
    package var formToken: String
}

package struct ConsentScreen: Sendable {
    package var interaction: String
    package var applicationName: String
    /// The host of the redirect URI: what the person can check the application's name against.
    package var applicationHost: String
    package var subject: Subject
    /// What is asked for, each with its sentence; scopes of OpenID Connect without one are described by the page's
    /// texts.
    package var scopes: [(scope: Scope, text: String?)]
    package var uiLocales: [String]
    package var redirectOrigin: String
    package var formToken: String
}

package struct SignedOutScreen: Sendable {
    package var applicationName: String?
    /// Pages of other applications, to be shown in frames: Front-Channel Logout §3.
    package var frames: [String] = []
    /// Where to go afterwards, with the name of the application that it belongs to.
    package var continueURL: String?
}

package struct ConfirmSignOutScreen: Sendable {
    package var applicationName: String?
    package var subject: Subject
    /// The validated request, to be posted back.
    package var fields: [(name: String, value: String)]
    package var uiLocales: [String]
    package var redirectOrigin: String?
    package var formToken: String
}
