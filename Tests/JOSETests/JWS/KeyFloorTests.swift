import JOSE
import Testing

/// Keys that must not verify anything, each with a twin that does.
@Suite struct KeyFloorTests {
    @Test(
        "RFC 7518 §3.2: an HMAC key of less bytes than its hash has is refused, one of as many is taken",
        arguments: [(SignatureAlgorithm.hs256, 32), (.hs384, 48), (.hs512, 64)]
    )
    func secretLength(algorithm: SignatureAlgorithm, floor: Int) throws {
        func key(_ count: Int) throws -> JWK {
            let secret = Base64URL.encode([UInt8](repeating: 7, count: count))
            return try JWK(["kty": "oct", "k": .string(secret), "alg": .string(algorithm.name)])
        }
        for count in [0, 1, floor - 1, 1025] {
            #expect(try refusal { try VerificationKey(key(count)) }.code == .keyInvalid)
            #expect(try refusal { try SigningKey(key(count)) }.code == .keyInvalid)
        }
        for count in [floor, floor + 1, 1024] { #expect(try SigningKey(key(count)).algorithm == algorithm) }
    }

    @Test(
        "RFC 7518 §3.3, RFC 7518 §3.5: an RSA modulus of 2047 bits is refused for every RSA algorithm, one of 2048 taken",
        arguments: [SignatureAlgorithm.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
    )
    func modulusLength(algorithm: SignatureAlgorithm) throws {
        let good = try TestKeys.key(algorithm).publicJWK.members
        var modulus = try Base64URL.decode(good.text("n"))
        #expect(modulus.count == 256)
        modulus[0] &= 0x7F
        modulus[0] |= 0x40
        let short = good.setting("n", .string(Base64URL.encode(modulus)))
        let error = try refusal { try VerificationKey(JWK(short)) }
        #expect(error.code == .keyInvalid && error.claim == "n")
        #expect(throws: Never.self) { try VerificationKey(JWK(good)) }
    }

    @Test(
        "RFC 7518 §6.2.1.2, RFC 7518 §6.2.2.1: EC members of another length than the curve's are refused",
        arguments: [SignatureAlgorithm.es256, .es384, .es512],
        ["x", "y", "d"]
    )
    func coordinateLength(algorithm: SignatureAlgorithm, name: String) throws {
        let good = try TestKeys.key(algorithm).privateJWK.members
        let bytes = try Base64URL.decode(good.text(name))
        for spoiled in [Array(bytes.dropLast()), bytes + [0], [0] + bytes, []] {
            let jwk = try JWK(good.setting(name, .string(Base64URL.encode(spoiled))))
            #expect(try refusal { try SigningKey(jwk) }.code == .keyInvalid)
        }
        #expect(throws: Never.self) { try SigningKey(JWK(good)) }
    }

    @Test(
        "A point of another curve, or of none, is refused",
        arguments: [SignatureAlgorithm.es256, .es384, .es512]
    )
    func foreignPoint(algorithm: SignatureAlgorithm) throws {
        let good = try TestKeys.key(algorithm).publicJWK.members
        var y = try Base64URL.decode(good.text("y"))
        y[y.count - 1] ^= 1
        #expect(
            try refusal { try VerificationKey(JWK(good.setting("y", .string(Base64URL.encode(y))))) }.code
                == .keyInvalid
        )
        let zero = JSON.string(Base64URL.encode([UInt8](repeating: 0, count: y.count)))
        #expect(
            try refusal { try VerificationKey(JWK(good.setting("x", zero).setting("y", zero))) }.code == .keyInvalid
        )
        for other in ["P-256", "P-384", "P-521", "secp256k1"] where good["crv"] != .string(other) {
            #expect(try refusal { try VerificationKey(JWK(good.setting("crv", .string(other)))) }.code == .keyUnfit)
        }
        #expect(throws: Never.self) { try VerificationKey(JWK(good)) }
    }

    /// The encodings of the points whose order divides 8: with either sign of x, and the y that a smaller one equals.
    private static let smallOrderPoints: [String] = [
        "01" + zeros, "01" + zeros.dropLast(2) + "80",
        "00" + zeros, "00" + zeros.dropLast(2) + "80",
        "ec" + ones + "7f", "ec" + ones + "ff",
        "ed" + ones + "7f", "ed" + ones + "ff", "ee" + ones + "7f", "ee" + ones + "ff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ]
    private static let zeros = String(repeating: "00", count: 31)
    private static let ones = String(repeating: "ff", count: 30)

    @Test(
        "RFC 8032 §5.1.3: an Ed25519 key of small order, or not reduced, is refused: anybody can sign for it",
        arguments: smallOrderPoints
    )
    func smallOrder(point: String) throws {
        let good = try TestKeys.key(.edDSA).publicJWK.members
        let bytes = try PrimitiveVectorTests.bytes(point)
        #expect(bytes.count == 32)
        let spoiled = try JWK(good.setting("x", .string(Base64URL.encode(bytes))))
        let error = try refusal { try VerificationKey(spoiled) }
        #expect(error.code == .keyInvalid && error.claim == "x")
        #expect(throws: Never.self) { try VerificationKey(JWK(good)) }
    }

    @Test("RFC 8032 §5.1.3: every y from 2^255 - 19 on is refused, the one below it only for its order")
    func fieldLimit() throws {
        func isTaken(_ first: UInt8, _ last: UInt8) throws -> Bool {
            let point = [first] + [UInt8](repeating: 0xFF, count: 30) + [last]
            let members: JSONObject = ["kty": "OKP", "crv": "Ed25519", "x": .string(Base64URL.encode(point))]
            return (try? VerificationKey(JWK(members))) != nil
        }
        for first in UInt8(0xED)...0xFF {
            #expect(try !isTaken(first, 0x7F))
            #expect(try !isTaken(first, 0xFF))
            #expect(try isTaken(first, 0x7E))
        }
        #expect(try !isTaken(0xEC, 0x7F))
        #expect(try isTaken(0xEB, 0x7F))
    }

    @Test(
        "RFC 9964: an AKP key needs its alg, a public key of that alg's length and a seed of 32 bytes",
        arguments: [SignatureAlgorithm.mlDSA65, .mlDSA87]
    )
    func latticeKeys(algorithm: SignatureAlgorithm) throws {
        let good = try TestKeys.key(algorithm).privateJWK.members
        let other: SignatureAlgorithm = algorithm == .mlDSA65 ? .mlDSA87 : .mlDSA65
        let pub = try Base64URL.decode(good.text("pub"))
        let rows: [(String, JSON?, JOSEError.Code)] = [
            ("alg", nil, .keyInvalid), ("alg", "ML-DSA-44", .keyUnsupported), ("alg", "ES256", .keyUnfit),
            ("alg", .string(other.name), .keyInvalid), ("pub", nil, .keyInvalid), ("pub", "AAAA", .keyInvalid),
            ("pub", .string(Base64URL.encode(pub.dropLast())), .keyInvalid),
            ("pub", .string(Base64URL.encode(pub + [0])), .keyInvalid),
            ("pub", .string(Base64URL.encode([pub[0] ^ 1] + pub.dropFirst())), .keyInvalid),
            ("priv", nil, .keyInvalid), ("priv", "AAAA", .keyInvalid),
            ("priv", .string(Base64URL.encode([UInt8](repeating: 0, count: 33))), .keyInvalid),
            ("priv", .string(Base64URL.encode([UInt8](repeating: 9, count: 32))), .keyInvalid),
        ]
        for (name, value, code) in rows {
            #expect(try refusal { try SigningKey(JWK(good.setting(name, value))) }.code == code, "\(name)")
        }
        #expect(throws: Never.self) { try SigningKey(JWK(good)) }
    }
}
