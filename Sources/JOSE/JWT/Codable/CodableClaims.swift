// Room: a caller's own Codable types as claims (RFC 7519 §4.2, §4.3), without Foundation. Owns the encoder and decoder
// between Codable and the JSON values, and the errors that name the claim.

extension VerifiedToken {
    /// All claims as a type of the caller's.
    ///
    /// An ``Instants/Instant`` is read from a NumericDate (RFC 7519 §2). Claims that the type does not know are ignored
    /// (RFC 7519 §4).
    ///
    /// - Throws: `claimMissing` or `claimInvalid` with the path of the claim, such as `address.country` or `roles[2]`.
    public func claims<Claims: Decodable>(as type: Claims.Type) throws(JOSEError) -> Claims {
        try claims.decoded(as: type)
    }
}

extension JSONObject {
    /// The members that a value encodes itself as, in the order in which it does.
    ///
    /// An ``Instants/Instant`` is written as a NumericDate (RFC 7519 §2).
    ///
    /// - Parameter maximumDepth: how deep the value may nest; `1` admits a flat object. A value that contains itself
    ///   comes to an end here.
    /// - Throws: `claimInvalid` with the path of what has no JSON form (an integer beyond 64 bits, an infinity, a member
    ///   written twice), or without one if the value is no object; `tooLarge` for one that nests too deep.
    public init(
        encoding value: some Encodable,
        maximumDepth: Int = TokenLimits.default.maximumDepth
    ) throws(JOSEError) {
        let root = EncodingNode(state: EncodingState(maximumDepth: maximumDepth), path: [])
        do {
            try root.encode(value)
            guard case .object(let object) = try root.resolved() else {
                throw JOSEError(.claimInvalid, reason: "expected a value that encodes itself as an object")
            }
            self = object
        } catch {
            throw JOSEError(coding: error)
        }
    }

    /// The object as a value of another type.
    ///
    /// - Throws: `claimMissing` or `claimInvalid` with the path of the member.
    public func decoded<Value: Decodable>(as type: Value.Type) throws(JOSEError) -> Value {
        do {
            return try JSONDecoding(value: .object(self), codingPath: []).decodeValue(type)
        } catch {
            throw JOSEError(coding: error)
        }
    }
}

extension JWT {
    /// Signs the caller's own claims together with registered ones.
    ///
    /// - Parameters:
    ///   - claims: encodes itself as an object; registered claims that it writes itself must have the types that
    ///     RFC 7519 §4.1 gives them.
    ///   - registered: written before the others.
    ///   - type: the `typ`, such as `at+jwt` (RFC 9068 §2.1).
    /// - Throws: `claimInvalid` for a claim that both bring, or what ``JSONObject/init(encoding:maximumDepth:)`` throws;
    ///   `signingFailed` if the primitive refuses.
    public static func signed(
        _ claims: some Encodable,
        registered: RegisteredClaims,
        type: String,
        by key: SigningKey
    ) throws(JOSEError) -> String {
        var all = registered.members
        for (name, value) in try JSONObject(encoding: claims) {
            // RFC 7519 §4: "The Claim Names within a JWT Claims Set MUST be unique"
            guard all[name] == nil else {
                throw JOSEError(.claimInvalid, claim: name, reason: "given as a registered claim and as one of its own")
            }
            all[name] = value
        }
        _ = try RegisteredClaims(all)
        return try signed(all, type: type, by: key)
    }
}

extension JOSEError {
    /// Makes one error, with the claim's path, of whatever a Codable type threw.
    init(coding error: any Error) {
        switch error {
        case let error as JOSEError: self = error
        case DecodingError.keyNotFound(let key, let context):
            self.init(.claimMissing, claim: Self.path(context.codingPath + [key]), reason: "the claim is required")
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            self.init(.claimInvalid, claim: Self.path(context.codingPath), reason: Self.plain(context.debugDescription))
        case EncodingError.invalidValue(_, let context):
            self.init(.claimInvalid, claim: Self.path(context.codingPath), reason: Self.plain(context.debugDescription))
        default: self.init(.claimInvalid, reason: Self.plain("\(error)"))
        }
    }

    /// `address.country`, `roles[2]`; nil for the whole.
    static func path(_ keys: [any CodingKey]) -> String? {
        var path = ""
        for key in keys {
            if let index = key.intValue, key is IndexKey {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return path.isEmpty ? nil : path
    }

    /// The text of a foreign error, which may quote claims, fit for one line of a log.
    private static func plain(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(200) {
            result += (0x20..<0x7F).contains(scalar.value) ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
        }
        return result
    }
}
