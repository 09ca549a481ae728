// Room: a login in front of a server-rendered application on Hummingbird (RFC 6749 §4.1 through OAuthClient). Owns the
// browser's side of it: cookies, where a person goes afterwards, who may log out. Stores sessions in memory, or in what its
// caller hands it.

public import Hummingbird
public import JOSE
public import OAuthClient

/// A request's context with room for who is signed in.
///
/// Use ``LoginContext``, or add the property to a context of your own.
public protocol LoginRequestContext: RequestContext {
    /// Who is signed in; nil before ``LoginCheck`` ran, and where a login is optional and nobody is.
    var person: SignedInPerson? { get set }
}

/// The context of an application that needs nothing but to know who is signed in.
public struct LoginContext: LoginRequestContext {
    /// What Hummingbird itself keeps.
    public var coreContext: CoreRequestContextStorage
    /// Who is signed in.
    public var person: SignedInPerson?

    /// The context of a new request.
    public init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}

/// The context of a page that nobody sees without being signed in.
///
/// ``Hummingbird/RouterMethods/protected(_:by:)`` makes routes with it.
public struct SignedInContext<Parent: LoginRequestContext>: ChildRequestContext {
    /// What Hummingbird itself keeps.
    public var coreContext: CoreRequestContextStorage
    /// Who is signed in.
    public let person: SignedInPerson
    /// The context that the request came with.
    public let parent: Parent

    /// The context of a request whose sender is signed in.
    ///
    /// - Throws: 401 where nobody is: a page that was put behind no ``LoginCheck`` stays shut.
    public init(context: Parent) throws {
        guard let person = context.person else { throw HTTPError(.unauthorized) }
        coreContext = context.coreContext
        parent = context
        self.person = person
    }
}

extension RouterMethods where Context: LoginRequestContext {
    /// A group of pages for people who are signed in; others are sent to sign in, and come back.
    ///
    /// ```swift
    /// let login = try WebLogin(
    ///     ClientRegistration(issuer: issuer, clientID: "web-shop", authentication: .secretBasic(secret)),
    ///     at: "https://shop.example"
    /// )
    /// let router = Router(context: LoginContext.self)
    /// login.addRoutes(to: router)
    /// router.protected("account", by: login).get { _, context in "Hello, \(context.person.subject)" }
    /// try await Application(router: router).runService()
    /// ```
    public func protected(_ path: RouterPath = "", by login: WebLogin) -> RouterGroup<SignedInContext<Context>> {
        group(path).add(middleware: LoginCheck(login)).group(context: SignedInContext<Context>.self)
    }
}

/// Who is signed in.
public struct SignedInPerson: AccessTokenSource, Sendable, Concealed {
    /// `sub`: who it is at the issuer.
    public let subject: String
    /// What the ID token says, verified at the login.
    public let claims: JSONObject
    /// What a form to `/logout` carries in its field `form_token`, for browsers that send no `Origin`.
    public let formToken: String
    let key: String
    let login: WebLogin

    /// An access token that is good for a while, refreshed if need be; requests at the same time share one refresh.
    ///
    /// - Throws: `expired`, or `refused` with `invalid_grant`, once the grant is over: ``LoginCheck`` sends the person to
    ///   sign in again if a handler lets that out.
    public func accessToken() async throws(OAuthClientError) -> String {
        try await login.tokens(of: key).accessToken()
    }

    /// What the issuer says about the person now (OIDC Core §5.3): name, address, whatever the scopes allow.
    public func userInfo() async throws(OAuthClientError) -> JSONObject {
        try await login.party.userInfo(accessToken: try await accessToken(), expecting: subject)
    }

    /// Says that an API refused this access token.
    public func invalidate(_ accessToken: String) async {
        try? await login.tokens(of: key).invalidate(accessToken)
    }
}
