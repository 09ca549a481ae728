internal import HTTPTypes
public import Hummingbird
public import OAuthClient

/// A login or logout that came to nothing, in words for the person at the screen.
///
/// All of them are ours: nothing that came with the request or from the issuer is shown.
public struct LoginFailure: Error, Hashable, Sendable {
    /// The kinds of failure; more may come.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The kind, in words that logs can be searched for.
        public let description: String

        /// A kind of this name.
        public init(_ description: String) { self.description = description }

        /// The answer belongs to no login of this browser, or to one that took too long.
        public static let notPending = Code("not-pending")
        /// The person or the issuer said no.
        public static let refused = Code("refused")
        /// What came from the issuer must not be believed.
        public static let notTrusted = Code("not-trusted")
        /// The issuer cannot be reached.
        public static let unavailable = Code("unavailable")
        /// A page of another origin sent the request.
        public static let crossSite = Code("cross-site")
    }

    /// What kind of failure.
    public let code: Code
    /// The status of the answer.
    public let status: HTTPResponse.Status
    /// One sentence for the person.
    public let text: String
    /// Under which name the issuer's log has the exchange.
    public let traceID: String?

    init(_ code: Code, _ status: HTTPResponse.Status, _ text: String, traceID: String? = nil) {
        self.code = code
        self.status = status
        self.text = text
        self.traceID = traceID
    }

    static let notPending = LoginFailure(
        .notPending,
        .badRequest,
        "This sign-in is over or was begun in another browser."
    )
    static let crossSite = LoginFailure(
        .crossSite,
        .forbidden,
        "This request did not come from a page of this application."
    )

    init(_ error: OAuthClientError) {
        switch error.code {
        case .refused where !error.isTransient:
            self.init(.refused, .forbidden, "You were not signed in.", traceID: error.traceID)
        case .responseInvalid, .expired: self = .notPending
        case .tokenInvalid, .responseMalformed, .discovery:
            let text = "What came from the sign-in service cannot be trusted."
            self.init(.notTrusted, .badGateway, text, traceID: error.traceID)
        default:
            let text = "The sign-in service cannot be reached at the moment."
            self.init(.unavailable, .serviceUnavailable, text, traceID: error.traceID)
        }
    }

    /// A plain page with a way to try again.
    func page(retry path: String) -> Response {
        let trace = traceID.map { "<p>Trace: \($0)</p>" } ?? ""
        let html = """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>\
            <p>\(text)</p>\(trace)<p><a href="\(path)">Sign in</a></p></html>

            """
        var headers: HTTPFields = [
            .contentType: "text/html; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        ]
        if status == .serviceUnavailable { headers[.retryAfter] = "5" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }
}

extension Response {
    /// A redirection that is fetched by GET and kept by no cache.
    static func redirection(to location: String, cookie: String? = nil) -> Response {
        var headers: HTTPFields = [.location: location, .cacheControl: "no-store"]
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "no-referrer" }
        if let cookie { headers.addCookie(cookie) }
        return Response(status: .seeOther, headers: headers)
    }
}

extension HTTPFields {
    /// Adds a line of its own, as cookies need (RFC 9110 §5.3).
    mutating func addCookie(_ line: String) { append(HTTPField(name: .setCookie, value: line)) }
}
