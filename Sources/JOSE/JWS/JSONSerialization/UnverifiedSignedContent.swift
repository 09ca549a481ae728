// Room: JWS beyond the compact serialization: flattened and general JSON (RFC 7515 §7.2), detached payloads (RFC 7515
// Appendix F) and unencoded ones (RFC 7797). Owns several signatures over one payload, which of them must be good, and
// what counts of a header that nobody signed. JWTs have no part in this (RFC 7519 §1: always compact).

/// Content with one or several signatures, in JSON serialization or with a detached payload, parsed strictly.
///
/// Nothing of it is true yet.
public struct UnverifiedSignedContent: Sendable {
    /// The most signatures that are looked at, each of which may cost a public-key operation.
    public static let maximumSignatures = 16

    /// The payload, as the sender wrote it or as the caller brought it.
    public let unverifiedPayload: [UInt8]
    /// The signatures, as they came.
    public let signatures: [UnverifiedSignature]
    /// What stands for the payload between the dot and the end of the signing input.
    private let payloadInput: [UInt8]

    /// Parses a JWS in general or flattened JSON serialization (RFC 7515 §7.2).
    ///
    /// - Parameters:
    ///   - json: the JSON text; the limits are for it.
    ///   - detachedPayload: the payload of a JWS that does not carry it (RFC 7515 Appendix F), of any length.
    /// - Throws: `tooLarge` beyond the limits; `malformed` for anything that the syntax forbids, for a payload in both
    ///   places and for one in none; `criticalUnsupported` for signatures that disagree about its encoding.
    public init(
        parsing json: [UInt8],
        detachedPayload: [UInt8]? = nil,
        limits: TokenLimits = .default
    ) throws(JOSEError) {
        let object = try JSONObject(parsing: json, limits: limits.parsing)
        let entries = try Self.entries(of: object)
        guard entries.count <= Self.maximumSignatures else {
            throw JOSEError(
                .tooLarge,
                claim: "signatures",
                reason: "\(entries.count) signatures, the limit is \(Self.maximumSignatures)"
            )
        }
        var signatures: [UnverifiedSignature] = []
        for entry in entries {
            signatures.append(try UnverifiedSignature(entry, limits: limits.parsing))
        }
        try self.init(signatures, attached: try object.text("payload"), detached: detachedPayload)
    }

    /// Parses a compact JWS whose payload was taken out (RFC 7515 Appendix F): two dots with nothing between them.
    ///
    /// - Parameter detachedPayload: what was signed, of any length; the limits are for the text.
    /// - Throws: `tooLarge` beyond the limits; `malformed` for any other form.
    public init(
        compact text: String,
        detachedPayload: [UInt8],
        limits: TokenLimits = .default
    ) throws(JOSEError) {
        try limits.check(text)
        let bytes = Array(text.utf8)
        let dot = UInt8(ascii: ".")
        guard let first = bytes.firstIndex(of: dot), first + 1 < bytes.count, bytes[first + 1] == dot,
            !bytes[(first + 2)...].contains(dot)
        else { throw JOSEError(.malformed, reason: "expected header and signature with two dots between them") }
        let signature = try UnverifiedSignature(
            protected: bytes[..<first],
            unprotected: [:],
            signature: bytes[(first + 2)...],
            limits: limits.parsing
        )
        try self.init([signature], attached: nil, detached: detachedPayload)
    }

    private init(
        _ signatures: [UnverifiedSignature],
        attached: String?,
        detached: [UInt8]?
    ) throws(JOSEError) {
        let isEncoded = signatures.allSatisfy(\.isPayloadEncoded)
        // RFC 7797 §3: "If the JWS has multiple signatures and/or MACs, the "b64" Header Parameter value MUST be the same
        // for all of them."
        guard isEncoded || !signatures.contains(where: \.isPayloadEncoded) else {
            throw JOSEError(.criticalUnsupported, claim: "b64", reason: "the signatures disagree about the payload")
        }
        self.signatures = signatures
        switch (attached, detached) {
        case (let text?, nil):
            payloadInput = Array(text.utf8)
            unverifiedPayload = isEncoded ? try Base64URL.decode(text) : payloadInput
        case (nil, let payload?):
            unverifiedPayload = payload
            payloadInput = isEncoded ? Base64URL.encodedBytes(payload) : payload
        case (nil, nil): throw JOSEError(.malformed, claim: "payload", reason: "the payload is detached; bring it")
        // Two payloads could be two messages, of which one was signed and the other is read.
        case (_?, _?):
            throw JOSEError(.malformed, claim: "payload", reason: "expected a detached payload, got one in the JWS too")
        }
    }

    /// Checks the signatures that the policy asks for.
    ///
    /// Only the protected header says how something was signed. The unprotected one may name the key (`kid`), which is
    /// then looked up among the trusted ones, like any other.
    ///
    /// - Throws: for a single signature, or under ``SignaturePolicy/all``, what ``UnverifiedJWS/verified(by:algorithms:)``
    ///   throws; otherwise that of the first signature if none is good; `keyUnknown` for a signer that the policy names
    ///   and that did not sign.
    public func verified(
        by keys: KeySet,
        algorithms: [SignatureAlgorithm],
        requiring policy: SignaturePolicy
    ) throws(JOSEError) -> VerifiedSignedContent {
        var verified: [VerifiedSignature] = []
        var firstRefusal: JOSEError?
        for (number, signature) in signatures.enumerated() {
            do throws(JOSEError) {
                let good = try signature.verified(over: payloadInput, by: keys, algorithms: algorithms)
                // Whoever counts signatures must not count one signer twice.
                if !verified.contains(where: { $0.isBySameKey(as: good) }) { verified.append(good) }
            } catch {
                let refusal = signatures.count == 1 ? error : error.ofSignature(number + 1, of: signatures.count)
                if case .all = policy.requirement { throw refusal }
                if firstRefusal == nil { firstRefusal = refusal }
            }
        }
        if verified.isEmpty {
            throw firstRefusal ?? JOSEError(.signatureInvalid, reason: "there is no signature")
        }
        try policy.check(verified)
        return VerifiedSignedContent(payload: unverifiedPayload, signatures: verified)
    }

    // MARK: Syntax

    /// The objects that hold a signature each: those of `signatures`, or the whole in flattened syntax.
    private static func entries(of object: JSONObject) throws(JOSEError) -> [JSONObject] {
        guard let list = object["signatures"] else { return [object] }
        // RFC 7515 §7.2.2: "The "signatures" member MUST NOT be present when using this syntax."
        for name in ["signature", "protected", "header"] where object[name] != nil {
            throw JOSEError(.malformed, claim: name, reason: "expected signatures or a single signature, got both")
        }
        guard let elements = list.arrayValue, !elements.isEmpty else {
            throw JOSEError(.malformed, claim: "signatures", reason: "expected an array of at least one signature")
        }
        var entries: [JSONObject] = []
        for element in elements {
            guard let entry = element.objectValue else {
                throw JOSEError(.malformed, claim: "signatures", reason: "expected an array of objects")
            }
            entries.append(entry)
        }
        return entries
    }
}

extension JOSEError {
    fileprivate func ofSignature(_ number: Int, of count: Int) -> JOSEError {
        JOSEError(code, claim: claim, reason: "signature \(number) of \(count): \(reason)")
    }
}
