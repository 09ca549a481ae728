import JOSE
import Testing

/// Properties over seeded random input; a failure names its seed.
@Suite struct PropertyTests {
    @Test("What is signed verifies, for every algorithm, seeds 1...25", arguments: SignatureAlgorithm.all, 1...25)
    func roundTrips(algorithm: SignatureAlgorithm, seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let key = try TestKeys.key(algorithm)
        let payload = (0..<Int.random(in: 0..<600, using: &generator)).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        let token = try JWS.signed(payload, by: key)
        let verified = try UnverifiedJWS(token).verified(by: TestKeys.keySet(), algorithms: [algorithm])
        #expect(verified.payload == payload)
    }

    @Test("One flipped bit anywhere in a token is refused", arguments: SignatureAlgorithm.all)
    func flippedBits(algorithm: SignatureAlgorithm) throws {
        let claims: JSONObject = ["iss": "https://issuer.example", "aud": "https://api.example", "exp": 1_800_000_900]
        let token = Array(try JWT.signed(claims, type: "at+jwt", by: TestKeys.key(algorithm)).utf8)
        let keys = try TestKeys.keySet()
        #expect(throws: Never.self) { try Sample.verify(String(decoding: token, as: UTF8.self), by: keys) }
        var accepted: [Int] = []
        // Every bit of a short token; of a long signature every 37th, which visits each place in a byte.
        let body = (token.lastIndex(of: UInt8(ascii: ".")) ?? 0) * 8
        let tail = stride(from: body, to: token.count * 8, by: token.count > 400 ? 37 : 1)
        for bit in Array(0..<body) + Array(tail) {
            var flipped = token
            flipped[bit / 8] ^= 1 << (bit % 8)
            if (try? Sample.verify(String(decoding: flipped, as: UTF8.self), by: keys)) != nil { accepted.append(bit) }
        }
        #expect(accepted.isEmpty)
    }

    @Test("No mutation of a token, a key or a JSON text traps, seeds 1...40", arguments: 1...40)
    func mutations(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let key = try TestKeys.key(.rs256)
        let keys = try TestKeys.keySet()
        let token = Array(try JWT.signed(Sample.claims, type: "at+jwt", by: TestKeys.key(.hs256)).utf8)
        let jwk = key.privateJWK.members.serialized()
        let text = Array(#"{"a":[1,-2.5e3,"é\u00e9\ud83d\ude00",true,null],"b":{"c":{}},"aud":["x"]}"#.utf8)
        var verified = 0
        for _ in 0..<250 {
            let mutatedToken = mutate(token, &generator)
            if mutatedToken != token,
                (try? Sample.verify(String(decoding: mutatedToken, as: UTF8.self), by: keys)) != nil
            {
                verified += 1
            }
            _ = try? JSON(parsing: mutate(text, &generator)).serialized()
            _ = try? JWK(parsing: mutate(jwk, &generator)).thumbprint()
            _ = try? KeySet(parsing: mutate(Array(#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.utf8), &generator))
            _ = try? UnverifiedToken(String(decoding: mutate(token, &generator), as: UTF8.self))
        }
        #expect(verified == 0)
    }

    @Test("What parses is written and parsed again to the same value, seeds 1...20", arguments: 1...20)
    func stableParsing(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let text = Array(#"{"a":[1,-2.5e3,"é\n",true,null],"b":{"c":{}},"d":[]}"#.utf8)
        var parsed = 0
        for _ in 0..<500 {
            guard let value = try? JSON(parsing: mutate(text, &generator)) else { continue }
            parsed += 1
            #expect(try JSON(parsing: value.serialized()) == value)
        }
        #expect(parsed > 0)
    }

    private func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !result.isEmpty {
            let index = Int.random(in: 0..<result.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: result[index] = .random(in: .min ... .max, using: &generator)
            case 1: result.remove(at: index)
            case 2: result.insert(.random(in: .min ... .max, using: &generator), at: index)
            case 3: result[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 4: result.removeSubrange(index...)
            default: result.insert(contentsOf: result[index...].prefix(40), at: index)
            }
        }
        return result
    }
}
