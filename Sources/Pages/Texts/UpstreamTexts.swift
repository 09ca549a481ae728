extension Texts {
    /// The words around a sign-in at another provider.
    package struct Upstream: Sendable {
        /// A headline and an explanation in which the provider is named.
        struct Sentence: Sendable {
            var title: Phrase
            var explanation: Phrase
        }

        /// Between the password and the other ways to sign in.
        var or: String
        var button: Phrase
        var continueTitle: String
        var continueButton: String
        var toProvider: Phrase
        var back: Phrase
        var anotherWay: String
        /// In the place of a provider's name.
        var anyProvider: String
        var unavailable: Sentence
        var cancelled: Sentence
        var answerInvalid: Sentence
        var expired: Sentence
        var providerOff: Sentence
        var domainNotAllowed: Sentence
        var noAccount: Sentence
        var addressInUse: Sentence
        var disabled: Sentence
        var linkedToAnother: Sentence
        var tooManyLinks: Sentence
        var linksTitle: String
        var linksLead: Phrase
        var linksHeading: String
        var linksNone: String
        var remove: Phrase
        var removeShort: String
        var addHeading: String
        var add: Phrase
        var linked: Phrase
        var removed: Phrase
        var lastWayIn: Phrase
    }

    static let englishUpstream = Upstream(
        or: "or",
        button: "Continue with {provider}",
        continueTitle: "One moment",
        continueButton: "Continue",
        toProvider: "You are being taken to {provider} to sign in there.",
        back: "You are signed in and being taken back.",
        anotherWay: "Back to sign in",
        anyProvider: "the other provider",
        unavailable: .init(
            title: "{provider} doesn’t answer",
            explanation: "We could not reach {provider} just now. Wait a little and try again, or sign in another way."
        ),
        cancelled: .init(
            title: "You didn’t sign in at {provider}",
            explanation: "Nothing has happened. Try again, or sign in another way."
        ),
        answerInvalid: .init(
            title: "We can’t accept the answer from {provider}",
            explanation:
                "What {provider} sent does not hold up, so we stopped here. Try again; if it keeps happening, tell the operator the trace number below."
        ),
        expired: .init(
            title: "This sign-in is over",
            explanation:
                "It took too long, was completed already, or began in another browser. Go back to the application and start again."
        ),
        providerOff: .init(
            title: "{provider} can’t be used here",
            explanation: "Signing in this way is switched off. Please sign in another way."
        ),
        domainNotAllowed: .init(
            title: "This account can’t be used here",
            explanation:
                "Only accounts of certain organisations may sign in through {provider}. Choose another account there, or sign in another way."
        ),
        noAccount: .init(
            title: "You don’t have an account here yet",
            explanation:
                "Your account at {provider} is not linked to one here, and new accounts are not made this way. If you have an account here, sign in to it and link {provider} in your account settings."
        ),
        addressInUse: .init(
            title: "An account uses your email address already",
            explanation:
                "If it is yours, sign in the way you did before, then link {provider} in your account settings. We don’t join accounts on the word of an address."
        ),
        disabled: .init(
            title: "This account is closed",
            explanation: "You can’t sign in with it at the moment. The operator can tell you more."
        ),
        linkedToAnother: .init(
            title: "This account is linked to somebody else",
            explanation:
                "The account that you chose at {provider} belongs to another account here. Remove it there first, or choose another one at {provider}."
        ),
        tooManyLinks: .init(
            title: "Too many accounts are linked",
            explanation: "Remove one that you no longer use, then link this one."
        ),
        linksTitle: "Linked accounts",
        linksLead: "Other ways for {person} to sign in.",
        linksHeading: "Linked",
        linksNone: "No account at another provider is linked.",
        remove: "Remove {provider} {label}",
        removeShort: "Remove",
        addHeading: "Add another way",
        add: "Link {provider}",
        linked: "The account is linked. From now on you can sign in with it.",
        removed: "The link is gone. Sessions that began with it go on until you end them.",
        lastWayIn: "This is the only way for you to sign in. Set a password or link another account first."
    )
}
