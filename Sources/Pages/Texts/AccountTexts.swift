extension Texts {
    /// The words of the account pages.
    package struct Account: Sendable {
        var navigation: String
        /// What the links between the pages say: short, because a phone shows all of them.
        var toProfile: String
        var toPassword: String
        var toSessions: String
        var toApplications: String
        var signedIn: Phrase
        var signOut: String
        var profile: String
        var password: String
        var sessions: String
        var applications: String

        var renamed: String
        var passwordChanged: String
        var sessionEnded: String
        var othersEnded: String
        var disconnected: String
        var switched: String

        var profileLead: String
        var name: String
        var nameHint: String
        var saveName: String
        var unusableName: Phrase
        var username: String
        var email: String
        var noEmail: String
        var emailUnverified: String
        var operatorNote: String
        var otherAccounts: String
        var otherAccountsLead: String
        var noOtherAccounts: String
        var switchTo: String
        var addAccount: String

        var passwordLead: String
        var noPassword: String
        var currentPassword: String
        var newPassword: String
        var repeatPassword: String
        var passwordRule: Phrase
        var changePassword: String
        var wrongCurrentPassword: Phrase
        var passwordTooShort: Phrase
        var passwordTooLong: Phrase
        var passwordNotRepeated: Phrase
        var passwordUnchanged: Phrase

        var sessionsLead: String
        var agentOnSystem: Phrase
        var unknownDevice: String
        var thisBrowser: String
        var onlyApplication: Phrase
        var signedInAt: Phrase
        var lastUsed: Phrase
        var network: Phrase
        var endSession: String
        var endSeveral: String
        var endOthers: String
        var endAll: String
        var endAllLead: String

        var applicationsLead: String
        var noApplications: String
        var may: String
        var signInOnly: String
        var connectedAt: Phrase
        var disconnect: String
        var disconnectLead: String

        var paging: String
        var previous: String
        var next: String
        var position: Phrase

        func label(of section: AccountSection) -> String {
            switch section {
            case .profile: toProfile
            case .password: toPassword
            case .sessions: toSessions
            case .applications: toApplications
            }
        }

        func text(of notice: AccountNotice) -> String {
            switch notice {
            case .renamed: renamed
            case .passwordChanged: passwordChanged
            case .sessionEnded: sessionEnded
            case .othersEnded: othersEnded
            case .disconnected: disconnected
            case .switched: switched
            }
        }
    }

    static let englishAccount = Account(
        navigation: "Account",
        toProfile: "Profile",
        toPassword: "Password",
        toSessions: "Sessions",
        toApplications: "Applications",
        signedIn: "Signed in as {person}",
        signOut: "Sign out",
        profile: "Your profile",
        password: "Password",
        sessions: "Where you’re signed in",
        applications: "Connected applications",
        renamed: "Your name was changed.",
        passwordChanged:
            "Your password was changed. Everywhere else you are signed out, and applications have to ask again.",
        sessionEnded: "That session has ended.",
        othersEnded: "You are signed out everywhere else.",
        disconnected: "The application is disconnected. What it held no longer works.",
        switched: "You switched to this account.",
        profileLead: "Applications can see this if you allow it.",
        name: "Name",
        nameHint: "How pages and applications call you. Leave it empty to be called by your username.",
        saveName: "Save name",
        unusableName: "That name can’t be used. Take at most 100 visible characters.",
        username: "Username",
        email: "Email address",
        noEmail: "None on record",
        emailUnverified: "not verified",
        operatorNote: "To change your username or email address, ask whoever runs this service.",
        otherAccounts: "Other accounts in this browser",
        otherAccountsLead: "Each has its own session; what you do here concerns only the account above.",
        noOtherAccounts: "Nobody else is signed in here. Up to five accounts can be, side by side.",
        switchTo: "Switch",
        addAccount: "Sign in with another account",
        passwordLead:
            "Changing it signs you out everywhere but here, and ends what applications hold until they ask you again.",
        noPassword: "Your account has no password: you sign in in another way.",
        currentPassword: "Current password",
        newPassword: "New password",
        repeatPassword: "New password again",
        passwordRule: "At least {count} characters. A few words you can remember are good.",
        changePassword: "Change password",
        wrongCurrentPassword: "The current password is not right. Nothing was changed.",
        passwordTooShort: "The new password needs at least {count} characters.",
        passwordTooLong: "The new password is too long.",
        passwordNotRepeated: "The two new passwords differ. Type the same one twice.",
        passwordUnchanged: "The new password is the one you have. Choose another.",
        sessionsLead:
            "Browsers and applications in which you are signed in. End what you don’t recognise, then change your password.",
        agentOnSystem: "{agent} on {system}",
        unknownDevice: "Unknown browser",
        thisBrowser: "This browser",
        onlyApplication: "Only in {application}",
        signedInAt: "Signed in {time}",
        lastUsed: "Last used {time}",
        network: "From network {network}",
        endSession: "End session",
        endSeveral: "Sign out in several places",
        endOthers: "Sign out everywhere else",
        endAll: "Sign out everywhere",
        endAllLead:
            "Everywhere includes this browser, and applications that you let stay connected: they have to ask you again.",
        applicationsLead: "What you have allowed applications to do for you.",
        noApplications: "No application is connected to your account.",
        may: "It may",
        signInOnly: "Know who you are when you sign in",
        connectedAt: "Connected {time}",
        disconnect: "Disconnect",
        disconnectLead: "A disconnected application loses its access at once. It can ask you again.",
        paging: "Pages",
        previous: "Previous",
        next: "Next",
        position: "Page {page} of {pages}"
    )
}
