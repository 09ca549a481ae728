internal import Instants

extension TokenRefusal {
    /// The value of `WWW-Authenticate` (RFC 6750 §3); nil where the token is not at fault, as in a 503.
    ///
    /// - Parameters:
    ///   - realm: what the route belongs to, if that shall be said.
    ///   - resourceMetadata: the URL of the protected resource's metadata (RFC 9728 §5.1).
    public func challenge(realm: String? = nil, resourceMetadata: String? = nil) -> String? {
        guard status != 503 else { return nil }
        var parameters: [(name: String, value: String)] = []
        if let realm { parameters.append(("realm", realm)) }
        if let error { parameters.append(("error", error)) }
        if let errorDescription { parameters.append(("error_description", errorDescription)) }
        if !scope.isEmpty { parameters.append(("scope", scope.filter(Self.isScope).joined(separator: " "))) }
        if !acrValues.isEmpty { parameters.append(("acr_values", acrValues.joined(separator: " "))) }
        if let maximumAge { parameters.append(("max_age", String(max(0, maximumAge.wholeSeconds)))) }
        // RFC 9728 §5.1: "resource_metadata: The URL of the protected resource metadata."
        if let resourceMetadata { parameters.append(("resource_metadata", resourceMetadata)) }
        // RFC 6750 §3: "This scheme MUST be followed by one or more auth-param values."
        if parameters.isEmpty { parameters.append(("realm", "resource")) }
        return "Bearer " + parameters.map { "\($0.name)=\(Self.quotedString($0.value))" }.joined(separator: ", ")
    }

    /// The header fields of the answer: `WWW-Authenticate`, `Retry-After`, `Cache-Control`.
    public func headers(
        realm: String? = nil,
        resourceMetadata: String? = nil
    ) -> [(name: String, value: String)] {
        var headers = [(name: "Cache-Control", value: "no-store")]
        if let challenge = challenge(realm: realm, resourceMetadata: resourceMetadata) {
            headers.append(("WWW-Authenticate", challenge))
        }
        if let retryAfter { headers.append(("Retry-After", String(max(1, retryAfter.wholeSeconds)))) }
        return headers
    }

    /// A quoted-string (RFC 9110 §5.6.4).
    ///
    /// What is no visible ASCII becomes a question mark: a header that a caller composed of something foreign must not
    /// end early, nor begin another.
    static func quotedString(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case " "..."~": result.unicodeScalars.append(scalar)
            default: result += "?"
            }
        }
        return result + "\""
    }

    /// RFC 6749 §3.3: %x21 / %x23-5B / %x5D-7E.
    private static func isScope(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }
}
