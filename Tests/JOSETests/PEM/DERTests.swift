import JOSE
import Testing

/// A DER element with its contents, so that tests can build what no good program writes.
private func element(_ tag: UInt8, _ contents: [UInt8]...) -> [UInt8] {
    let body = contents.flatMap { $0 }
    guard body.count >= 0x80 else { return [tag, UInt8(body.count)] + body }
    guard body.count >= 0x100 else { return [tag, 0x81, UInt8(body.count)] + body }
    return [tag, 0x82, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
}

private let ed25519: [UInt8] = [0x06, 3, 0x2B, 0x65, 0x70]
private let ecPublicKey: [UInt8] = [0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]
private let p256: [UInt8] = [0x06, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]
private let p384: [UInt8] = [0x06, 5, 0x2B, 0x81, 4, 0, 0x22]
private let rsaEncryption: [UInt8] = [0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1]
private let mldsa65: [UInt8] = [0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12]
private let null: [UInt8] = [5, 0]
private let zero: [UInt8] = [2, 1, 0]
private let one: [UInt8] = [2, 1, 1]

/// X.690: DER to the last byte, and numbers that make a key.
@Suite struct DERTests {
    private static func bytes(_ name: String, of file: String) throws -> [UInt8] {
        try Base64URL.decode(try #require(try KeyFile.named(file).jwk).text(name))
    }

    private static func point(_ file: String) throws -> [UInt8] {
        try [4] + bytes("x", of: file) + bytes("y", of: file)
    }

    @Test("Every truncation, every appended byte and every wrong first tag is refused", arguments: try KeyFile.good())
    func frame(file: KeyFile) throws {
        let der = try JWK(pem: file.pem).der()
        #expect(throws: Never.self) { try JWK(der: der) }
        for count in 0..<min(der.count, 300) {
            #expect(throws: JOSEError.self) { try JWK(der: Array(der.prefix(count))) }
        }
        for extra: UInt8 in [0, 5, 0x30] {
            #expect(try refusal { try JWK(der: der + [extra]) }.code == .malformed)
            #expect(try refusal { try JWK(der: der + [extra, 0]) }.code == .malformed)
        }
        for tag: UInt8 in [0x31, 0x10, 0x70, 0x04, 0x00, 0xFF] {
            #expect(throws: JOSEError.self) { try JWK(der: [tag] + der.dropFirst()) }
        }
    }

    @Test("A length that is not in its shortest form, or indefinite, is refused")
    func lengths() throws {
        let key = try element(3, [0], Self.bytes("x", of: "Ed25519 SPKI"))
        let body = element(0x30, ed25519) + key
        #expect(body.count < 0x80)
        #expect(throws: Never.self) { try JWK(der: [0x30, UInt8(body.count)] + body) }
        let count = UInt8(body.count)
        let spoiled: [[UInt8]] = [
            [0x30, 0x81, count] + body, [0x30, 0x82, 0, count] + body, [0x30, 0x84, 0, 0, 0, count] + body,
            [0x30, 0x80] + body + [0, 0], [0x30, 0xFF] + body, [0x30, 0x88, 0, 0, 0, 0, 0, 0, 0, count] + body,
            [0x30, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF] + body, [0x30, count + 1] + body,
            [0x30, count - 1] + body,
        ]
        for der in spoiled { #expect(try refusal { try JWK(der: der) }.code == .malformed) }
    }

    @Test("RFC 5480 §2.1.1, RFC 8410 §3, RFC 3279 §2.3.1: the parameters are those of the algorithm, no others")
    func parameters() throws {
        func spki(_ algorithm: [UInt8]..., key: [UInt8]) -> [UInt8] {
            element(0x30, element(0x30, algorithm.flatMap { $0 }), element(3, [0], key))
        }
        let point = try Self.point("P-256 SPKI")
        let raw = try Self.bytes("x", of: "Ed25519 SPKI")
        let modulus = try Self.bytes("n", of: "rsa-2048 SPKI")
        let rsa = element(0x30, element(2, [0], modulus), element(2, [1, 0, 1]))
        for good in [
            spki(ecPublicKey, p256, key: point), spki(ed25519, key: raw), spki(rsaEncryption, null, key: rsa),
        ] { #expect(throws: Never.self) { try JWK(der: good) } }
        let rows: [([UInt8], JOSEError.Code)] = [
            (spki(ecPublicKey, key: point), .keyUnsupported), (spki(ecPublicKey, null, key: point), .keyUnsupported),
            (spki(ecPublicKey, element(0x30, one), key: point), .keyUnsupported),
            (spki(ecPublicKey, p256, null, key: point), .malformed), (spki(ecPublicKey, p384, key: point), .keyInvalid),
            (spki(ed25519, null, key: raw), .malformed), (spki(ed25519, ed25519, key: raw), .malformed),
            (spki(rsaEncryption, key: rsa), .malformed), (spki(rsaEncryption, p256, key: rsa), .malformed),
            (spki(rsaEncryption, null, null, key: rsa), .malformed), (spki(key: raw), .malformed),
            (spki(p256, key: raw), .keyUnsupported),
        ]
        for (der, code) in rows { #expect(try refusal { try JWK(der: der) }.code == code) }
    }

    @Test("RFC 5480 §2.2: a point off its curve, of another size or compressed is refused, the point is read")
    func points() throws {
        func spki(_ key: [UInt8], unused: UInt8 = 0) -> [UInt8] {
            element(0x30, element(0x30, ecPublicKey, p256), element(3, [unused], key))
        }
        let point = try Self.point("P-256 SPKI")
        #expect(throws: Never.self) { try JWK(der: spki(point)) }
        var off = point
        off[40] ^= 1
        let rows: [([UInt8], JOSEError.Code)] = [
            (spki(off), .keyInvalid), (spki([0]), .keyInvalid), (spki([]), .keyInvalid),
            (spki(point + [0]), .keyInvalid), (spki(Array(point.dropLast())), .keyInvalid),
            (spki([6] + point.dropFirst()), .keyInvalid), (spki([2] + point[1...32]), .keyUnsupported),
            (spki([4] + [UInt8](repeating: 0, count: 64)), .keyInvalid), (spki(point, unused: 1), .malformed),
        ]
        for (der, code) in rows { #expect(try refusal { try JWK(der: der) }.code == code) }
        for wrong in [31, 33, 0] {
            let key = element(3, [0], [UInt8](repeating: 9, count: wrong))
            #expect(try refusal { try JWK(der: element(0x30, element(0x30, ed25519), key)) }.code == .keyInvalid)
        }
    }

    @Test("RFC 5958 §2, RFC 8410 §7: version and public key of a PKCS#8 belong together, and the halves too")
    func asymmetricKey() throws {
        let secret = try Self.bytes("d", of: "Ed25519 PKCS#8")
        let half = try Self.bytes("x", of: "Ed25519 PKCS#8")
        let foreign = try Self.bytes("x", of: "RFC 8410 10.1")
        func key(_ version: [UInt8], _ inner: [UInt8], _ rest: [UInt8]...) -> [UInt8] {
            element(0x30, version, element(0x30, ed25519), element(4, inner), rest.flatMap { $0 })
        }
        let inner = element(4, secret)
        let own = element(0x81, [0], half)
        let attributes = element(0xA0)
        for good in [
            key(zero, inner), key(one, inner, own), key(zero, inner, attributes), key(one, inner, attributes, own),
        ] { #expect(try JWK(der: good).members == KeyFile.named("Ed25519 PKCS#8").jwk) }
        let rows: [([UInt8], JOSEError.Code)] = [
            (key(one, inner), .malformed), (key(zero, inner, own), .malformed),
            (key([2, 1, 2], inner, own), .malformed),
            (key([2, 2, 0, 0], inner), .malformed), (key(one, inner, element(0x81, [0], foreign)), .keyInvalid),
            (key(one, inner, own, own), .malformed), (key(one, inner, own, attributes), .malformed),
            (key(one, inner, element(0x81, [1], half)), .malformed), (key(zero, secret), .malformed),
            (key(zero, element(4, secret, [0])), .keyInvalid), (key(zero, element(4, secret.dropLast())), .keyInvalid),
            (key(zero, inner + [0]), .malformed), (key(zero, inner, null), .malformed),
        ]
        for (der, code) in rows { #expect(try refusal { try JWK(der: der) }.code == code) }
    }

    @Test("RFC 5915 §3: an EC private key names its curve, has its size, and its halves belong together")
    func ellipticCurveKey() throws {
        let secret = try Self.bytes("d", of: "P-256 SEC1")
        let half = try Self.point("P-256 SEC1")
        let foreign = try Self.point("P-256 SPKI").map { $0 }
        func sec1(_ version: [UInt8], _ secret: [UInt8], _ rest: [UInt8]...) -> [UInt8] {
            element(0x30, version, element(4, secret), rest.flatMap { $0 })
        }
        func publicKey(_ point: [UInt8]) -> [UInt8] { element(0xA1, element(3, [0], point)) }
        func pkcs8(_ curve: [UInt8], _ inner: [UInt8]) -> [UInt8] {
            element(0x30, zero, element(0x30, ecPublicKey, curve), element(4, inner))
        }
        let named = element(0xA0, p256)
        #expect(try Self.point("P-256 PKCS#8") == foreign)
        for good in [
            sec1(one, secret, named, publicKey(half)), sec1(one, secret, named), pkcs8(p256, sec1(one, secret)),
            pkcs8(p256, sec1(one, secret, named)), pkcs8(p256, sec1(one, secret, publicKey(half))),
        ] { #expect(try JWK(der: good).members == KeyFile.named("P-256 SEC1").jwk) }
        let order: [UInt8] =
            [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
            + [
                0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
            ]
        let otherPoint = [4] + (try Self.bytes("x", of: "RFC 8410 10.1")) + (try Self.bytes("x", of: "RFC 8410 10.1"))
        let rows: [([UInt8], JOSEError.Code)] = [
            (sec1(one, secret, publicKey(half)), .malformed), (sec1(zero, secret, named), .malformed),
            (sec1([2, 1, 2], secret, named), .malformed), (sec1(one, [0] + secret, named), .keyInvalid),
            (sec1(one, Array(secret.dropFirst()), named), .keyInvalid), (sec1(one, order, named), .keyInvalid),
            (sec1(one, [UInt8](repeating: 0, count: 32), named), .keyInvalid),
            (sec1(one, secret, named, publicKey(otherPoint)), .keyInvalid),
            (sec1(one, secret, element(0xA0, p384)), .keyInvalid), (sec1(one, secret, named, null), .malformed),
            (sec1(one, secret, publicKey(half), named), .malformed), (pkcs8(p384, sec1(one, secret)), .keyInvalid),
            (pkcs8(p384, sec1(one, secret, named)), .keyInvalid),
            (pkcs8(p256, sec1(one, secret, publicKey(otherPoint))), .keyInvalid),
            (pkcs8(null, sec1(one, secret, named)), .keyUnsupported),
            (pkcs8(p256, sec1(one, secret, element(0xA0, element(0x30, one)))), .keyUnsupported),
        ]
        for (index, (der, code)) in rows.enumerated() {
            #expect(try refusal { try JWK(der: der) }.code == code, "row \(index)")
        }
    }

    @Test("RFC 8017 §A.1.2: the numbers of an RSA key are positive, minimal, eight, and belong together")
    func rsaNumbers() throws {
        let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"]
        let own = try names.map { try Self.bytes($0, of: "rsa-2048 PKCS#1") }
        let foreign = try names.map { try Self.bytes($0, of: "rsa-3072 PKCS#8") }
        func integer(_ bytes: [UInt8]) -> [UInt8] { element(2, bytes[0] & 0x80 == 0 ? bytes : [0] + bytes) }
        func key(_ version: [UInt8], _ numbers: [[UInt8]], _ rest: [UInt8] = []) -> [UInt8] {
            element(0x30, version, numbers.flatMap { $0 }, rest)
        }
        let good = own.map(integer)
        #expect(try JWK(der: key(zero, good)).members == KeyFile.named("rsa-2048 PKCS#1").jwk)
        for index in names.indices where names[index] != "e" {
            var numbers = good
            numbers[index] = integer(foreign[index])
            #expect(try refusal { try JWK(der: key(zero, numbers)) }.code == .keyInvalid, "\(names[index])")
            numbers[index] = zero
            #expect(try refusal { try JWK(der: key(zero, numbers)) }.code == .malformed, "\(names[index])")
            numbers[index] = element(2, [0xFF] + own[index])
            #expect(try refusal { try JWK(der: key(zero, numbers)) }.code == .malformed, "\(names[index])")
            numbers[index] = element(2, [0, 0] + own[index])
            #expect(try refusal { try JWK(der: key(zero, numbers)) }.code == .malformed, "\(names[index])")
        }
        let rows: [([UInt8], JOSEError.Code)] = [
            (key(one, good), .keyUnsupported),
            (key(one, good, element(0x30, element(0x30, one, one, one))), .keyUnsupported),
            (key(zero, good, one), .malformed), (key(zero, good.dropLast()), .malformed),
            (element(0x30, good[0]), .malformed), (element(0x30, good[0], good[1], null), .malformed),
        ]
        for (der, code) in rows { #expect(try refusal { try JWK(der: der) }.code == code) }
        #expect(throws: Never.self) { try JWK(der: element(0x30, good[0], good[1])) }
    }

    @Test("RFC 9881 §6: of ML-DSA the seed is taken, beside an expanded key that could be its own")
    func latticeKeys() throws {
        let seed = try Self.bytes("priv", of: "ML-DSA-65 PKCS#8")
        let rho = try Self.bytes("pub", of: "ML-DSA-65 PKCS#8").prefix(32)
        func key(_ inner: [UInt8]) -> [UInt8] { element(0x30, zero, element(0x30, mldsa65), element(4, inner)) }
        let expanded = rho + [UInt8](repeating: 7, count: 4000)
        let other = [rho[0] ^ 1] + expanded.dropFirst()
        for good in [key(element(0x80, seed)), key(element(0x30, element(4, seed), element(4, Array(expanded))))] {
            #expect(try JWK(der: good).members == KeyFile.named("ML-DSA-65 PKCS#8").jwk)
        }
        let rows: [([UInt8], JOSEError.Code)] = [
            (key(element(4, Array(expanded))), .keyUnsupported),
            (key(element(0x30, element(4, seed), element(4, Array(other)))), .keyInvalid),
            (key(element(0x30, element(4, seed), element(4, Array(expanded.dropLast())))), .keyInvalid),
            (key(element(0x80, seed.dropLast())), .keyInvalid), (key(element(0x80, seed, [0])), .keyInvalid),
            (key(seed), .malformed), (key(element(0x81, seed)), .malformed),
        ]
        for (der, code) in rows { #expect(try refusal { try JWK(der: der) }.code == code) }
    }

    @Test("Containers that hold no key in the clear are refused by name, whatever the label")
    func containers() throws {
        let algorithm = element(0x30, ed25519)
        let rows: [([UInt8], String)] = [
            (element(0x30, algorithm, element(4, [1, 2, 3])), "encrypted"),
            (element(0x30, element(0x30, one), algorithm, element(3, [0, 1])), "certificate"),
        ]
        for (der, says) in rows {
            let error = try refusal { try JWK(der: der) }
            #expect(error.code == .keyUnsupported)
            #expect(error.reason.contains(says))
        }
        for der in [[], [0x30, 0], element(0x30, element(4, [1])), element(0x30, null, null), [0x30, 2, 5, 0]] {
            #expect(try refusal { try JWK(der: der) }.code == .malformed)
        }
    }

    @Test("Deep nesting and flipped bits end in a refusal or a whole key, never in a trap (seed 9278)")
    func mutations() throws {
        var nested: [UInt8] = []
        for _ in 0..<2000 { nested = element(0x30, nested) }
        #expect(throws: JOSEError.self) { try JWK(der: nested) }
        var generator = SeededGenerator(seed: 9278)
        for file in try KeyFile.good() where file.pem.count < 1000 {
            let der = try JWK(pem: file.pem).der()
            for _ in 0..<200 {
                var spoiled = der
                let place = Int.random(in: spoiled.indices, using: &generator)
                spoiled[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                if let jwk = try? JWK(der: spoiled) { #expect(try JWK(der: jwk.der()) == jwk) }
            }
        }
    }
}
