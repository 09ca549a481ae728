internal import HTTPTypes
public import Hummingbird
internal import JOSE
internal import OAuthClient

/// Whether a page can be seen without being signed in.
public struct LoginPresence: Hashable, Sendable {
    let isRequired: Bool

    /// Whoever is not signed in is sent to sign in, and comes back.
    public static let required = LoginPresence(isRequired: true)
    /// The page is for everybody, and knows who is signed in.
    public static let optional = LoginPresence(isRequired: false)
}

/// Finds out who sent a request.
///
/// A browser that asks for a page is sent to sign in; a script, or a form, gets 401. Pages behind it are not kept by
/// caches, and what changes something is taken from this application's own pages only.
public struct LoginCheck<Context: LoginRequestContext>: RouterMiddleware {
    private let login: WebLogin
    private let presence: LoginPresence

    /// A check for pages that need a login, or know about it.
    public init(_ login: WebLogin, _ presence: LoginPresence = .required) {
        self.login = login
        self.presence = presence
    }

    /// Judges a request: see ``LoginCheck``.
    public func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var context = context
        let person = try await login.person(of: request)
        context.person = person
        guard let person else {
            guard presence.isRequired else { return try await next(request, context) }
            return login.invitation(for: request)
        }
        // CSRF: SameSite lets forms of other hosts of the same site through.
        guard request.isSafe || request.isOfOwnPage(login.origin) else {
            return login.failure(.crossSite, "\(request.method) from a page of another origin", context.logger)
        }
        do {
            var response = try await next(request, context)
            if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
            return response
        } catch let error as OAuthClientError where error.code == .expired || error.isInvalidGrant {
            await login.end(person)
            return login.invitation(for: request)
        }
    }
}

extension WebLogin {
    /// The answer to somebody who is not signed in: to the login and back, or 401 where no page was asked for.
    func invitation(for request: Request) -> Response {
        let mode = HTTPField.Name("Sec-Fetch-Mode").flatMap { request.headers[$0] }
        guard request.isSafe, mode == nil || mode == "navigate" else {
            return Response(status: .unauthorized, headers: [.cacheControl: "no-store"])
        }
        let target = ReturnTarget(request.uri.string)?.path ?? "/"
        return Response.redirection(to: "\(options.loginPath)?return_to=\(target.escapedForQuery)")
    }
}

extension Request {
    fileprivate var isSafe: Bool { method == .get || method == .head }

    /// Whether a page of this origin sent it, as far as browsers say where a request comes from.
    fileprivate func isOfOwnPage(_ origin: String) -> Bool {
        let origins = headers[values: .origin]
        guard origins.isEmpty else { return origins == [origin] }
        let site = HTTPField.Name("Sec-Fetch-Site").flatMap { headers[$0] }
        return site == nil || site == "same-origin" || site == "none"
    }
}

extension String {
    /// RFC 3986 §2.3: everything but unreserved characters and slashes is encoded.
    fileprivate var escapedForQuery: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
