import AuthorizationServer
import HTTPTypes
import Instants
import NIOCore
import OAuthVocabulary

/// What is known of a request before its body is read.
struct Exchange: Sendable {
    let traceID: String
    let receivedAt: Instant
    /// On the clock that never steps back.
    let startedAt: Instant
    /// GET for a HEAD, which is answered alike, without content.
    let method: HTTPRequest.Method
    let isHead: Bool
    let path: String
    let query: String
    let headers: HTTPFields
    /// Who is asking: the peer, or what a trusted proxy says of it.
    let address: String
    /// Whether the person's side of the connection is known to be https.
    let isSecure: Bool
    let isHTTP2: Bool
    /// What is wrong with the request before anybody looks for its address.
    let refusal: OAuthError?

    init(
        _ head: HTTPRequest,
        from peer: Peer,
        isHTTP2: Bool,
        configuration: HTTPConfiguration,
        issuer: IssuerURL,
        traceID: String,
        now: Moment
    ) {
        let target = Self.originForm(head.path ?? "/")
        let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let origin = configuration.trustedProxies.origin(of: head.headerFields, peer: peer)
        self.traceID = traceID
        receivedAt = now.wall
        startedAt = now.steady
        isHead = head.method == .head
        method = isHead ? .get : head.method
        path = String(target[..<mark])
        query = mark == target.endIndex ? "" : String(target[target.utf8.index(after: mark)...])
        headers = head.headerFields
        address = origin.address
        isSecure = configuration.tls != nil || origin.scheme == "https"
        self.isHTTP2 = isHTTP2
        let isPlain = origin.scheme == "http" && issuer.isHTTPS
        refusal = isPlain ? Self.plain : Self.refusal(of: head, target: target, configuration.limits)
    }

    /// Whether the caller would rather read a page than JSON.
    var wantsPage: Bool { headers[.accept]?.lowercased().contains("text/html") ?? false }

    /// Whether a body follows, as far as the head tells.
    var bringsBody: Bool {
        headers.contains(.transferEncoding)
            || (headers.value(.contentLength).map { $0 != "0" } ?? (isHTTP2 && method == .post))
    }

    /// The `Origin` header, unless it came more than once.
    var origin: String? {
        let values = headers[values: .origin]
        return values.count == 1 ? values[0] : nil
    }

    func endpointRequest(_ parameters: Parameters) -> EndpointRequest {
        var request = EndpointRequest(
            method: method == .post ? .post : .get,
            parameters: parameters,
            authorization: headers.value(.authorization),
            origin: headers.value(.origin),
            remoteAddress: address,
            traceID: traceID
        )
        // In one pass: as a rule none of them is there.
        for field in headers {
            switch field.name {
            case .origin: request.provenance.origins.append(field.value)
            case .fetchSite: request.provenance.fetchSites.append(field.value)
            case .csrfMarker: request.provenance.markers.append(field.value)
            default: break
            }
        }
        request.provenance.content = method == .post ? .form : .none
        request.userAgent = headers.value(.userAgent)
        return request
    }

    // RFC 6749 §3.1: "the authorization server MUST require the use of TLS"
    private static let plain = OAuthError(.invalidRequest, "this server is reached over https only", status: 403)

    /// RFC 9112 §3.2.2: a server must accept the absolute form too; the authority in it is not believed.
    private static func originForm(_ target: String) -> Substring {
        if target.utf8.first == UInt8(ascii: "/") { return target[...] }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            let rest = target.dropFirst(scheme.count)
            return rest.firstIndex { $0 == "/" || $0 == "?" }.map { rest[$0...] } ?? "/"
        }
        return target[...]
    }

    private static func refusal(
        of head: HTTPRequest,
        target: Substring,
        _ limits: HTTPLimits
    ) -> OAuthError? {
        if target.utf8.count > limits.targetBytes {
            return OAuthError(
                .invalidRequest,
                "the address of the request is too long",
                status: 414,
                detail: "\(target.utf8.count) bytes of at most \(limits.targetBytes)"
            )
        }
        let size = head.headerFields.reduce(0) { $0 + $1.name.rawName.utf8.count + $1.value.utf8.count }
        if size > limits.headerBytes || head.headerFields.count > limits.headerFields {
            return OAuthError(
                .invalidRequest,
                "the header fields of the request are too large",
                status: 431,
                detail: "\(size) bytes in \(head.headerFields.count) fields"
            )
        }
        return nil
    }
}
