internal import HTTPTypes
public import Hummingbird
internal import JOSE
internal import Logging
public import ResourceServer

/// Whether a route can be reached without a token.
public struct TokenPresence: Hashable, Sendable {
    let isRequired: Bool

    /// A request without a token is refused.
    public static let required = TokenPresence(isRequired: true)
    /// A request without a token passes, and its context has none.
    ///
    /// One with a token that is not good is refused all the same: its sender believes to be somebody.
    public static let optional = TokenPresence(isRequired: false)
}

/// Lets requests pass whose access token is good for the route, and answers the others as RFC 6750 §3 has it.
///
/// ```swift
/// router.group("orders").add(middleware: BearerAuthentication(verifier, .scope("orders:read")))
///     .get { _, context in "the orders of \(context.accessToken?.subject ?? "nobody")" }
/// ```
///
/// Groups within groups may each add one: all policies must be met, and a token is verified once. Neither log nor answer
/// ever holds a token.
public struct BearerAuthentication<Context: BearerRequestContext>: RouterMiddleware {
    private let verifier: TokenVerifier
    private let policy: RoutePolicy
    private let presence: TokenPresence

    /// A middleware for routes that `policy` is for.
    public init(
        _ verifier: TokenVerifier,
        _ policy: RoutePolicy = .anyToken,
        _ presence: TokenPresence = .required
    ) {
        self.verifier = verifier
        self.policy = policy
        self.presence = presence
    }

    /// Judges a request: see ``BearerAuthentication``.
    public func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        // All lines of the field, so that two of them are refused and not half read.
        let credentials = PresentedCredentials(authorization: request.headers[values: .authorization])
        switch await verifier.authorize(credentials, for: policy) {
        case .success(let token):
            var context = context
            context.accessToken = token
            return try await next(request, context)
        case .failure(let refusal) where refusal.code == .tokenMissing && !presence.isRequired:
            var context = context
            context.accessToken = nil
            return try await next(request, context)
        case .failure(let refusal):
            return answer(refusal, context.logger)
        }
    }

    private func answer(_ refusal: TokenRefusal, _ logger: Logger) -> Response {
        logger.info(
            "refused a request",
            metadata: ["reason": "\(refusal.code)", "status": "\(refusal.status)", "detail": "\(refusal.detail ?? "")"]
        )
        let traceID = logger[metadataKey: "hb.request.id"].map { "\($0)" }
        return Response(refusal, headers: verifier.headers(for: refusal), traceID: traceID)
    }
}

extension Response {
    /// The answer to a request that is not served.
    ///
    /// - Parameter traceID: the name under which the log has the request, for the person who asks why.
    init(_ refusal: TokenRefusal, headers fields: [(name: String, value: String)], traceID: String?) {
        var headers: HTTPFields = [.contentType: "application/json"]
        for field in fields {
            guard let name = HTTPField.Name(field.name) else { continue }
            headers.append(HTTPField(name: name, value: field.value))
        }
        // A page of an origin that the application allows may read why; others read nothing (Fetch standard, CORS).
        if headers[.wwwAuthenticate] != nil { headers[.accessControlExposeHeaders] = "WWW-Authenticate" }
        var body: JSONObject = [:]
        body["error"] = (refusal.error ?? (refusal.status == 503 ? "temporarily_unavailable" : nil)).map { .string($0) }
        body["error_description"] = .string(refusal.errorDescription ?? Self.hint(refusal))
        body["trace_id"] = traceID.map { .string($0) }
        self.init(
            status: HTTPResponse.Status(code: refusal.status),
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body.serialized()))
        )
    }

    /// What helps a developer where the RFC has no description.
    private static func hint(_ refusal: TokenRefusal) -> String {
        refusal.status == 503
            ? "the access token cannot be judged at the moment; try again"
            : "send an access token: Authorization: Bearer <token>"
    }
}
