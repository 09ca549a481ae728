// Device: the pages on which a person connects a device that has no browser: type its code, allow or deny, go back to it.
// RFC 8628 §3.3, §5.4 (what a person must see, so that nobody connects another's device). Stores nothing.

/// Why a code did not lead on; the page says the same for unknown, expired and used ones.
package enum DeviceCodeProblem: Hashable, Sendable {
    case unknownCode
    case throttled(retryAfterSeconds: Int)
}

/// The page that asks for the code which a device shows.
package struct DeviceCodePage: Page {
    package var personName: String
    /// What stands in the field: from the address, or as it was typed before.
    package var typed: String
    package var problem: DeviceCodeProblem?
    package var action: String
    package var csrfToken: String

    package init(
        personName: String,
        typed: String = "",
        problem: DeviceCodeProblem? = nil,
        action: String,
        csrfToken: String
    ) {
        self.personName = personName
        self.typed = typed
        self.problem = problem
        self.action = action
        self.csrfToken = csrfToken
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.device
        let title = words.codeTitle
        let shown = Visible.text(typed)
        let isPrefilled = !shown.isEmpty && problem == nil
        return Templates.page(
            "device-code",
            title: problem == nil ? title : texts.signIn.problemTitle.plain(["title": title]),
            texts: texts,
            basePath: basePath,
            values: [
                "lead": words.lead.filled(["person": personName]),
                "hint": isPrefilled ? words.compare : words.hint,
                "typed": shown.isEmpty ? nil : shown,
                "hasProblem": problem != nil,
                "problem": problem.map { Self.text(of: $0, texts) },
                "isFieldProblem": problem == .unknownCode,
                "focusCode": !isPrefilled,
                "action": Link.target(action),
                "csrfToken": csrfToken,
            ]
        )
    }

    private static func text(of problem: DeviceCodeProblem, _ texts: Texts) -> [[String: String]] {
        switch problem {
        case .unknownCode: texts.device.unknownCode.filled()
        case .throttled(let seconds): texts.signIn.throttled(seconds: seconds)
        }
    }
}
