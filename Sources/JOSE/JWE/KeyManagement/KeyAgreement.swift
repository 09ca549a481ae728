// Family: ECDH with P-256, P-384, P-521 (RFC 7518 §4.6, §6.2) and X25519 (RFC 8037 §3.2, RFC 7748 §5). Owns the public
// and private keys of all four curves; swift-crypto checks that a point is on its curve.

internal import Crypto

/// A curve for key agreement (RFC 7518 §6.2.1.1, RFC 8037 §2).
public struct KeyAgreementCurve: Sendable, CustomStringConvertible {
    /// The `crv` value.
    public let name: String
    let kind: Kind

    enum Kind: Sendable {
        case p256
        case p384
        case p521
        case x25519
    }

    private init(_ name: String, _ kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// NIST P-256.
    public static let p256 = KeyAgreementCurve("P-256", .p256)
    /// NIST P-384.
    public static let p384 = KeyAgreementCurve("P-384", .p384)
    /// NIST P-521.
    public static let p521 = KeyAgreementCurve("P-521", .p521)
    /// Curve25519 as RFC 7748 §5 uses it.
    public static let x25519 = KeyAgreementCurve("X25519", .x25519)

    /// Every curve that keys can be agreed on.
    public static let all: [KeyAgreementCurve] = [p256, p384, p521, x25519]

    /// The curve of this registered name, if there is one.
    public init?(name: String) {
        guard let row = Self.all.first(where: { isSameText($0.name, name) }) else { return nil }
        self = row
    }

    /// The registered name.
    public var description: String { name }

    /// The curve of a JWK, whose `kty` must be the curve's.
    init(_ jwk: JWK) throws(JOSEError) {
        let name = jwk.members["crv"]?.stringValue ?? ""
        guard let curve = KeyAgreementCurve(name: name), curve.keyType == jwk.keyType else {
            throw JOSEError(.keyUnsupported, claim: "crv", reason: "no key agreement with curve \(quoted(name))")
        }
        self = curve
    }

    var keyType: KeyType { kind == .x25519 ? .octetKeyPair : .ellipticCurve }

    var coordinateBytes: Int {
        switch kind {
        case .p256, .x25519: 32
        case .p384: 48
        case .p521: 66
        }
    }
}

extension KeyAgreementCurve: Hashable {
    /// Whether both have the same name.
    public static func == (left: KeyAgreementCurve, right: KeyAgreementCurve) -> Bool {
        left.name == right.name
    }

    /// Feeds the name to the hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

enum AgreementPublicKey: Sendable {
    case p256(P256.KeyAgreement.PublicKey)
    case p384(P384.KeyAgreement.PublicKey)
    case p521(P521.KeyAgreement.PublicKey)
    case x25519(Curve25519.KeyAgreement.PublicKey)

    init(_ jwk: JWK) throws(JOSEError) {
        let curve = try KeyAgreementCurve(jwk)
        var point = try jwk.bytes("x", count: curve.coordinateBytes)
        if curve.keyType == .ellipticCurve { point += try jwk.bytes("y", count: curve.coordinateBytes) }
        do {
            switch curve.kind {
            case .p256: self = .p256(try P256.KeyAgreement.PublicKey(rawRepresentation: point))
            case .p384: self = .p384(try P384.KeyAgreement.PublicKey(rawRepresentation: point))
            case .p521: self = .p521(try P521.KeyAgreement.PublicKey(rawRepresentation: point))
            case .x25519: self = .x25519(try Curve25519.KeyAgreement.PublicKey(rawRepresentation: point))
            }
        } catch {
            throw JOSEError(.keyInvalid, reason: "not a point of \(curve)")
        }
    }

    var curve: KeyAgreementCurve {
        switch self {
        case .p256: .p256
        case .p384: .p384
        case .p521: .p521
        case .x25519: .x25519
        }
    }

    /// The members of the public JWK.
    var members: JSONObject {
        let point =
            switch self {
            case .p256(let key): Array(key.rawRepresentation)
            case .p384(let key): Array(key.rawRepresentation)
            case .p521(let key): Array(key.rawRepresentation)
            case .x25519(let key): Array(key.rawRepresentation)
            }
        var members: JSONObject = ["kty": .string(curve.keyType.rawValue), "crv": .string(curve.name)]
        members["x"] = .string(Base64URL.encode(point.prefix(curve.coordinateBytes)))
        if curve.keyType == .ellipticCurve {
            members["y"] = .string(Base64URL.encode(point.suffix(curve.coordinateBytes)))
        }
        return members
    }
}

enum AgreementPrivateKey: Sendable {
    case p256(P256.KeyAgreement.PrivateKey)
    case p384(P384.KeyAgreement.PrivateKey)
    case p521(P521.KeyAgreement.PrivateKey)
    case x25519(Curve25519.KeyAgreement.PrivateKey)

    init(_ jwk: JWK) throws(JOSEError) {
        let curve = try KeyAgreementCurve(jwk)
        let secret = try jwk.bytes("d", count: curve.coordinateBytes)
        do {
            switch curve.kind {
            case .p256: self = .p256(try P256.KeyAgreement.PrivateKey(rawRepresentation: secret))
            case .p384: self = .p384(try P384.KeyAgreement.PrivateKey(rawRepresentation: secret))
            case .p521: self = .p521(try P521.KeyAgreement.PrivateKey(rawRepresentation: secret))
            case .x25519: self = .x25519(try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret))
            }
        } catch {
            throw JOSEError(.keyInvalid, claim: "d", reason: "not a private key of \(curve)")
        }
        for (name, value) in publicKey.members where jwk.members[name] != value {
            throw JOSEError(.keyInvalid, claim: name, reason: "does not belong to the private key")
        }
    }

    /// A new key, drawn by swift-crypto.
    init(generatedOn curve: KeyAgreementCurve) {
        switch curve.kind {
        case .p256: self = .p256(P256.KeyAgreement.PrivateKey())
        case .p384: self = .p384(P384.KeyAgreement.PrivateKey())
        case .p521: self = .p521(P521.KeyAgreement.PrivateKey())
        case .x25519: self = .x25519(Curve25519.KeyAgreement.PrivateKey())
        }
    }

    var publicKey: AgreementPublicKey {
        switch self {
        case .p256(let key): .p256(key.publicKey)
        case .p384(let key): .p384(key.publicKey)
        case .p521(let key): .p521(key.publicKey)
        case .x25519(let key): .x25519(key.publicKey)
        }
    }

    /// The members of the private JWK.
    var members: JSONObject {
        let secret =
            switch self {
            case .p256(let key): Array(key.rawRepresentation)
            case .p384(let key): Array(key.rawRepresentation)
            case .p521(let key): Array(key.rawRepresentation)
            case .x25519(let key): Array(key.rawRepresentation)
            }
        var members = publicKey.members
        members["d"] = .string(Base64URL.encode(secret))
        return members
    }

    /// The shared secret with the owner of `peer`, or nothing if there is none.
    func secret(with peer: AgreementPublicKey) -> SharedSecret? {
        let secret: SharedSecret? =
            switch (self, peer) {
            case (.p256(let own), .p256(let peer)): try? own.sharedSecretFromKeyAgreement(with: peer)
            case (.p384(let own), .p384(let peer)): try? own.sharedSecretFromKeyAgreement(with: peer)
            case (.p521(let own), .p521(let peer)): try? own.sharedSecretFromKeyAgreement(with: peer)
            case (.x25519(let own), .x25519(let peer)): try? own.sharedSecretFromKeyAgreement(with: peer)
            default: nil
            }
        guard let secret else { return nil }
        // A point of small order makes X25519 zero whatever our key is; swift-crypto leaves the check to its callers.
        // RFC 7748 §6.1: "Both MAY check, without leaking extra information about the value of K, whether K is the
        // all-zero value and abort if so"
        let union = unsafe secret.withUnsafeBytes { unsafe $0.reduce(UInt8(0), |) }
        return union == 0 ? nil : secret
    }
}
