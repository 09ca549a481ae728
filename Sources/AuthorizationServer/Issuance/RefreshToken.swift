import JOSE
package import OAuthVocabulary

/// A refresh token as text: key version, family, generation, nonce, and an HMAC over these and the client.
///
/// Nothing of it is stored but generation and nonce, so that the same token can be made again and no other can.
struct RefreshToken: Hashable, Sendable {
    /// Makes tokens findable by secret scanners.
    static let prefix = "signet_rt_"
    static let nonceLength = 16
    private static let familyLength = 16
    private static let macLength = 32
    private static let bodyLength = 1 + familyLength + 4 + nonceLength

    var keyVersion: UInt8
    var family: FamilyID
    var generation: UInt32
    var nonce: [UInt8]

    /// The token that is current in a family.
    init(_ family: RefreshFamily) {
        keyVersion = family.keyVersion
        self.family = family.id
        generation = family.generation
        nonce = family.nonce
    }

    /// Reads a presented token; `nil` unless its MAC is right for this client.
    ///
    /// A bad token touches no family: otherwise anybody who knew a family's name could sign its person out.
    init?(_ text: String, client: ClientID, keys: DerivedKeys) {
        guard text.hasPrefix(Self.prefix), let bytes = try? Base64URL.decode(String(text.dropFirst(Self.prefix.count))),
            bytes.count == Self.bodyLength + Self.macLength
        else { return nil }
        let body = Array(bytes[..<Self.bodyLength])
        let nameEnd = 1 + Self.familyLength
        guard let mac = Self.mac(body, client: client, keys: keys),
            ConstantTime.equal(mac, Array(bytes[Self.bodyLength...])),
            let family = FamilyID(Base64URL.encode(body[1..<nameEnd]))
        else { return nil }
        keyVersion = body[0]
        self.family = family
        generation = body[nameEnd..<nameEnd + 4].reduce(0) { $0 << 8 | UInt32($1) }
        nonce = Array(body[(nameEnd + 4)...])
    }

    /// The token's text; `nil` if the key version is unknown or the family's name is not one of ours.
    func text(client: ClientID, keys: DerivedKeys) -> String? {
        guard let name = try? Base64URL.decode(family.value), name.count == Self.familyLength,
            nonce.count == Self.nonceLength
        else { return nil }
        let number = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: generation >> UInt32($0)) }
        let body = [keyVersion] + name + number + nonce
        guard let mac = Self.mac(body, client: client, keys: keys) else { return nil }
        return Self.prefix + Base64URL.encode(body + mac)
    }

    static func newFamily(_ random: any RandomSource) -> FamilyID? { FamilyID(random.text(familyLength)) }

    private static func mac(_ body: [UInt8], client: ClientID, keys: DerivedKeys) -> [UInt8]? {
        guard let version = body.first else { return nil }
        return keys.refreshMAC(body + Array(client.value.utf8), keyVersion: version)
    }
}

extension RandomSource {
    /// The name of a new grant: 128 random bits.
    package func familyID() throws(OAuthError) -> FamilyID {
        guard let id = RefreshToken.newFamily(self) else { throw .internalFault("a family name could not be made") }
        return id
    }
}
