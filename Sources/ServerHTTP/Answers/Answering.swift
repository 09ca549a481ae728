// Answers: from an `EndpointResponse` to status, header fields and bytes. Errors as RFC 6749 §5.2 JSON with the
// challenges of RFC 6750 §3 and RFC 7617 §2, or as a page; caching by RFC 9111; CSP level 3. Stores nothing.

import AuthorizationServer
import HTTPTypes
import JOSE
import OAuthVocabulary
import Pages

/// An answer before it is sent.
struct Answer: Sendable {
    var status: Int
    var headers = HTTPFields()
    var body: [UInt8] = []
    /// What writes the body while it is sent, instead of `body`.
    var stream: OpenStream?
    /// Whether the body, which a HEAD does not get, has no length that could be announced.
    var isEndless = false
    /// Whether it has the headers of a page.
    var isPage = false
    /// What was refused, for the journal.
    var failure: OAuthError?
    /// The client that was proven to be the caller.
    var client: ProvenClient?
    /// The client that the request named, proven or not: for the journal only.
    var namedClient: String?
    /// Whether nothing of the request's body is left on the connection.
    var bodyWasRead = false

    init(status: Int) { self.status = status }
}

/// Renders answers.
struct Answering: Sendable {
    let issuer: IssuerURL
    let cookies: CookieJar
    let disclosure: ProviderConfiguration.Disclosure
    let screens: ScreenRenderer
    let development: WelcomePage.Development?
    let streams: StreamRegister

    func render(_ response: EndpointResponse, _ exchange: Exchange, audience: EndpointAudience) async -> Answer {
        var answer = await content(of: response, exchange, audience: audience)
        cookies.write(response.cookies, in: &answer)
        return answer
    }

    private func content(
        of response: EndpointResponse,
        _ exchange: Exchange,
        audience: EndpointAudience
    ) async -> Answer {
        if let failure = response.failure, case .empty = response.body {
            var answer = refusal(failure, exchange, audience: audience)
            answer.client = response.client
            return answer
        }
        var answer = Answer(status: response.status)
        answer.failure = response.failure
        answer.client = response.client
        for header in response.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            answer.headers.append(HTTPField(name: name, value: header.value))
        }
        cache(response.caching, &answer)
        switch response.body {
        case .empty: break
        case .json(let json):
            answer.headers[.contentType] = "application/json"
            answer.body = json.serialized()
        case .prepared(let contentType, let bytes):
            answer.headers[.contentType] = contentType
            answer.body = bytes
        case .stream(let contentType, let body):
            answer.headers[.contentType] = contentType
            stream(body, exchange, &answer)
        case .redirect(let address):
            // RFC 9700 §4.12: 303, so that no browser repeats a form and its password at another server.
            answer.status = 303
            answer.headers[.location] = address
        case .formPost(let redirectURI, let fields):
            let fields = fields.map { FormPostPage.Field(name: $0.name, value: $0.value) }
            page(FormPostPage(redirectURI: redirectURI.value, fields: fields), &answer)
        case .screen(let screen):
            await self.screen(screen, exchange, &answer)
        }
        return answer
    }

    /// A HEAD gets the head of a stream and takes no place.
    private func stream(_ body: any BodyStreaming, _ exchange: Exchange, _ answer: inout Answer) {
        // Proxies that gather what they pass on would hold every event back.
        answer.headers[.accelBuffering] = "no"
        guard !exchange.isHead else {
            answer.isEndless = true
            return
        }
        do throws(OAuthError) {
            answer.stream = OpenStream(body: body, place: try streams.place(in: body.group))
        } catch {
            answer = refusal(error, exchange, audience: .programs)
        }
    }

    func screen(_ screen: Screen, problem: SignInProblem? = nil, _ exchange: Exchange, _ answer: inout Answer) async {
        if case .error(let error) = screen {
            errorPage(error, exchange, &answer)
            return
        }
        do throws(OAuthError) {
            page(try await screens.page(screen, problem: problem, now: exchange.receivedAt), &answer)
        } catch {
            answer.failure = error
            errorPage(error, exchange, &answer)
        }
    }

    func welcome(_ exchange: Exchange) -> Answer {
        var answer = Answer(status: 200)
        let welcome = WelcomePage(
            productName: Texts.english.product,
            issuer: issuer.value,
            discoveryURL: issuer.value + "/.well-known/openid-configuration",
            development: development
        )
        page(welcome, &answer)
        return answer
    }

    /// An asset, by its strong validator (RFC 9110 §8.8.3).
    func asset(_ asset: Asset, _ exchange: Exchange) -> Answer {
        let asked = exchange.headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }.map { tag in
            let tag = tag.trimmingSpaces()
            return tag.hasPrefix("W/") ? tag.dropFirst(2) : tag
        }
        let isCurrent = asked.contains { $0 == asset.entityTag || $0 == "*" }
        var answer = Answer(status: isCurrent ? 304 : 200)
        let version = asset.entityTag.filter { $0 != "\"" }.prefix(8)
        // An address with the asset's version never shows anything else.
        let isVersioned = exchange.query == "v=\(version)"
        answer.headers[.cacheControl] = isVersioned ? "public, max-age=31536000, immutable" : "public, max-age=300"
        answer.headers[.eTag] = asset.entityTag
        switch asset.readers {
        case .ownPages:
            answer.headers[.crossOriginResourcePolicy] = "same-origin"
        case .everyOrigin:
            // A module script of another origin is loaded with CORS (HTML, "fetch a single module script").
            answer.headers[.crossOriginResourcePolicy] = "cross-origin"
            answer.headers[.accessControlAllowOrigin] = "*"
        }
        if !isCurrent {
            answer.headers[.contentType] = asset.contentType
            answer.body = asset.bytes
        }
        return answer
    }

    func page(_ page: any Page, _ answer: inout Answer) {
        answer.isPage = true
        answer.headers[.contentType] = "text/html; charset=utf-8"
        answer.headers[.contentSecurityPolicy] = page.contentSecurityPolicy
        answer.headers[.cacheControl] = "no-store"
        // "no-referrer" would make browsers send `Origin: null` with our own forms (Fetch §3.2); this sends nothing to
        // other sites either.
        answer.headers[.referrerPolicy] = "same-origin"
        answer.headers[.frameOptions] = "DENY"
        // Whoever opened this window can no longer reach into it. The price: applications that sign in in a pop-up
        // must not wait for `window.opener`.
        answer.headers[.crossOriginOpenerPolicy] = "same-origin"
        answer.headers[.crossOriginResourcePolicy] = "same-origin"
        answer.headers[.permissionsPolicy] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        answer.body = page.html(texts: .english, basePath: issuer.path)
    }

    private func cache(_ caching: EndpointResponse.Caching, _ answer: inout Answer) {
        switch caching {
        case .noStore:
            // RFC 6749 §5.1: "Cache-Control" with "no-store" and "Pragma" with "no-cache".
            answer.headers[.cacheControl] = "no-store"
            answer.headers[.pragma] = "no-cache"
        case .publicFor(let duration):
            answer.headers[.cacheControl] = "public, max-age=\(duration.components.seconds)"
        }
    }
}
