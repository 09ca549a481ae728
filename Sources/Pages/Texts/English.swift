extension Texts {
    package static let english = Texts(
        language: "en",
        direction: "ltr",
        product: "Signet",
        signIn: SignIn(
            title: "Sign in",
            problemTitle: "Problem: {title}",
            lead: "to continue to {application}",
            reauthenticationTitle: "Confirm it’s you",
            reauthenticationLead: "{application} asks you to enter your password again.",
            ownLead: "to go on",
            ownReauthenticationLead: "This needs a fresh sign-in. Please enter your password again.",
            username: "Username or email",
            password: "Password",
            submit: "Sign in",
            confirm: "Confirm",
            cancel: "Cancel",
            wrongCredentials: "That username and password don’t match. Check both and try again.",
            throttledOneSecond: "Too many attempts. Try again in a second.",
            throttledSeconds: "Too many attempts. Try again in {count} seconds.",
            throttledOneMinute: "Too many attempts. Try again in a minute.",
            throttledMinutes: "Too many attempts. Try again in {count} minutes.",
            busy: "Many people are signing in right now. Wait a moment, then try again.",
            expired: "This page was open for too long. Please sign in again."
        ),
        consent: Consent(
            title: "Allow {application}?",
            lead: "You are signed in as {person}.",
            host: "{application} will receive this at {host}.",
            scopes: "It asks to",
            signInOnly: "Know who you are when you sign in",
            profile: "See your name and profile",
            email: "See your email address",
            address: "See your postal address",
            phone: "See your phone number",
            offlineAccess: "Stay connected",
            offlineAccessDescription: "Keep this access while you are not using it, until you take it back",
            allow: "Allow",
            deny: "Don’t allow",
            note: "Allow it only if you know and trust this application."
        ),
        accountChooser: AccountChooser(
            title: "Choose an account",
            lead: "to continue to {application}",
            another: "Use another account"
        ),
        formPost: FormPost(
            title: "One moment",
            lead: "You are being taken back to the application.",
            submit: "Continue"
        ),
        errors: englishErrors,
        signOut: SignOut(
            title: "Sign out?",
            lead: "You are signed in as {person}.",
            leadForApplication: "{application} asks to sign you out. You are signed in as {person}.",
            submit: "Sign out",
            stay: "Stay signed in",
            everywhere: "Sign out everywhere",
            everywhereHint: "On every device. Applications can do nothing more for you until you sign in again."
        ),
        signedOut: SignedOut(
            title: "You’re signed out",
            lead: "On a shared computer, close the browser window too.",
            continueTo: "Back to {application}",
            continuePlain: "Continue",
            telling: "Other applications in this browser are being signed out as well.",
            frame: "An application that signs you out"
        ),
        device: englishDevice,
        welcome: Welcome(
            title: "{product} is running",
            lead: "An OAuth 2.1 and OpenID Connect provider. Applications need only its issuer.",
            issuer: "Issuer",
            discovery: "Discovery document",
            account: "Your account",
            developmentTitle: "Try it",
            developmentLead: "The demo application is a client like any other. Sign in with:",
            demo: "Open the demo",
            username: "Username",
            password: "Password",
            developmentWarning: "Development mode: demo people and clients exist. Not for production."
        ),
        account: englishAccount,
        time: englishTime,
        upstream: englishUpstream
    )

    private static let englishDevice = Device(
        codeTitle: "Connect a device",
        lead: "You are signed in as {person}.",
        code: "Code on the device",
        hint: "Eight letters. Capitals, spaces and dashes don’t matter.",
        compare: "Go on only if the device in front of you shows this very code.",
        submit: "Continue",
        unknownCode:
            "That code doesn’t work: it is mistyped, out of date or already used. Check it, or start again on the device.",
        consentTitle: "Connect {application}?",
        match: "Does your device show this code?",
        askedFrom: "Asked from",
        sameAddress: "the same network as this browser",
        otherAddress: "another network than this browser’s",
        askedWhen: "Asked",
        justNow: "less than a minute ago",
        oneMinuteAgo: "a minute ago",
        minutesAgo: "{count} minutes ago",
        warning:
            "Allow it only if you began this yourself, on a device of yours. If somebody sent you a link or a code, they would be signed in as you.",
        allowedTitle: "All set",
        allowedLead: "Go back to your device. {application} goes on there in a few seconds.",
        allowedNote: "You may close this window.",
        deniedTitle: "Not connected",
        deniedLead: "{application} is told that you did not allow it.",
        deniedNote: "If you did not begin this yourself, somebody tried to be signed in as you. They were not."
    )

    private static let englishErrors = Errors(
        malformedRequest: Explanation(
            title: "This link doesn’t work",
            explanation: "The application sent a request that we can’t answer. Go back to it and try again."
        ),
        unknownApplication: Explanation(
            title: "We don’t know this application",
            explanation: "The link you followed names an application that is not registered here."
        ),
        unregisteredAddress: Explanation(
            title: "We can’t send you back there",
            explanation: "The application asked to return to an address that it has not registered, so we stopped here."
        ),
        expired: Explanation(
            title: "This page has expired",
            explanation: "It was open for too long or was already used. Go back to the application and start again."
        ),
        crossSite: Explanation(
            title: "This form came from elsewhere",
            explanation: "For your safety we only accept forms from our own pages. Go back and try again."
        ),
        notFound: Explanation(
            title: "There is nothing here",
            explanation: "The address may be mistyped or out of date."
        ),
        methodNotAllowed: Explanation(
            title: "This address works differently",
            explanation: "It can’t be opened in this way. Go back to the application and try again."
        ),
        tooLarge: Explanation(
            title: "That request is too large",
            explanation: "The application sent more than we accept. Go back to it and try again."
        ),
        tooManyRequests: Explanation(
            title: "Too many attempts",
            explanation: "Wait a moment, then try again."
        ),
        unavailable: Explanation(
            title: "We’ll be right back",
            explanation: "The service can’t answer at the moment. Wait a little, then try again."
        ),
        serverFault: Explanation(
            title: "Something went wrong on our side",
            explanation:
                "It is not your fault. Try again; if it keeps happening, tell the operator the trace number below."
        ),
        status: "Error {status}",
        trace: "Trace",
        detail: "For developers",
        help: "Give the trace number to the operator if you ask for help."
    )
}
