// A server-rendered application with a login in front: the browser holds one random cookie, the tokens stay here.

import Hummingbird
import IssuerConnection
import JOSE
import Logging
import OAuthClient
import OAuthClientHummingbird

@main
struct WebShop {
    static func main() async throws {
        let environment = Environment()
        let api = try environment.require("API_AUDIENCE")
        let origin = try environment.require("WEB_ORIGIN")
        var options = WebLoginOptions()
        options.login = LoginOptions(
            scopes: ["openid", "profile", "offline_access", "orders:read"],
            resources: [api]
        )
        let login = try WebLogin(
            ClientRegistration(
                issuer: try environment.require("ISSUER"),
                clientID: try environment.require("WEB_ID"),
                authentication: .secretBasic(try environment.require("WEB_SECRET"))
            ),
            at: origin,
            options: options
        )

        let router = Router(context: LoginContext.self)
        router.add(middleware: PageHeaders(issuer: try environment.require("ISSUER")))
        login.addRoutes(to: router)
        router.group().add(middleware: LoginCheck(login, .optional)).get { _, context in
            Page.front(context.person)
        }
        router.protected("account", by: login).get { _, context in
            // The token is refreshed when it must be, and never leaves the server but for the API.
            let orders = AuthorizedTransport(to: api, with: context.person)
            let response = try await orders.send(TransportRequest(url: api + "/orders"))
            let name = try await context.person.userInfo()["name"]?.stringValue
            return Page.account(
                context.person,
                name: name ?? context.person.subject,
                status: response.status,
                orders: String(decoding: response.body, as: UTF8.self)
            )
        }

        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname("127.0.0.1", port: try environment.require("WEB_PORT", as: Int.self))
            ),
            logger: Logger(label: "web-shop")
        )
        try await application.runService()
    }
}

/// The pages.
enum Page {
    static func front(_ person: SignedInPerson?) -> HTML {
        guard let person else {
            return HTML(body: #"<p>Nobody is signed in.</p><p><a href="/account">My orders</a></p>"#)
        }
        return HTML(body: #"<p>Signed in as \#(escaped(person.subject)).</p><p><a href="/account">My orders</a></p>"#)
    }

    static func account(_ person: SignedInPerson, name: String, status: Int, orders: String) -> HTML {
        HTML(
            body: """
                <h1>Hello, \(escaped(name))</h1>
                <p>The orders API answered \(status):</p>
                <pre id="orders">\(escaped(orders))</pre>
                <form method="post" action="/logout">
                <input type="hidden" name="form_token" value="\(person.formToken)">
                <button>Sign out</button>
                </form>
                """
        )
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}

/// A page.
struct HTML: ResponseGenerator {
    var body: String

    func response(from request: Request, context: some RequestContext) -> Response {
        let page =
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Shop</title><main>\(body)</main></html>\n"
        return Response(
            status: .ok,
            headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page))
        )
    }
}

/// What every page of a serious application says.
struct PageHeaders: RouterMiddleware {
    let issuer: String

    func handle(
        _ request: Request,
        context: LoginContext,
        next: (Request, LoginContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard response.headers[.contentSecurityPolicy] == nil else { return response }
        // Signing out is a form whose answer leads to the issuer: browsers look at the whole way.
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; form-action 'self' \(issuer); frame-ancestors 'none'; base-uri 'none'"
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}
