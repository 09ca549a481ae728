/// The page on which a person allows or denies what a device asks for; its buttons send ``FormField/decision`` = `allow` or
/// `deny`.
package struct DeviceConsentPage: Page {
    /// Where the device asked from, seen from this browser.
    package enum Origin: Sendable {
        case sameAddress
        case otherAddress
    }

    package var applicationName: String
    package var userCode: String
    package var personName: String
    package var scopes: [ConsentPage.Scope]
    package var offlineAccess: OfflineAccess
    package var address: String
    package var origin: Origin
    /// How long ago the device asked.
    package var ageInMinutes: Int
    package var action: String
    package var csrfToken: String
    /// What the form sends along unseen.
    package var hiddenFields: [HiddenField]

    package init(
        applicationName: String,
        userCode: String,
        personName: String,
        scopes: [ConsentPage.Scope],
        offlineAccess: OfflineAccess,
        address: String,
        origin: Origin,
        ageInMinutes: Int,
        action: String,
        csrfToken: String,
        hiddenFields: [HiddenField] = []
    ) {
        self.applicationName = applicationName
        self.userCode = userCode
        self.personName = personName
        self.scopes = scopes
        self.offlineAccess = offlineAccess
        self.address = address
        self.origin = origin
        self.ageInMinutes = ageInMinutes
        self.action = action
        self.csrfToken = csrfToken
        self.hiddenFields = hiddenFields
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.device
        let application = ["application": applicationName]
        return Templates.page(
            "device-consent",
            title: words.consentTitle.plain(application),
            texts: texts,
            basePath: basePath,
            values: [
                "heading": words.consentTitle.filled(application),
                "lead": words.lead.filled(["person": personName]),
                "userCode": Visible.text(userCode),
                "address": Visible.text(address),
                "originNote": origin == .sameAddress ? words.sameAddress : words.otherAddress,
                "age": Self.age(ageInMinutes, words),
                "scopes": scopes.map(ConsentPage.line),
                "offline": offlineAccess == .requested,
                "action": Link.target(action),
                "csrfToken": csrfToken,
                "hiddenFields": HiddenField.values(hiddenFields),
            ]
        )
    }

    private static func age(_ minutes: Int, _ words: Texts.Device) -> [[String: String]] {
        switch minutes {
        case ..<1: words.justNow.filled()
        case 1: words.oneMinuteAgo.filled()
        default: words.minutesAgo.filled(["count": "\(minutes)"])
        }
    }
}

/// The page after the answer: the person goes back to the device.
package struct DeviceAnsweredPage: Page {
    package enum Verdict: Sendable {
        case allowed
        case denied
    }

    package var applicationName: String
    package var verdict: Verdict

    package init(applicationName: String, verdict: Verdict) {
        self.applicationName = applicationName
        self.verdict = verdict
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.device
        let isAllowed = verdict == .allowed
        let title = isAllowed ? words.allowedTitle : words.deniedTitle
        return Templates.page(
            "device-answered",
            title: title,
            texts: texts,
            basePath: basePath,
            values: [
                "heading": title,
                "lead": (isAllowed ? words.allowedLead : words.deniedLead).filled(["application": applicationName]),
                "note": isAllowed ? words.allowedNote : words.deniedNote,
            ]
        )
    }
}
