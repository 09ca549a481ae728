import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import Pages

extension Answering {
    /// A refusal, as JSON for programs and as a page for people.
    func refusal(_ error: OAuthError, _ exchange: Exchange, audience: EndpointAudience) -> Answer {
        var answer = Answer(status: error.status)
        answer.failure = error
        switch audience {
        case .people: errorPage(error, exchange, &answer)
        case .programs: errorJSON(error, exchange, &answer)
        }
        return answer
    }

    /// RFC 6749 §5.2, with the trace id.
    private func errorJSON(_ error: OAuthError, _ exchange: Exchange, _ answer: inout Answer) {
        var body: JSONObject = ["error": .string(error.code.value)]
        body["error_description"] = .string(disclosed(error))
        body["trace_id"] = .string(exchange.traceID)
        answer.body = body.serialized()
        answer.headers[.contentType] = "application/json"
        answer.headers[.cacheControl] = "no-store"
        answer.headers[.pragma] = "no-cache"
        retry(error, &answer)
        challenge(error, &answer)
    }

    func errorPage(_ error: OAuthError, _ exchange: Exchange, _ answer: inout Answer) {
        answer.status = error.status
        let detail = disclosure == .expectedAndGot ? disclosed(error) : nil
        page(
            ErrorPage(kind: Self.kind(of: error), status: error.status, traceID: exchange.traceID, detail: detail),
            &answer
        )
        retry(error, &answer)
    }

    /// RFC 9110 §10.2.3, rounded up: who comes back when told must not be refused again.
    private func retry(_ error: OAuthError, _ answer: inout Answer) {
        guard let wait = error.retryAfter else { return }
        answer.headers[.retryAfter] = "\(wait.roundedUpSeconds)"
    }

    /// The description, in development with what was expected and what came.
    private func disclosed(_ error: OAuthError) -> String {
        let isDetailed = disclosure == .expectedAndGot && !error.detail.isEmpty
        return Self.quotable(isDetailed ? "\(error.description) (\(Masking.masked(error.detail)))" : error.description)
    }

    private func challenge(_ error: OAuthError, _ answer: inout Answer) {
        switch error.challenge {
        case nil: break
        case .basic:
            answer.headers[.wwwAuthenticate] = "Basic realm=\"\(issuer.value)\", charset=\"UTF-8\""
        case .bearerWithoutError:
            answer.headers[.wwwAuthenticate] = "Bearer realm=\"\(issuer.value)\""
        case .bearer:
            var text = "Bearer realm=\"\(issuer.value)\", error=\"\(error.code.value)\""
            text += ", error_description=\"\(Self.quotable(error.description))\""
            if let scope = error.requiredScope { text += ", scope=\"\(scope)\"" }
            answer.headers[.wwwAuthenticate] = text
        }
    }

    // RFC 6749 §5.2: 'Values for the "error_description" parameter MUST NOT include characters outside the set
    // %x20-21 / %x23-5B / %x5D-7E.'
    private static func quotable(_ text: String) -> String {
        String(
            decoding: text.utf8.map { byte -> UInt8 in
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "'")
                case 0x20...0x7E: byte
                default: UInt8(ascii: "?")
                }
            },
            as: UTF8.self
        )
    }

    /// The words of the page for an error.
    static func kind(of error: OAuthError) -> ErrorKind {
        switch error.status {
        case 404: .notFound
        case 405: .methodNotAllowed
        case 408, 410: .expired
        case 413, 414, 431: .tooLarge
        case 429: .tooManyRequests
        case 503: .unavailable
        case 500...: .serverFault
        case 403: .crossSite
        case _ where error.code == .invalidRedirectURI: .unregisteredAddress
        default:
            error.code == .invalidClient || error.code == .unauthorizedClient ? .unknownApplication : .malformedRequest
        }
    }
}

extension Duration {
    /// Whole seconds, at least one.
    var roundedUpSeconds: Int64 { max(1, components.seconds + (components.attoseconds > 0 ? 1 : 0)) }
}
