import AuthorizationServer
import HTTPTypes
import HummingbirdCore
import JOSE
import NIOCore
import OAuthVocabulary

/// The body of a request.
enum IncomingBody: Sendable {
    /// All of it.
    case whole(ByteBuffer)
    /// It comes part by part.
    case arriving(RequestBody)
}

/// What a request says beside its head.
struct RequestContent: Sendable {
    var parameters = AuthorizationServer.Parameters()
    var json: JSON?
}

extension Exchange {
    /// The parameters of a GET's query or a POST's form, or a POST's JSON, decoded strictly and within limits.
    func content(
        of body: IncomingBody,
        for accepted: AcceptedBody,
        limits: HTTPLimits
    ) async throws(OAuthError) -> RequestContent {
        if method == .post, case .json(let maximumBytes) = accepted {
            let parameters = try Self.parameters(of: Array(query.utf8), limits: limits)
            let json = try await json(body, maximumBytes: maximumBytes, limits: limits)
            return RequestContent(parameters: parameters, json: json)
        }
        guard method == .post else {
            return RequestContent(parameters: try Self.parameters(of: Array(query.utf8), limits: limits))
        }
        // RFC 6749 §2.3.1: "The parameters can only be transmitted in the request-body and MUST NOT be included in the
        // request URI."
        guard query.isEmpty else {
            throw .invalidRequest("the parameters of a POST belong in its body, not in its address")
        }
        if case .jsonOrForm(let maximumBytes) = accepted, !isContent("application/x-www-form-urlencoded") {
            return RequestContent(json: try await json(body, maximumBytes: maximumBytes, limits: limits))
        }
        return RequestContent(parameters: try await form(body, limits: limits))
    }

    private func json(
        _ body: IncomingBody,
        maximumBytes: Int,
        limits: HTTPLimits
    ) async throws(OAuthError) -> JSON {
        var limits = limits
        limits.bodyBytes = maximumBytes
        let bytes = try await collect(body, limits: limits)
        guard isContent("application/json") else {
            throw OAuthError(
                .invalidRequest,
                "the body must be application/json in UTF-8",
                status: 415,
                detail: "content type: \(headers[.contentType] ?? "none")"
            )
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw .invalidRequest("the body is not UTF-8")
        }
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw .invalidRequest("the body is not JSON", detail: error.reason)
        }
    }

    private func form(
        _ body: IncomingBody,
        limits: HTTPLimits
    ) async throws(OAuthError) -> AuthorizationServer.Parameters {
        let bytes = try await collect(body, limits: limits)
        if bytes.isEmpty { return Parameters() }
        guard isContent("application/x-www-form-urlencoded") else {
            throw OAuthError(
                .invalidRequest,
                "the body must be application/x-www-form-urlencoded in UTF-8",
                status: 415,
                detail: "content type: \(headers[.contentType] ?? "none")"
            )
        }
        return try Self.parameters(of: bytes, limits: limits)
    }

    static func parameters(of text: [UInt8], limits: HTTPLimits) throws(OAuthError) -> AuthorizationServer.Parameters {
        // Of a buffer many bytes are compared at once.
        let count = text.withUnsafeBufferPointer { $0.reduce(1) { $0 &+ ($1 == UInt8(ascii: "&") ? 1 : 0) } }
        guard count <= limits.parameters else {
            throw .invalidRequest("there are too many parameters", detail: "\(count) of at most \(limits.parameters)")
        }
        guard let pairs = FormEncoding.pairs(text) else {
            throw .invalidRequest(
                "a parameter is not encoded as application/x-www-form-urlencoded in UTF-8",
                detail: "a malformed % sequence, or bytes that are not UTF-8"
            )
        }
        // No parameter of any of our specifications has one, and a log or a C library would stop there.
        guard !pairs.contains(where: { holdsNull($0.name) || holdsNull($0.value) }) else {
            throw .invalidRequest("a parameter holds a null character")
        }
        return try Parameters(pairs)
    }

    private static func holdsNull(_ text: String) -> Bool {
        var nulls: UInt8 = 0
        let isSeen: Void? = text.utf8.withContiguousStorageIfAvailable { text in
            for byte in text { nulls |= byte == 0 ? 1 : 0 }
        }
        return isSeen == nil ? text.utf8.contains(0) : nulls != 0
    }

    /// Whether the content type is this one, in UTF-8 if it says so.
    private func isContent(_ expected: String) -> Bool {
        guard let type = headers.value(.contentType) else { return false }
        if type == expected { return true }
        let parts = type.split(separator: ";").map { $0.trimmingSpaces().lowercased() }
        guard parts.first == expected else { return false }
        return parts.dropFirst().allSatisfy { part in
            !part.hasPrefix("charset=") || ["charset=utf-8", "charset=\"utf-8\""].contains(part)
        }
    }

    /// The whole body, if it is small enough and comes in time.
    private func collect(_ body: IncomingBody, limits: HTTPLimits) async throws(OAuthError) -> [UInt8] {
        let parts: RequestBody
        switch body {
        case .whole(let bytes) where bytes.readableBytes > limits.bodyBytes: throw Self.tooLarge(limits)
        case .whole(let bytes): return Array(buffer: bytes)
        case .arriving(let arriving): parts = arriving
        }
        if let announced = headers.value(.contentLength).flatMap({ Int($0) }), announced > limits.bodyBytes {
            throw Self.tooLarge(limits)
        }
        do {
            return Array(buffer: try await parts.collect(upTo: limits.bodyBytes))
        } catch is NIOTooManyBytesError {
            throw Self.tooLarge(limits)
        } catch is BodyLate {
            throw OAuthError(
                .invalidRequest,
                "the body did not arrive in time",
                status: 408,
                detail: "\(limits.bodyTimeout)"
            )
        } catch {
            throw .invalidRequest("the body broke off")
        }
    }

    private static func tooLarge(_ limits: HTTPLimits) -> OAuthError {
        OAuthError(.invalidRequest, "the body is too large", status: 413, detail: "at most \(limits.bodyBytes) bytes")
    }
}

extension StringProtocol {
    /// Without the spaces and tabs around it (RFC 9110 §5.6.3, OWS).
    func trimmingSpaces() -> Substring {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = Substring(self).drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
