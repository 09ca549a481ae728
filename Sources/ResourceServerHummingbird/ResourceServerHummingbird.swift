// Room: the resource server as a middleware of Hummingbird. Owns where the token of a request lies for its handlers, and what
// a refusal looks like as an answer (RFC 6750 §3, RFC 9728 §3). Decides nothing: it asks ResourceServer. Stores nothing.

public import Hummingbird
public import ResourceServer

/// A request's context with room for the access token that came with it.
///
/// Use ``BearerContext``, or add the property to a context of your own.
public protocol BearerRequestContext: RequestContext {
    /// The token that ``BearerAuthentication`` accepted; nil before it ran, and where a token is optional and none came.
    var accessToken: AccessToken? { get set }
}

/// The context of an API that needs nothing but tokens.
public struct BearerContext: BearerRequestContext {
    /// What Hummingbird itself keeps.
    public var coreContext: CoreRequestContextStorage
    /// The token that was accepted.
    public var accessToken: AccessToken?

    /// The context of a new request.
    public init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}

/// The context of a route that nobody reaches without an access token.
///
/// ``Hummingbird/RouterMethods/protected(_:by:for:)`` makes routes with it.
public struct AuthorizedContext<Parent: BearerRequestContext>: ChildRequestContext {
    /// What Hummingbird itself keeps.
    public var coreContext: CoreRequestContextStorage
    /// Who calls, for whom, with which scope.
    public let accessToken: AccessToken
    /// The context that the request came with.
    public let parent: Parent

    /// The context of a request that a token was accepted for.
    ///
    /// - Throws: 401 where there is none: a route that was put behind no middleware stays shut.
    public init(context: Parent) throws {
        guard let accessToken = context.accessToken else { throw HTTPError(.unauthorized) }
        coreContext = context.coreContext
        parent = context
        self.accessToken = accessToken
    }
}

extension RouterMethods where Context: BearerRequestContext {
    /// A group of routes that demand an access token, whose handlers find it in `context.accessToken`.
    ///
    /// ```swift
    /// let router = Router(context: BearerContext.self)
    /// router.protected("orders", by: verifier, for: .scope("orders:read"))
    ///     .get { _, context in "the orders of \(context.accessToken.subject)" }
    /// let server = Application(router: router, services: [verifier])
    /// try await server.runService()
    /// ```
    ///
    /// For pages of other origins put `CORSMiddleware` before it, with `allowHeaders: [.authorization]`: it answers
    /// preflights, which carry no token. Refusals expose `WWW-Authenticate` by themselves, so that such a page can read why.
    public func protected(
        _ path: RouterPath = "",
        by verifier: TokenVerifier,
        for policy: RoutePolicy = .anyToken
    ) -> RouterGroup<AuthorizedContext<Context>> {
        group(path).add(middleware: BearerAuthentication(verifier, policy)).group(
            context: AuthorizedContext<Context>.self
        )
    }
}
