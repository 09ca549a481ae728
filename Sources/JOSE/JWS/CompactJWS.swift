// Room: JWS in compact serialization (RFC 7515 §3.1): three base64url parts, a signature over the first two as they
// came. Owns the table of algorithms (RFC 7518 §3, RFC 8037 §3.1), one folder for each family of primitives.

/// A compact JWS, parsed strictly.
///
/// Nothing of it is true yet.
public struct UnverifiedJWS: Sendable {
    private let parts: CompactParts
    /// What the three parts decode to, one behind the other, with an index of the header at node 0.
    var index: JSONIndex { parts.index }
    /// The node of the payload, if it was read as JSON.
    var payloadNode: Int? { parts.payloadNode }

    /// The protected header, as the sender wrote it.
    public var header: JSONObject { index.object(0) }
    /// The payload, as the sender wrote it.
    public var unverifiedPayload: [UInt8] { Array(index.bytes[parts.payload]) }

    /// Parses a compact JWS.
    ///
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that RFC 7515 §5.2 refuses before the signature.
    public init(_ text: String, limits: TokenLimits = .default) throws(JOSEError) {
        try self.init(text, limits: limits, readingClaims: false)
    }

    /// Parses a compact JWS, and its payload as a JSON object if it shall hold claims.
    init(_ text: String, limits: TokenLimits, readingClaims: Bool) throws(JOSEError) {
        parts = try CompactParts(text, limits: limits, readingClaims: readingClaims)
    }

    /// Checks the header and the signature.
    ///
    /// Keys that the header itself brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
    ///
    /// - Throws: `algorithmRefused`, `criticalUnsupported`, `keyUnknown`, `keyAmbiguous` or `signatureInvalid`.
    public func verified(by keys: KeySet, algorithms: [SignatureAlgorithm]) throws(JOSEError) -> VerifiedJWS {
        let signer = try signer(among: keys, algorithms: algorithms)
        return VerifiedJWS(jws: self, algorithm: signer.algorithm, keyID: keys.keys[signer.position].keyID)
    }

    /// The place in the set of the key whose signature this is, and the algorithm that the header names.
    ///
    /// - Throws: as ``verified(by:algorithms:)``.
    func signer(
        among keys: KeySet,
        algorithms: [SignatureAlgorithm]
    ) throws(JOSEError) -> (position: Int, algorithm: SignatureAlgorithm) {
        let algorithm = try algorithm(among: algorithms)
        try checkExtensions()
        let position = try keys.position(for: algorithm, named: try headerText("kid"), in: index)
        let signature = index.bytes.span.extracting(parts.signature)
        let isValid = try parts.text.withUTF8Bytes { text throws(JOSEError) in
            keys.keys[position].isValid(signature, for: text.extracting(..<parts.signingInputEnd))
        }
        guard isValid else {
            throw JOSEError(.signatureInvalid, reason: "the signature is not that of \(keys.keys[position])")
        }
        return (position, algorithm)
    }

    private func algorithm(among allowed: [SignatureAlgorithm]) throws(JOSEError) -> SignatureAlgorithm {
        guard let node = index.member("alg", of: 0), index.isText(node) else {
            throw JOSEError(.malformed, claim: "alg", reason: "the header needs an alg")
        }
        // RFC 8725 §3.1: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any
        // other algorithms". `none` is in no set.
        for algorithm in allowed where index.isText(node, algorithm.name) { return algorithm }
        let names = allowed.map(\.name).joined(separator: ", ")
        let got = quoted(index.text(node) ?? "")
        throw JOSEError(.algorithmRefused, claim: "alg", reason: "expected \(names), got \(got)")
    }

    /// The node of the header parameter `name`, which must be a text if it is there.
    func headerText(_ name: String) throws(JOSEError) -> Int? {
        guard let node = index.member(name, of: 0) else { return nil }
        guard index.isText(node) else {
            throw JOSEError(.malformed, claim: name, reason: "the header parameter must be a text")
        }
        return node
    }

    private func checkExtensions() throws(JOSEError) {
        // RFC 7515 §4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the
        // recipient, then the JWS is invalid." None is understood here, and an empty list is forbidden.
        if let critical = index.member("crit", of: 0) {
            throw JOSEError(notUnderstood: index.value(critical))
        }
        // RFC 7797 §6 has `b64` listed in `crit`; a sender that forgot to would have us check other bytes than it meant.
        if let encoded = index.member("b64", of: 0), index.value(encoded) != true {
            throw JOSEError(.criticalUnsupported, claim: "b64", reason: "unencoded payloads are not understood")
        }
    }
}

/// A compact token taken apart, which nothing changes any more: handed on by one reference.
private final class CompactParts: Sendable {
    /// The sender's own bytes.
    let text: String
    /// The end of the first two parts of the text with the dot between them.
    let signingInputEnd: Int
    let index: JSONIndex
    let payload: Range<Int>
    let signature: Range<Int>
    let payloadNode: Int?

    init(_ text: String, limits: TokenLimits, readingClaims: Bool) throws(JOSEError) {
        try limits.check(text)
        var decoded = [UInt8](repeating: 0, count: Base64URL.decodedCount(text.utf8.count))
        let places = try text.withUTF8Bytes { text throws(JOSEError) in try Self.decode(text, into: &decoded) }
        var scanner = JSONScanner(
            maximumDepth: limits.maximumDepth,
            expectedBytes: readingClaims ? places.payload.upperBound : places.payload.lowerBound
        )
        _ = try scanner.scanObject(decoded.span, from: 0, to: places.payload.lowerBound)
        payloadNode =
            readingClaims
            ? try scanner.scanObject(decoded.span, from: places.payload.lowerBound, to: places.payload.upperBound)
            : nil
        index = JSONIndex(decoded, scanner)
        (signingInputEnd, payload, signature) = places
        self.text = text
    }

    /// Decodes the three parts one behind the other; answers with the end of the second in `text` and the places of the
    /// second and third in `decoded`.
    private static func decode(
        _ text: Span<UInt8>,
        into decoded: inout [UInt8]
    ) throws(JOSEError) -> (signingInputEnd: Int, payload: Range<Int>, signature: Range<Int>) {
        let dot = UInt8(ascii: ".")
        // CVE-2025-30204, CVE-2025-27144: looks for two dots, whatever comes after them; base64url has none.
        guard let first = PlainText.firstIndex(of: dot, in: text, from: 0),
            let second = PlainText.firstIndex(of: dot, in: text, from: first + 1)
        else { throw Self.partsExpected }
        var target = decoded.mutableSpan
        let headerEnd = try Base64URL.decode(text.extracting(..<first), into: &target, at: 0)
        let payloadEnd = try Base64URL.decode(text.extracting(first + 1..<second), into: &target, at: headerEnd)
        do {
            let end = try Base64URL.decode(text.extracting((second + 1)...), into: &target, at: payloadEnd)
            return (second, headerEnd..<payloadEnd, payloadEnd..<end)
        } catch {
            throw PlainText.firstIndex(of: dot, in: text, from: second + 1) == nil ? error : Self.partsExpected
        }
    }

    private static var partsExpected: JOSEError {
        JOSEError(.malformed, reason: "token: expected three parts with a dot between them")
    }
}

/// A JWS whose signature is that of a trusted key.
///
/// Only ``UnverifiedJWS/verified(by:algorithms:)`` makes one.
public struct VerifiedJWS: Sendable {
    private let jws: UnverifiedJWS
    /// The algorithm of the signature.
    public let algorithm: SignatureAlgorithm
    /// The `kid` of the key that signed.
    public let keyID: String?

    fileprivate init(jws: UnverifiedJWS, algorithm: SignatureAlgorithm, keyID: String?) {
        self.jws = jws
        self.algorithm = algorithm
        self.keyID = keyID
    }

    /// The protected header.
    public var header: JSONObject { jws.header }
    /// The bytes that were signed.
    public var payload: [UInt8] { jws.unverifiedPayload }
}

/// Makes compact JWS.
public enum JWS {
    /// Signs a payload: the header is `alg`, the given parameters in their order, and `kid`.
    ///
    /// - Parameter parameters: more header parameters; not `alg` and `kid`, which are the key's, nor `b64` and `crit`, see
    ///   ``JWS/detached(_:as:parameters:by:)``.
    /// - Throws: `malformed` for other parameters; `signingFailed` if the primitive refuses.
    public static func signed(
        _ payload: [UInt8],
        parameters: JSONObject = [:],
        by key: SigningKey
    ) throws(JOSEError) -> String {
        var header = JSONWriter(expectedBytes: 256)
        header.writeMember("alg", .string(key.algorithm.name), isFirst: true)
        for (name, value) in parameters {
            try ContentSigner.checkCallersOwn(name)
            header.writeMember(name, value)
        }
        header.writeMember("kid", .string(key.keyID))
        header.endObject()
        return try signed(header: header.output.span, payload: payload.span, by: key)
    }

    /// Signs a payload under a header that is written already.
    static func signed(
        header: Span<UInt8>,
        payload: Span<UInt8>,
        by key: SigningKey
    ) throws(JOSEError) -> String {
        let headerEnd = Base64URL.encodedCount(header.count)
        var signingInput = [UInt8](repeating: 0, count: headerEnd + 1 + Base64URL.encodedCount(payload.count))
        var target = signingInput.mutableSpan
        _ = Base64URL.encode(header, into: &target, at: 0)
        target[headerEnd] = UInt8(ascii: ".")
        _ = Base64URL.encode(payload, into: &target, at: headerEnd + 1)
        return token(signingInput, signature: try key.sign(signingInput.span))
    }

    private static func token(_ signingInput: [UInt8], signature: [UInt8]) -> String {
        let count = signingInput.count + 1 + Base64URL.encodedCount(signature.count)
        // Every byte of the buffer is written before it becomes text.
        return unsafe String(unsafeUninitializedCapacity: count) { buffer in
            _ = unsafe buffer.initialize(fromContentsOf: signingInput)
            unsafe buffer[signingInput.count] = UInt8(ascii: ".")
            var target = unsafe buffer.mutableSpan
            return Base64URL.encode(signature.span, into: &target, at: signingInput.count + 1)
        }
    }
}
