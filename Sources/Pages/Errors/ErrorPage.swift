// Errors: the page for everything that cannot be answered by sending the person back to an application.
// RFC 6749 §4.1.2.1: an error before the redirect URI is proven is shown here and never redirected. Stores nothing.

/// What went wrong, as far as a person should know.
package enum ErrorKind: Hashable, Sendable, CaseIterable {
    case malformedRequest
    case unknownApplication
    case unregisteredAddress
    case expired
    case crossSite
    case notFound
    case methodNotAllowed
    case tooLarge
    case tooManyRequests
    case unavailable
    case serverFault
}

/// The error page.
package struct ErrorPage: Page {
    package var kind: ErrorKind
    /// The HTTP status that the page is sent with.
    package var status: Int
    package var traceID: String
    /// What was expected and what came; only in development, because it repeats the request.
    package var detail: String?

    package init(kind: ErrorKind, status: Int, traceID: String, detail: String? = nil) {
        self.kind = kind
        self.status = status
        self.traceID = traceID
        self.detail = detail
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.errors[kind]
        return Templates.page(
            "error",
            title: words.title,
            texts: texts,
            basePath: basePath,
            values: [
                "explanation": words.explanation,
                "status": texts.errors.status.filled(["status": "\(status)"]),
                "traceID": Visible.text(traceID),
                "detail": detail.map { Visible.text($0, limit: Visible.detailLimit) },
            ]
        )
    }
}

extension Texts.Errors {
    /// The words for one kind of error.
    package subscript(kind: ErrorKind) -> Texts.Explanation {
        switch kind {
        case .malformedRequest: malformedRequest
        case .unknownApplication: unknownApplication
        case .unregisteredAddress: unregisteredAddress
        case .expired: expired
        case .crossSite: crossSite
        case .notFound: notFound
        case .methodNotAllowed: methodNotAllowed
        case .tooLarge: tooLarge
        case .tooManyRequests: tooManyRequests
        case .unavailable: unavailable
        case .serverFault: serverFault
        }
    }
}
