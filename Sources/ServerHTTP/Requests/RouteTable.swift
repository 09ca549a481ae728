import AuthorizationServer
import HTTPTypes
import OAuthVocabulary
import Pages

/// What stands at one address.
struct Route: Sendable {
    enum Target: Sendable {
        case endpoint(any Endpoint)
        case asset(Asset)
        case welcome
        case account(AccountSection)
        case upstream(UpstreamAddress)
        case health(HealthQuestion)
    }

    /// The path below the issuer, as metrics name it.
    let name: String
    let target: Target
    let methods: [HTTPRequest.Method]
    let audience: EndpointAudience

    /// Whether its answers are whole, and soon made.
    var isPrompt: Bool {
        guard case .endpoint(let endpoint) = target else { return false }
        return audience == .programs && endpoint.patience == .answersAtOnce
    }

    /// The `Allow` header of a 405.
    var allow: String { methods.map(\.rawValue).joined(separator: ", ") }
}

/// Every address of the server.
///
/// Paths are compared as they came, undecoded and unnormalised, and nothing is ever looked
/// up in a file system, so that no spelling of a path reaches what another spelling does not (CVE-2022-29967).
struct RouteTable: Sendable {
    static let signInPath = "/sign-in"

    private var routes: [String: Route] = [:]
    /// By what stands before the number.
    private var numbered: [String: Route] = [:]
    private let basePath: String

    init(_ endpoints: [any Endpoint], issuer: IssuerURL) {
        basePath = issuer.path
        for name in Assets.names {
            guard let asset = Assets.asset(named: name) else { continue }
            add(
                "/assets/\(name)",
                Route(name: "/assets", target: .asset(asset), methods: [.get, .head], audience: .people)
            )
        }
        let welcome = Route(name: "/", target: .welcome, methods: [.get, .head], audience: .people)
        add("/", welcome)
        if !basePath.isEmpty { add("", welcome) }
        for section in AccountSection.allCases {
            add(
                section.path,
                Route(
                    name: section.path,
                    target: .account(section),
                    methods: [.get, .head, .post],
                    audience: .people
                )
            )
        }
        for endpoint in endpoints { mount(endpoint) }
        // At the root of the address, whatever the issuer's path: whoever asks knows the port and nothing else.
        for question in HealthQuestion.allCases {
            routes[question.rawValue] = Route(
                name: question.rawValue,
                target: .health(question),
                methods: [.get, .head],
                audience: .programs
            )
        }
    }

    func find(_ path: String) -> Route? {
        routes[path] ?? Self.numbered(path).flatMap { numbered[$0.prefix] } ?? upstream(path)
    }

    /// An address of upstream login: which providers there are changes while the server runs, so that their addresses are in
    /// no list.
    private func upstream(_ path: String) -> Route? {
        guard path.hasPrefix(basePath), let address = UpstreamAddress(path.dropFirst(basePath.count)) else {
            return nil
        }
        return Route(name: address.name, target: .upstream(address), methods: address.methods, audience: .people)
    }

    /// The number at the end of a path, in the one spelling that it has: no sign, no zero before it, nine digits at most.
    static func numbered(_ path: String) -> (prefix: String, number: Int)? {
        let digits = path.utf8.reversed().prefix { (0x30...0x39).contains($0) }.count
        guard (1...9).contains(digits), let number = Int(path.suffix(digits)), number > 0,
            String(number).utf8.count == digits
        else { return nil }
        return (String(path.dropLast(digits)), number)
    }

    /// Whether the path is the sign-in form's, whose POST this room answers itself because passwords are not OAuth.
    func isSignIn(_ path: String) -> Bool { path == basePath + Self.signInPath }

    private mutating func mount(_ endpoint: any Endpoint) {
        var methods: [HTTPRequest.Method] = endpoint.methods.contains(.get) ? [.get, .head] : []
        if endpoint.methods.contains(.post) || endpoint.location == .belowIssuer(Self.signInPath) {
            methods.append(.post)
        }
        switch endpoint.location {
        case .belowIssuer(let path):
            add(path, Route(name: path, target: .endpoint(endpoint), methods: methods, audience: endpoint.audience))
        case .numbered(let path):
            numbered[basePath + path] = Route(
                name: path,
                target: .endpoint(endpoint),
                methods: methods,
                audience: endpoint.audience
            )
        case .wellKnown(let name):
            let path = "/.well-known/\(name)"
            let route = Route(name: path, target: .endpoint(endpoint), methods: methods, audience: endpoint.audience)
            // OpenID Connect Discovery §4: "concatenating the string /.well-known/openid-configuration to the Issuer"
            add(path, route)
            // RFC 8414 §3.1: "inserting the well-known URI string into the authorization server's issuer identifier
            // between the host component and the path component"
            routes[path + basePath] = route
        }
    }

    private mutating func add(_ path: String, _ route: Route) { routes[basePath + path] = route }
}
