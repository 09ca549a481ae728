/// Where the registered claims (RFC 7519 §4.1) stand in a scanned claims set, each of the type that the RFC gives it.
struct ClaimIndex: Sendable {
    private(set) var issuer: Int?
    private(set) var subject: Int?
    private(set) var tokenID: Int?
    private(set) var audience: Int?
    private(set) var expiresAt: Instant?
    private(set) var notBefore: Instant?
    private(set) var issuedAt: Instant?

    /// Finds the registered claims of the object at `object`.
    ///
    /// - Throws: `claimInvalid` for a registered claim of another JSON type, or a time out of range.
    init(_ index: JSONIndex, object: Int) throws(JOSEError) {
        var position = object + 1
        let end = Int(index.nodes[object].next)
        while position < end {
            let value = position + 1
            switch Self.key(index, position) {
            case Self.key("iss"): issuer = try Self.text("iss", index, value)
            case Self.key("sub"): subject = try Self.text("sub", index, value)
            case Self.key("jti"): tokenID = try Self.text("jti", index, value)
            case Self.key("aud"): audience = try Self.audience(index, value)
            case Self.key("exp"): expiresAt = try Self.instant("exp", index, value)
            case Self.key("nbf"): notBefore = try Self.instant("nbf", index, value)
            case Self.key("iat"): issuedAt = try Self.instant("iat", index, value)
            default: break
            }
            position = Int(index.nodes[value].next)
        }
    }

    /// The three letters of a name in one number; nil for names of another length.
    private static func key(_ index: JSONIndex, _ name: Int) -> UInt32? {
        let node = index.nodes[name]
        if node.kind == .text {
            let range = node.range
            return range.count == 3
                ? key(
                    index.bytes[range.lowerBound],
                    index.bytes[range.lowerBound + 1],
                    index.bytes[range.lowerBound + 2]
                )
                : nil
        }
        let text = index.decodedTexts[Int(node.bits)]
        return text.count == 3 ? key(text[0], text[1], text[2]) : nil
    }

    private static func key(_ name: StaticString) -> UInt32? {
        unsafe key(name.utf8Start[0], name.utf8Start[1], name.utf8Start[2])
    }

    @inline(__always)
    private static func key(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> UInt32 {
        UInt32(first) << 16 | UInt32(second) << 8 | UInt32(third)
    }

    private static func text(_ name: String, _ index: JSONIndex, _ value: Int) throws(JOSEError) -> Int {
        guard index.isText(value) else { throw JOSEError(.claimInvalid, claim: name, reason: "expected a text") }
        return value
    }

    private static func audience(_ index: JSONIndex, _ value: Int) throws(JOSEError) -> Int {
        if index.isText(value) { return value }
        // RFC 7519 §4.1.3: "the "aud" value is an array of case-sensitive strings"
        guard index.nodes[value].kind == .array, index.element(of: value, where: { !index.isText($0) }) == nil else {
            throw JOSEError(.claimInvalid, claim: "aud", reason: "expected a text or an array of texts")
        }
        return value
    }

    private static func instant(_ name: String, _ index: JSONIndex, _ value: Int) throws(JOSEError) -> Instant {
        // RFC 7519 §2: "A JSON numeric value representing the number of seconds from 1970-01-01T00:00:00Z UTC …
        // non-integer values can be represented."
        let node = index.nodes[value]
        let instant =
            switch node.kind {
            case .integer: NumericDate.instant(seconds: Int64(bitPattern: node.bits))
            case .number: NumericDate.instant(seconds: Double(bitPattern: node.bits))
            default: throw JOSEError(.claimInvalid, claim: name, reason: "expected a number of seconds")
            }
        guard let instant else { throw JOSEError(.claimInvalid, claim: name, reason: "the time is out of range") }
        return instant
    }
}
