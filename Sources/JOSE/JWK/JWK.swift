// Room: JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2, RFC 9964): keys as JSON, their thumbprints (RFC 7638) and what they may be used
// for. Owns the JSON form, the parsed keys for signing and verifying, and the set in which a token's key is looked up.

private import Crypto

/// A JSON Web Key (RFC 7517 §4), checked for form: a known `kty` and the members that this type needs.
///
/// Whether the key is strong enough and meant for signatures is decided when a ``SigningKey`` or a ``VerificationKey``
/// is made of it. The description never shows private members.
public struct JWK: Hashable, Sendable {
    /// The members as they came.
    public let members: JSONObject
    let keyType: KeyType

    /// Checks a JWK.
    ///
    /// - Throws: `keyUnsupported` for an unknown `kty`; `keyInvalid` for a missing or ill-typed member.
    public init(_ members: JSONObject) throws(JOSEError) {
        guard let name = members["kty"]?.stringValue else {
            throw JOSEError(.keyInvalid, claim: "kty", reason: "a JWK needs a kty")
        }
        guard let keyType = KeyType(rawValue: name), isSameText(keyType.rawValue, name) else {
            throw JOSEError(
                .keyUnsupported,
                claim: "kty",
                reason: "expected RSA, EC, OKP, AKP or oct, got \(quoted(name))"
            )
        }
        for name in keyType.thumbprintMembers where members[name]?.stringValue == nil {
            throw JOSEError(
                .keyInvalid,
                claim: name,
                reason: "a key of type \(keyType.rawValue) needs the text \(name)"
            )
        }
        for name in ["kid", "use", "alg"] {
            if let value = members[name], value.stringValue == nil {
                throw JOSEError(.keyInvalid, claim: name, reason: "expected a text")
            }
        }
        self.members = members
        self.keyType = keyType
        try checkKeyOperations()
    }

    /// Parses a JWK from its JSON text.
    ///
    /// - Throws: what ``JSON/init(parsing:limits:)`` and ``init(_:)`` throw.
    public init(parsing bytes: [UInt8]) throws(JOSEError) {
        try self.init(try JSONObject(parsing: bytes))
    }

    private init(unchecked members: JSONObject, keyType: KeyType) {
        self.members = members
        self.keyType = keyType
    }

    /// The key's identifier, `kid` (RFC 7517 §4.5).
    public var keyID: String? { members["kid"]?.stringValue }

    /// Whether the JWK holds a secret: a private key, or any symmetric key.
    public var isPrivate: Bool { keyType.privateMembers.contains { members[$0] != nil } }

    /// The JWK without its secret and without members that this module does not know, which might be secret too.
    ///
    /// A symmetric key has no public half: what remains of it names the key and cannot be used.
    public var publicJWK: JWK {
        let names = keyType.thumbprintMembers + ["kid", "use", "key_ops", "alg", "x5u", "x5c", "x5t", "x5t#S256"]
        var result = JSONObject()
        for (name, value) in members where names.contains(name) && !keyType.privateMembers.contains(name) {
            // RFC 7517 §4.3: what the private half signs, the public half verifies.
            result[name] = name == "key_ops" && isPrivate ? publicKeyOperations : value
        }
        return JWK(unchecked: result, keyType: keyType)
    }

    /// The SHA-256 thumbprint (RFC 7638 §3), base64url.
    ///
    /// That of a symmetric key is a hash of the secret (RFC 7638 §7): do not publish it if the secret could be guessed.
    public func thumbprint() -> String {
        var required = JSONObject()
        for name in keyType.thumbprintMembers {
            required[name] = members[name]
        }
        return Base64URL.encode(SHA256.hash(data: required.serialized()))
    }

    /// The JWK with `value` as its member `name`.
    func setting(_ name: String, to value: String) -> JWK {
        var members = members
        members[name] = .string(value)
        return JWK(unchecked: members, keyType: keyType)
    }
}

extension JWK: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What may be shown of the key.
    public var description: String {
        let text = String(decoding: publicJWK.members.serialized(), as: UTF8.self)
        return isPrivate ? "\(text) with a secret" : text
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// What may be shown of the key, so that `dump` shows no more.
    public var customMirror: Mirror { Mirror(self, children: ["publicJWK": description]) }
}

extension JWK {
    /// The bytes of the base64url member `name`.
    func bytes(_ name: String) throws(JOSEError) -> [UInt8] {
        guard let text = members[name]?.stringValue else {
            throw JOSEError(.keyInvalid, claim: name, reason: "the key has no text \(name)")
        }
        do {
            return try Base64URL.decode(text)
        } catch {
            throw JOSEError(.keyInvalid, claim: name, reason: error.reason)
        }
    }

    /// The bytes of the member `name`, which must be exactly `count`.
    func bytes(_ name: String, count: Int) throws(JOSEError) -> [UInt8] {
        let bytes = try bytes(name)
        // RFC 7518 §6.2.1.2: "The length of this octet string MUST be the full size of a coordinate for the curve"
        guard bytes.count == count else {
            throw JOSEError(.keyInvalid, claim: name, reason: "expected \(count) bytes, got \(bytes.count)")
        }
        return bytes
    }

    /// The big-endian integer in the member `name`.
    func unsignedInteger(_ name: String) throws(JOSEError) -> [UInt8] {
        let bytes = try bytes(name)
        // RFC 7518 §2: "Base64urlUInt … MUST utilize the minimum number of octets needed to represent the value."
        guard let first = bytes.first, first != 0 else {
            throw JOSEError(.keyInvalid, claim: name, reason: "expected a positive integer without leading zero bytes")
        }
        return bytes
    }
}
