import JOSE

/// JWS in JSON, with attached, detached and unencoded payloads.
enum FuzzSerializations {
    private static let forms: [PayloadForm] = [.attached, .detached, .unencoded, .detachedUnencoded]

    /// A stranger's JSON verifies only over what was signed; what we sign comes out again, and nothing else does.
    static func serialized(_ input: [UInt8]) throws {
        if let content = try? UnverifiedSignedContent(parsing: input) {
            try check(content, in: input)
        }
        guard let choice = input.first, input.count < 2048 else { return }
        let (payload, form) = (Array(input.dropFirst()), forms[Int(choice) % forms.count])
        let signer = ContentSigner(try FuzzTokens.hmacKey.get(), unprotectedHeader: ["note": "unsigned"])
        guard let object = try? JWS.flattened(payload, as: form, by: signer) else {
            let isText = String(validating: payload, as: UTF8.self) != nil
            return try Violation.unless(form == .unencoded && !isText, "every payload can be signed")
        }
        let limits = TokenLimits(maximumBytes: 1 << 16, maximumDepth: 16)
        let isDetached = form == .detached || form == .detachedUnencoded
        func read(_ payload: [UInt8]) throws -> [UInt8] {
            try UnverifiedSignedContent(
                parsing: object.serialized(),
                detachedPayload: isDetached ? payload : nil,
                limits: limits
            ).verified(by: FuzzTokens.keys.get(), algorithms: [.hs256], requiring: .all).payload
        }
        try Violation.unless(try read(payload) == payload, "what is signed verifies")
        if isDetached {
            try Violation.unless((try? read(payload + [0])) == nil, "another payload does not")
        }
        try refuseSpoiled(object, payload, isDetached: isDetached, limits)
    }

    private static func check(_ content: UnverifiedSignedContent, in input: [UInt8]) throws {
        let count = content.signatures.count
        try Violation.unless(count > 0 && count <= UnverifiedSignedContent.maximumSignatures, "signatures are bounded")
        for policy in [SignaturePolicy.any, .all] {
            let verified = try? content.verified(
                by: FuzzTokens.keys.get(),
                algorithms: FuzzTokens.algorithms,
                requiring: policy
            )
            guard let verified else { continue }
            try Violation.unless(verified.payload == content.unverifiedPayload, "what is verified is what was parsed")
            let isKnown = FuzzTokens.signedPayloads.contains(verified.payload)
            let isForeign = verified.signatures.contains { $0.keyID == "k2bdc" }
            try Violation.unless(isKnown || isForeign, "only what was signed verifies")
            try Violation.unless(verified.signatures.count <= count, "no signature counts twice")
            for signature in verified.signatures {
                let name = signature.protectedHeader["alg"]?.stringValue
                try Violation.unless(name == signature.algorithm.name, "the protected header names the algorithm")
                let isRepeated = signature.protectedHeader.contains { signature.unprotectedHeader[$0.name] != nil }
                try Violation.unless(!isRepeated, "no parameter is in both headers")
            }
        }
    }

    /// The same content with one bit of its signature flipped is refused.
    private static func refuseSpoiled(
        _ object: JSONObject,
        _ payload: [UInt8],
        isDetached: Bool,
        _ limits: TokenLimits
    ) throws {
        guard let text = object["signature"]?.stringValue else { throw Violation("there is a signature") }
        var signature = try Base64URL.decode(text)
        signature[payload.count % signature.count] ^= 1
        var spoiled = object
        spoiled["signature"] = .string(Base64URL.encode(signature))
        let content = try UnverifiedSignedContent(
            parsing: spoiled.serialized(),
            detachedPayload: isDetached ? payload : nil,
            limits: limits
        )
        let verified = try? content.verified(by: FuzzTokens.keys.get(), algorithms: [.hs256], requiring: .any)
        try Violation.unless(verified == nil, "a spoiled signature does not verify")
    }
}
