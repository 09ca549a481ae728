// Texts: every word that a page says, in one value a language. A translation is one more `static let` next to
// `english`; the compiler names what it forgot. Templates hold no words. Locale choice: OIDC Core §3.1.2.1 `ui_locales`.

/// The words of all pages in one language.
package struct Texts: Sendable {
    /// The language as a BCP 47 tag, for `<html lang>`.
    package var language: String
    /// The direction of the script: "ltr" or "rtl".
    package var direction: String
    package var product: String
    package var signIn: SignIn
    package var consent: Consent
    package var accountChooser: AccountChooser
    package var formPost: FormPost
    package var errors: Errors
    package var signOut: SignOut
    package var signedOut: SignedOut
    package var device: Device
    package var welcome: Welcome
    package var account: Account
    package var time: Time
    package var upstream: Upstream

    package struct SignIn: Sendable {
        var title: String
        /// The document's title when the form shows a problem: screen readers read it first.
        var problemTitle: Phrase
        var lead: Phrase
        var reauthenticationTitle: String
        var reauthenticationLead: Phrase
        /// The same where no application asks but a page of this server does.
        var ownLead: Phrase
        var ownReauthenticationLead: Phrase
        var username: String
        var password: String
        var submit: String
        var confirm: String
        var cancel: String
        var wrongCredentials: Phrase
        var throttledOneSecond: Phrase
        var throttledSeconds: Phrase
        var throttledOneMinute: Phrase
        var throttledMinutes: Phrase
        var busy: Phrase
        var expired: Phrase
    }

    package struct Consent: Sendable {
        var title: Phrase
        var lead: Phrase
        var host: Phrase
        var scopes: String
        var signInOnly: String
        /// What the scopes of OpenID Connect Core §5.4 mean to a person.
        var profile: String
        var email: String
        var address: String
        var phone: String
        var offlineAccess: String
        var offlineAccessDescription: String
        var allow: String
        var deny: String
        var note: Phrase

        /// The sentence for a scope of OpenID Connect; other scopes are described where they are registered.
        package func sentence(ofScope name: String) -> String? {
            switch name {
            case "profile": profile
            case "email": email
            case "address": address
            case "phone": phone
            default: nil
            }
        }
    }

    package struct AccountChooser: Sendable {
        var title: String
        var lead: Phrase
        var another: String
    }

    package struct FormPost: Sendable {
        var title: String
        var lead: String
        var submit: String
    }

    package struct Errors: Sendable {
        var malformedRequest: Explanation
        var unknownApplication: Explanation
        var unregisteredAddress: Explanation
        var expired: Explanation
        var crossSite: Explanation
        var notFound: Explanation
        var methodNotAllowed: Explanation
        var tooLarge: Explanation
        var tooManyRequests: Explanation
        var unavailable: Explanation
        var serverFault: Explanation
        var status: Phrase
        var trace: String
        var detail: String
        var help: String
    }

    /// A headline and what a person can do about it.
    package struct Explanation: Sendable {
        package var title: String
        package var explanation: String
    }

    package struct SignOut: Sendable {
        var title: String
        var lead: Phrase
        var leadForApplication: Phrase
        var submit: String
        var stay: String
        var everywhere: String
        var everywhereHint: String
    }

    package struct SignedOut: Sendable {
        var title: String
        var lead: String
        var continueTo: Phrase
        var continuePlain: String
        var telling: String
        /// What a frame is called; nobody sees it.
        var frame: String
    }

    package struct Device: Sendable {
        var codeTitle: String
        var lead: Phrase
        var code: String
        var hint: String
        /// Instead of the hint where the address brought the code.
        var compare: String
        var submit: String
        var unknownCode: Phrase
        var consentTitle: Phrase
        var match: String
        var askedFrom: String
        var sameAddress: String
        var otherAddress: String
        var askedWhen: String
        var justNow: Phrase
        var oneMinuteAgo: Phrase
        var minutesAgo: Phrase
        var warning: String
        var allowedTitle: String
        var allowedLead: Phrase
        var allowedNote: String
        var deniedTitle: String
        var deniedLead: Phrase
        var deniedNote: String
    }

    package struct Welcome: Sendable {
        var title: Phrase
        var lead: String
        var issuer: String
        var discovery: String
        var account: String
        var developmentTitle: String
        var developmentLead: String
        var demo: String
        var username: String
        var password: String
        var developmentWarning: String
    }
}
