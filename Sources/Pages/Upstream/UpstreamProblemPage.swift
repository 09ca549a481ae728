/// Why signing in at another provider came to nothing, as far as the person should know.
package enum UpstreamProblem: Hashable, Sendable, CaseIterable {
    case unavailable
    case cancelled
    case answerInvalid
    case expired
    case providerOff
    case domainNotAllowed
    case noAccount
    case addressInUse
    case disabled
    case linkedToAnother
    case tooManyLinks
}

/// Says what went wrong, and where to go from here.
package struct UpstreamProblemPage: Page {
    package var problem: UpstreamProblem
    /// The provider as people call it; `nil` where none is known.
    package var providerName: String?
    package var traceID: String
    /// Where another way can be chosen; `nil` where the request that waited is gone.
    package var backAddress: String?
    /// What was expected and what came; only in development.
    package var detail: String?

    package init(
        problem: UpstreamProblem,
        providerName: String?,
        traceID: String,
        backAddress: String?,
        detail: String? = nil
    ) {
        self.problem = problem
        self.providerName = providerName
        self.traceID = traceID
        self.backAddress = backAddress
        self.detail = detail
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.upstream
        let provider = ["provider": providerName ?? words.anyProvider]
        let sentence = words[problem]
        return Templates.page(
            "upstream-problem",
            title: sentence.title.plain(provider),
            texts: texts,
            basePath: basePath,
            values: [
                "heading": sentence.title.filled(provider),
                "explanation": sentence.explanation.filled(provider),
                "backAddress": backAddress.map(Link.target),
                "traceID": Visible.text(traceID),
                "detail": detail.map { Visible.text($0, limit: Visible.detailLimit) },
            ]
        )
    }
}

extension Texts.Upstream {
    /// The words for one problem.
    subscript(problem: UpstreamProblem) -> Sentence {
        switch problem {
        case .unavailable: unavailable
        case .cancelled: cancelled
        case .answerInvalid: answerInvalid
        case .expired: expired
        case .providerOff: providerOff
        case .domainNotAllowed: domainNotAllowed
        case .noAccount: noAccount
        case .addressInUse: addressInUse
        case .disabled: disabled
        case .linkedToAnother: linkedToAnother
        case .tooManyLinks: tooManyLinks
        }
    }
}
