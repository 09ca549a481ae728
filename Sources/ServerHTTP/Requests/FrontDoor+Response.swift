import AuthorizationServer
import HTTPTypes
import Hummingbird
import Instants
import NIOCore
import OAuthVocabulary

extension FrontDoor {
    /// How long a connection that is to be closed may still read: closing at once could lose the answer on its way.
    static let linger: TimeAmount = .seconds(1)

    /// The answer as Hummingbird wants it.
    func response(to exchange: Exchange, _ answer: Answer, channel: any Channel) -> Response {
        let fields = HTTPFields(fields(of: answer, to: exchange, on: channel))
        let body: ResponseBody =
            if let stream = answer.stream {
                self.body(of: stream, for: exchange, on: channel)
            } else if exchange.isHead || answer.body.isEmpty {
                ResponseBody()
            } else {
                ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
            }
        var response = Response(status: HTTPResponse.Status(code: answer.status), headers: fields, body: body)
        // Hummingbird adds one.
        if answer.status == 204 || answer.status == 304 { response.headers[.contentLength] = nil }
        return response
    }

    // Made once: what a field's value may hold is checked when it is made.
    private static let noSniffing = HTTPField(name: .contentTypeOptions, value: "nosniff")
    private static let noReferrer = HTTPField(name: .referrerPolicy, value: "no-referrer")
    private static let noContent = HTTPField(
        name: .contentSecurityPolicy,
        value: "default-src 'none'; frame-ancestors 'none'"
    )

    /// The header fields of an answer: its own, and those that every answer has.
    ///
    /// As an array: `HTTPFields` takes ten times as long to add one.
    func fields(of answer: Answer, to exchange: Exchange, on channel: any Channel) -> [HTTPField] {
        var headers = Array(answer.headers)
        // Only pages have the latter two, of their own.
        headers.append(HTTPField(name: .traceID, value: exchange.traceID))
        headers.append(Self.noSniffing)
        if !answer.isPage {
            headers.append(Self.noReferrer)
            headers.append(Self.noContent)
        }
        let age = configuration.strictTransportSecurity.components.seconds
        // RFC 6797 §7.2: "An HSTS Host MUST NOT include the STS header field in HTTP responses conveyed over
        // non-secure transport."
        if exchange.isSecure, answering.issuer.isHTTPS, age > 0 {
            headers.append(HTTPField(name: .strictTransportSecurity, value: "max-age=\(age)"))
        }
        let leavesBody = exchange.bringsBody && !answer.bodyWasRead
        if leavesBody {
            // What follows on the connection is a body that nobody asked for, of any length.
            channel.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
        }
        // RFC 9112 §9.6: whoever keeps connections open for later requests must not choose this process again.
        if leavesBody || health.isDraining, !exchange.isHTTP2 {
            headers.append(HTTPField(name: .connection, value: "close"))
        }
        if answer.stream == nil, answer.status != 204, answer.status != 304, !answer.isEndless {
            headers.append(HTTPField(name: .contentLength, value: String(answer.body.count)))
        }
        return headers
    }

    /// Journal, metrics, access log.
    func record(_ exchange: Exchange, route: String, _ answer: Answer) {
        let passed = provider.services.time.moment().steady - exchange.startedAt
        metrics.record(route: route, status: answer.status, error: answer.failure?.code.value, duration: passed)
        journal.access(exchange, status: answer.status, duration: passed)
        if let failure = answer.failure { journal.refusal(failure, exchange, answer) }
    }
}

extension HTTPFields {
    /// What the subscript gives, which puts one line together as it would many.
    func value(_ name: HTTPField.Name) -> String? {
        let lines = self[values: name]
        return lines.count == 1 ? lines[0] : self[name]
    }
}

extension HTTPField.Name {
    /// A name that is a literal here; a literal that is none would be found by the first test.
    private static func literal(_ name: StaticString) -> HTTPField.Name {
        HTTPField.Name("\(name)") ?? .server
    }

    static let traceID = literal("Signet-Trace-Id")
    static let contentTypeOptions = literal("X-Content-Type-Options")
    static let referrerPolicy = literal("Referrer-Policy")
    static let permissionsPolicy = literal("Permissions-Policy")
    static let crossOriginOpenerPolicy = literal("Cross-Origin-Opener-Policy")
    static let crossOriginResourcePolicy = literal("Cross-Origin-Resource-Policy")
    static let frameOptions = literal("X-Frame-Options")
    static let forwardedFor = literal("X-Forwarded-For")
    static let forwardedProto = literal("X-Forwarded-Proto")
    static let csrfMarker = literal("Signet-CSRF")
    static let fetchSite = literal("Sec-Fetch-Site")
    static let accelBuffering = literal("X-Accel-Buffering")
    static let pragma = literal("Pragma")
}
