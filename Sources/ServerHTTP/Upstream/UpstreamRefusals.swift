import Accounts
import AuthorizationServer
import HTTPTypes
import OAuthVocabulary
import Pages
import Storage
import UpstreamLogin

extension UpstreamDoor {
    /// The page for a login that came to nothing, and its line in the journal.
    func refusal(
        _ failure: UpstreamFailure,
        _ name: UpstreamName,
        _ exchange: Exchange
    ) throws(OAuthError) -> Answer {
        let (problem, error) = try Self.words(for: failure)
        var answer = Answer(status: error.status)
        answer.failure = error
        if error.status == 503 { answer.headers[.retryAfter] = "5" }
        let page = UpstreamProblemPage(
            problem: problem,
            providerName: logins.providers.provider(name)?.displayName,
            traceID: exchange.traceID,
            backAddress: back(failure.purpose),
            detail: answering.disclosure == .expectedAndGot ? failure.detail : nil
        )
        answering.page(page, &answer)
        return answer
    }

    /// Where another way can be chosen.
    private func back(_ purpose: UpstreamLogins.Purpose?) -> String? {
        switch purpose {
        case nil: nil
        case .link: basePath + UpstreamAddress.linksPath
        case .signIn(let interaction):
            "\(basePath)\(RouteTable.signInPath)?" + FormEncoding.encode([(name: "interaction", value: interaction)])
        }
    }

    /// What the page and the journal say; throws what has a page of its own.
    private static func words(
        for failure: UpstreamFailure
    ) throws(OAuthError) -> (UpstreamProblem, OAuthError) {
        let detail = failure.detail
        switch failure.kind {
        case .store(.corrupt(let reason)): throw .internalFault("corrupt store: \(reason)")
        case .store(.unavailable(let reason)): throw .unavailable(reason)
        case .accounts(let error): throw OAuthError(error)
        case .unavailable:
            let error = OAuthError(
                .temporarilyUnavailable,
                "the upstream provider does not answer",
                status: 503,
                detail: detail
            )
            return (.unavailable, error)
        case .misconfigured:
            let error = OAuthError(
                .temporarilyUnavailable,
                "the upstream provider cannot be used as it is set up",
                status: 503,
                detail: detail
            )
            return (.unavailable, error)
        case .cancelled:
            return (.cancelled, OAuthError(.accessDenied, "the person did not sign in upstream", detail: detail))
        case .answerInvalid:
            return (.answerInvalid, .invalidRequest("the upstream provider's answer is refused", detail: detail))
        case .expired:
            let error = OAuthError(.invalidRequest, "no upstream login waits for this", status: 410, detail: detail)
            return (.expired, error)
        case .providerOff:
            let error = OAuthError(.invalidRequest, "this upstream provider is not in use", status: 404, detail: detail)
            return (.providerOff, error)
        case .refused(let refusal):
            let error = OAuthError(.accessDenied, "this upstream account does not get in", status: 403, detail: detail)
            return (UpstreamProblem(refusal), error)
        }
    }
}

extension UpstreamProblem {
    fileprivate init(_ refusal: UpstreamRefusal) {
        self =
            switch refusal {
            case .domainNotAllowed: .domainNotAllowed
            case .noAccount: .noAccount
            case .addressInUse: .addressInUse
            case .disabled: .disabled
            case .linkedToAnother: .linkedToAnother
            case .tooManyLinks: .tooManyLinks
            }
    }
}
