package import OAuthVocabulary

/// The page on which a person types the code that their device shows.
package struct DeviceCodeScreen: Sendable {
    package enum Problem: Hashable, Sendable {
        /// Unknown, expired, answered or malformed: the page says the same.
        case unknownCode
        case throttled(Duration)
    }

    /// What was typed, or what the address brought.
    package var typed: String
    package var problem: Problem?
    package var subject: Subject
    package var formToken: String
}

/// The page on which a person says whether a device gets what it asks for.
package struct DeviceConsentScreen: Sendable {
    package var applicationName: String
    /// The code as the device shows it: whoever sees another one there is being deceived (RFC 8628 §5.4).
    package var userCode: UserCode
    /// Names the very request in the form.
    package var request: String
    package var subject: Subject
    package var scopes: [(scope: Scope, text: String?)]
    /// Where the device asked from.
    package var address: String
    package var origin: Origin
    /// How long ago it asked.
    package var age: Duration
    package var formToken: String

    package enum Origin: Hashable, Sendable { case sameAddress, otherAddress }
}

/// The page after that: back to the device.
package struct DeviceAnsweredScreen: Sendable {
    package enum Verdict: Hashable, Sendable { case allowed, denied }

    package var applicationName: String
    package var verdict: Verdict
}
