/// Where a request may carry an access token (RFC 6750 §2): its `Authorization` lines and its form.
///
/// A token in the query is never read (RFC 9700 §4.3.2): addresses are written to logs and histories.
public struct PresentedCredentials: Sendable, CustomStringConvertible, CustomReflectable {
    /// The value of every `Authorization` line of the request.
    public var authorization: [String]
    /// Every `access_token` of a form in the body (RFC 6750 §2.2); leave it empty to accept none.
    public var formTokens: [String]

    /// The credentials of a request.
    ///
    /// - Parameters:
    ///   - authorization: the value of every `Authorization` line; hand in all of them, so that two are refused.
    ///   - formTokens: every `access_token` of a body of type `application/x-www-form-urlencoded`.
    public init(authorization: [String], formTokens: [String] = []) {
        self.authorization = authorization
        self.formTokens = formTokens
    }

    /// How many there are, and nothing of them.
    public var description: String { "\(authorization.count) authorization lines, \(formTokens.count) form tokens" }
    /// As little as ``description``.
    public var customMirror: Mirror { Mirror(self, children: []) }

    /// The one token of the request; nil if it has none.
    ///
    /// - Throws: `requestMalformed`.
    func token() throws(TokenRefusal) -> String? {
        // RFC 9110 §5.3 has one line of a field that is no list; a proxy and this server might each read another one.
        guard authorization.count <= 1 else { throw TokenRefusal(.requestMalformed, detail: "two Authorization lines") }
        let inHeader = try authorization.first.flatMap { line throws(TokenRefusal) in try Self.bearer(line) }
        // RFC 6750 §2: "Clients MUST NOT use more than one method to transmit the token in each request."
        guard formTokens.count + (inHeader == nil ? 0 : 1) <= 1 else {
            throw TokenRefusal(.requestMalformed, detail: "more than one access token")
        }
        guard let inForm = formTokens.first else { return inHeader }
        guard Self.isToken(inForm.utf8) else {
            throw TokenRefusal(.requestMalformed, detail: "no b64token in the form")
        }
        return inForm
    }

    /// The token of a line with the scheme Bearer; nil for another scheme.
    private static func bearer(_ line: String) throws(TokenRefusal) -> String? {
        let scheme = line.utf8.prefix { $0 != UInt8(ascii: " ") }
        // RFC 9110 §11.1: the name of a scheme is compared without regard to case.
        guard scheme.map({ (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }).elementsEqual("bearer".utf8) else {
            return nil
        }
        let rest = line.utf8[scheme.endIndex...].drop { $0 == UInt8(ascii: " ") }
        guard isToken(rest) else { throw TokenRefusal(.requestMalformed, detail: "no b64token after Bearer") }
        return String(rest)
    }

    /// Whether this is a `b64token` (RFC 6750 §2.1): `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
    private static func isToken(_ text: some Collection<UInt8>) -> Bool {
        text.withContiguousStorageIfAvailable(isToken) ?? Array(text).withUnsafeBufferPointer(isToken)
    }

    private static func isToken(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        let end = characters.withUnsafeBufferPointer { known in text.firstIndex { !known[Int($0)] } } ?? text.count
        return end > 0 && text[end...].allSatisfy { $0 == UInt8(ascii: "=") }
    }

    /// Whether an octet may stand before the padding; looked up, since it is asked of every octet of every token.
    private static let characters: [Bool] = (0...UInt8.max).map { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"),
            UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
