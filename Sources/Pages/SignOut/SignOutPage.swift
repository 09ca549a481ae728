// SignOut: the question before and the page after RP-initiated logout.
// OIDC RP-Initiated Logout §2 (ask the person), §3 (redirection afterwards); OIDC Front-Channel Logout §3 (other
// applications in frames). Stores nothing.

/// The question whether to sign out; its buttons send ``FormField/decision`` = `sign-out`, `sign-out-everywhere` or
/// `stay`.
package struct SignOutPage: Page {
    /// The application that asked, when it proved who it is.
    package var applicationName: String?
    package var personName: String
    package var action: String
    package var csrfToken: String
    /// What the form sends along unseen.
    package var hiddenFields: [HiddenField]
    package var formActions: [String]

    package init(
        applicationName: String?,
        personName: String,
        action: String,
        csrfToken: String,
        hiddenFields: [HiddenField] = [],
        formActions: [String] = []
    ) {
        self.applicationName = applicationName
        self.personName = personName
        self.action = action
        self.csrfToken = csrfToken
        self.hiddenFields = hiddenFields
        self.formActions = formActions
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.signOut
        let lead =
            if let applicationName {
                words.leadForApplication.filled(["application": applicationName, "person": personName])
            } else {
                words.lead.filled(["person": personName])
            }
        return Templates.page(
            "sign-out",
            title: words.title,
            texts: texts,
            basePath: basePath,
            values: [
                "lead": lead,
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "hiddenFields": HiddenField.values(hiddenFields),
            ]
        )
    }
}

/// The page after signing out, when there is no address to return to, or when other applications are told in frames.
package struct SignedOutPage: Page {
    package var applicationName: String?
    package var continueURL: String?
    /// Pages of other applications in which they sign this browser out (Front-Channel Logout §3).
    package var frames: [String]

    /// The script follows ``continueURL`` once all frames have loaded; a person without scripts follows the link.
    package var script: PageScript { frames.isEmpty || continueURL == nil ? .none : .own }
    package var frameSources: [String] {
        var sources: [String] = []
        for source in shownFrames.compactMap({ FormAction.source(for: $0) }) where !sources.contains(source) {
            sources.append(source)
        }
        return sources
    }

    package init(applicationName: String? = nil, continueURL: String? = nil, frames: [String] = []) {
        self.applicationName = applicationName
        self.continueURL = continueURL
        self.frames = frames
    }

    private var shownFrames: [String] { frames.compactMap { Link.web($0) } }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.signedOut
        let label: Phrase = applicationName == nil ? Phrase(stringLiteral: words.continuePlain) : words.continueTo
        return Templates.page(
            "signed-out",
            title: words.title,
            texts: texts,
            basePath: basePath,
            values: [
                "continueURL": continueURL.flatMap { Link.isNavigation($0) ? $0 : nil },
                "label": label.filled(["application": applicationName ?? ""]),
                "frames": shownFrames.map { ["address": $0] },
                "hasFrames": shownFrames.isEmpty ? nil : true,
                "script": script == .own ? Assets.link(to: "signed-out.js", basePath: basePath) : nil,
            ]
        )
    }
}
