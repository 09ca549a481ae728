package import Instants
package import JOSE
package import OAuthVocabulary

/// One request, as an endpoint sees it: decoded, bounded, without HTTP around it.
package struct EndpointRequest: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    package var method: Method
    /// Query of a GET, form body of a POST; other combinations never reach an endpoint.
    package var parameters: Parameters
    /// The number at the end of a path that has one.
    package var number: Int?
    /// The body of a POST to an endpoint that accepts JSON; nothing else carries one.
    package var json: JSON?
    /// The `Authorization` header as it came.
    package var authorization: String?
    /// The `Origin` header as it came.
    package var origin: String?
    /// The peer, or what a trusted proxy said of it.
    package var remoteAddress: String
    /// The person's session in this browser, found by its cookie; already known to be live.
    package var browserSession: SessionSnapshot?
    /// The live sessions of other people in this browser.
    package var otherSessions: [SessionSnapshot]
    /// Hash of the cookie that names this browser before anybody has signed in, if it has one.
    package var browserBinding: String?
    /// The cookies that the endpoint reads (``Endpoint/reads``).
    package var cookies = RequestCookies()
    /// Which page sent it, as far as a browser tells.
    package var provenance = Provenance()
    /// What the caller says that it is; nothing is decided by it.
    package var userAgent: String?
    /// Names the request in the log and in every error.
    package var traceID: String

    package init(
        method: Method,
        parameters: Parameters,
        json: JSON? = nil,
        authorization: String? = nil,
        origin: String? = nil,
        remoteAddress: String = "127.0.0.1",
        browserSession: SessionSnapshot? = nil,
        otherSessions: [SessionSnapshot] = [],
        browserBinding: String? = nil,
        traceID: String = "test"
    ) {
        self.method = method
        self.parameters = parameters
        self.json = json
        self.authorization = authorization
        self.origin = origin
        self.remoteAddress = remoteAddress
        self.browserSession = browserSession
        self.otherSessions = otherSessions
        self.browserBinding = browserBinding
        self.traceID = traceID
    }

    /// Everybody who is signed in in this browser, the current person first.
    package var browserSessions: [SessionSnapshot] { (browserSession.map { [$0] } ?? []) + otherSessions }
}

/// One answer, before it is HTTP.
package struct EndpointResponse: Sendable {
    package enum Body: Sendable {
        case empty
        case json(JSON)
        /// Bytes that were made ahead of time, with their content type: discovery, key sets.
        case prepared(contentType: String, [UInt8])
        /// Bytes that come into being while they are sent, with their content type.
        case stream(contentType: String, any BodyStreaming)
        /// 303 to this address.
        case redirect(String)
        /// OAuth 2.0 Form Post Response Mode: a page that posts these fields to the client.
        case formPost(RedirectURI, fields: [(name: String, value: String)])
        /// A page for a person.
        case screen(Screen)
    }

    package enum Caching: Hashable, Sendable {
        case noStore
        case publicFor(Duration)
    }

    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: Body
    package var caching: Caching
    /// What was refused and why: rendered, and logged under the trace id, by the HTTP room.
    package var failure: OAuthError?
    /// The client that was proven to be the caller: its registered origins decide CORS.
    package var client: ProvenClient?
    /// A session that this answer ends: the HTTP room closes it and takes it out of the cookie before anything is sent.
    package var endedSession: SessionID?
    /// Cookies that this answer sets or clears.
    package var cookies: [CookieChange] = []
    /// A session of this browser, not its current one, that this answer rests on: the HTTP room notes that it was used.
    package var usedSession: SessionID?
    /// A session of this browser that is the current one from now on.
    package var chosenSession: SessionID?
    /// A person whose sessions and grants this answer ends, all of them and everywhere: the HTTP room sees to it before
    /// anything is sent.
    package var endedPerson: Subject?

    package init(
        status: Int = 200,
        headers: [(name: String, value: String)] = [],
        body: Body,
        caching: Caching = .noStore,
        failure: OAuthError? = nil,
        client: RegisteredClient? = nil,
        endedSession: SessionID? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.caching = caching
        self.failure = failure
        self.client = client.map(ProvenClient.init)
        self.endedSession = endedSession
    }

    /// RFC 6749 §5.2: an error as JSON.
    ///
    /// The HTTP room writes the body, because it knows the trace id.
    package static func refusal(_ error: OAuthError, client: RegisteredClient? = nil) -> EndpointResponse {
        EndpointResponse(status: error.status, body: .empty, failure: error, client: client)
    }

    /// An error that a person reads.
    package static func errorScreen(_ error: OAuthError) -> EndpointResponse {
        EndpointResponse(status: error.status, body: .screen(.error(error)), failure: error)
    }
}

/// A body that is written while it comes into being, until its author or its reader ends it.
package protocol BodyStreaming: Sendable {
    /// Whose streams count together: the audience of the API that reads.
    ///
    /// The HTTP room limits them for each group and in all.
    var group: String { get }

    /// Writes until there is nothing more to say.
    ///
    /// `write` returns once the bytes are on their way, and throws when the reader is gone. The task is cancelled when the
    /// reader goes away and when the server stops; a body that is cut short by an error does not look complete.
    func run(_ write: (_ bytes: [UInt8]) async throws -> Void) async throws
}

/// What a POST to an endpoint brings.
package enum AcceptedBody: Hashable, Sendable {
    /// `application/x-www-form-urlencoded`: `EndpointRequest.parameters`.
    case form
    /// `application/json` of at most so many bytes: `EndpointRequest.json`.
    case json(maximumBytes: Int)
    /// Either of them, by its content type.
    case jsonOrForm(maximumBytes: Int)
}

/// How long an endpoint may take to answer.
package enum EndpointPatience: Hashable, Sendable {
    /// What it does between two waits takes as long as a signature or two, whatever is stored: a connection's own thread may
    /// do it.
    case answersAtOnce
    /// Its answer grows with what is stored, or is written while it is sent; or nobody has looked.
    case takesItsTime
    /// It waits for news (long polling): it counts as a stream, and its task is cancelled when the server stops.
    case waitsForNews
}

/// Who may call an endpoint from a script in a browser (CORS).
package enum BrowserAccess: Hashable, Sendable {
    /// Nobody: the endpoint is visited, or called by servers.
    case none
    /// Everybody: public documents.
    case everyone
    /// Origins that a client registered.
    case registeredOrigins
    /// The same; those of a client that keeps its sign-in in a cookie may have the browser store cookies of the answer.
    case registeredOriginsWithCookies
    /// Only origins of clients that keep their sign-in in a cookie, and with cookies.
    case cookieOrigins
}

/// One address of the server.
package protocol Endpoint: Sendable {
    /// Where it is mounted.
    var location: EndpointLocation { get }
    var methods: Set<EndpointRequest.Method> { get }
    var browserAccess: BrowserAccess { get }
    /// Whether its failures are pages for people rather than JSON.
    var audience: EndpointAudience { get }
    /// What a POST brings: a form, unless it says otherwise.
    var accepts: AcceptedBody { get }
    /// How long it may take: not on a connection's own thread, unless it says so.
    var patience: EndpointPatience { get }
    /// The cookies that it reads: none, unless it says so.
    var reads: CookieFamily? { get }
    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse
}

extension Endpoint {
    package var accepts: AcceptedBody { .form }
    package var patience: EndpointPatience { .takesItsTime }
    package var reads: CookieFamily? { nil }
}

package enum EndpointAudience: Hashable, Sendable { case programs, people }

/// An address relative to the issuer.
package enum EndpointLocation: Hashable, Sendable {
    /// Issuer and this path: `/token`.
    case belowIssuer(String)
    /// Issuer, this path, and a number from 1 in decimal digits: `/status-lists/`.
    case numbered(String)
    /// RFC 8414 §3: between host and path of the issuer; `oauth-authorization-server`. Served below the issuer too where
    /// OpenID Connect Discovery §4 wants it there.
    case wellKnown(String)
}
