import JOSE
import OAuthVocabulary

@testable import AuthorizationServer

/// Endpoints that show what reached them, and answers that no real request brings about on demand.
struct EchoFeature: Feature {
    func contribute(to assembly: inout Assembly) {
        assembly.add(
            EchoEndpoint(path: "/echo", methods: [.get, .post], browserAccess: .everyone, audience: .programs)
        )
        assembly.add(
            EchoEndpoint(path: "/form", methods: [.post], browserAccess: .registeredOrigins, audience: .programs)
        )
        assembly.add(EchoEndpoint(path: "/person", methods: [.get, .post], browserAccess: .none, audience: .people))
        assembly.add(AnswerEndpoint())
    }
}

struct EchoEndpoint: Endpoint {
    let location: EndpointLocation
    let methods: Set<EndpointRequest.Method>
    let browserAccess: BrowserAccess
    let audience: EndpointAudience
    let patience = EndpointPatience.answersAtOnce

    init(
        path: String,
        methods: Set<EndpointRequest.Method>,
        browserAccess: BrowserAccess,
        audience: EndpointAudience
    ) {
        location = .belowIssuer(path)
        self.methods = methods
        self.browserAccess = browserAccess
        self.audience = audience
    }

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var seen: JSONObject = [:]
        seen["method"] = .string(request.method.rawValue)
        for (name, value) in request.parameters.pairs { seen["p_" + name] = .string(value) }
        seen["address"] = .string(request.remoteAddress)
        seen["authorization"] = request.authorization.map { .string($0) }
        seen["session"] = (request.browserSession?.id.value).map { .string($0) }
        seen["people"] = .array(request.browserSessions.map { .string($0.subject.value) })
        seen["binding"] = request.browserBinding.map { .string($0) }
        seen["trace"] = .string(request.traceID)
        var response = EndpointResponse(body: .json(.object(seen)))
        let now = services.time.moment().wall
        if let id = request.parameters["client_id"].flatMap({ ClientID($0) }) {
            response.client = (try? await services.clients.find(id, now: now)?.content).map { ProvenClient($0) }
        }
        return response
    }
}

/// Answers as the parameter `as` asks.
struct AnswerEndpoint: Endpoint {
    let location = EndpointLocation.belowIssuer("/answer")
    let methods: Set<EndpointRequest.Method> = [.get]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let patience = EndpointPatience.answersAtOnce

    static func error(_ name: String) -> OAuthError? {
        switch name {
        case "bearer":
            OAuthError(
                .insufficientScope,
                "the access token was not granted enough",
                status: 403,
                requiredScope: ScopeSet(parameter: "openid"),
                challenge: .bearer
            )
        case "no-token":
            OAuthError(.invalidToken, "this needs an access token", status: 401, challenge: .bearerWithoutError)
        case "client": .invalidClient("the client could not be authenticated", detail: "a \"quoted\" \\ detail \u{7}ü")
        case "later": .tooManyRequests(retryAfter: .milliseconds(1500), detail: "many")
        case "fault": .internalFault("a pipe burst")
        default: nil
        }
    }

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let name = request.parameters["as"] ?? ""
        if let error = Self.error(name) { return .refusal(error) }
        switch name {
        case "redirect": return EndpointResponse(body: .redirect("https://app.example/cb?code=1"))
        case "form-post":
            guard let uri = RedirectURI("https://app.example/cb") else { return EndpointResponse(body: .empty) }
            return EndpointResponse(body: .formPost(uri, fields: [("code", "<c&>"), ("state", "s")]))
        case "error-page":
            return .errorScreen(.invalidRequest("something was wrong", detail: "<script>alert(1)</script>"))
        default: return EndpointResponse(body: .empty)
        }
    }
}

/// An endpoint whose requests wait until the test lets them go on.
final class Gate: Feature, Endpoint {
    let patience = EndpointPatience.answersAtOnce
    let location = EndpointLocation.belowIssuer("/gate")
    let methods: Set<EndpointRequest.Method> = [.get]
    let browserAccess = BrowserAccess.none
    let audience = EndpointAudience.programs
    let arrived = MutexBox(0)
    let isOpen = MutexBox(false)

    func contribute(to assembly: inout Assembly) { assembly.add(self) }
    func open() { isOpen.change { $0 = true } }

    func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        arrived.change { $0 += 1 }
        while !isOpen.value, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
        return EndpointResponse(body: .json(["passed": true]))
    }
}
