import JOSE
import Testing

/// FIELD F20: the text of a token. RFC 7515 §3.1 and §5.2.
@Suite struct TokenTextTests {
    private let key: SigningKey
    private let good: String

    init() throws {
        key = try TestKeys.key(.es256)
        good = try JWT.signed(Sample.claims, type: "at+jwt", by: key)
    }

    @Test("JWT.signed writes alg, typ and kid, and the claims in their order")
    func form() throws {
        let parts = good.split(separator: ".").map(String.init)
        #expect(parts.count == 3)
        #expect(
            try String(decoding: Base64URL.decode(parts[0]), as: UTF8.self)
                == #"{"alg":"ES256","typ":"at+jwt","kid":"kid-ec-sign"}"#
        )
        #expect(try Base64URL.decode(parts[1]) == Sample.claims.serialized())
        #expect(try Base64URL.decode(parts[2]).count == 64)
    }

    @Test(
        "A parameter that the signer writes itself is refused, another is written",
        arguments: ["alg", "kid", "b64", "crit"]
    )
    func ownParameters(name: String) throws {
        let error = try refusal { try JWS.signed([], parameters: ["cty": "y", name: "x"], by: key) }
        #expect(error.code == .malformed)
        #expect(error.claim == name)
        let token = try JWS.signed([], parameters: ["cty": "y", "x" + name: "x"], by: key)
        let header: JSONObject = ["alg": "ES256", "cty": "y", "x" + name: "x", "kid": "kid-ec-sign"]
        #expect(try UnverifiedJWS(token).header == header)
    }

    @Test("A token with more or fewer than three parts is refused")
    func parts() throws {
        let parts = good.split(separator: ".").map(String.init)
        #expect(throws: Never.self) { try Sample.verify(parts.joined(separator: ".")) }
        let spoiled = [
            "", ".", "..", "...", parts[0], parts[0] + "." + parts[1], good + ".", "." + good, good + "." + parts[2],
            good + "..", parts[0] + ".." + parts[1] + "." + parts[2], good + "~", good + "\n", " " + good,
            good + "\u{0}",
            good.replacing(".", with: ":"), "Bearer " + good,
        ]
        for token in spoiled {
            #expect(try refusal { try Sample.verify(token) }.code == .malformed, "\(token)")
        }
    }

    @Test("FIELD F20 non-canonical base64url: bits after the last byte, padding and foreign characters are refused")
    func nonCanonical() throws {
        let parts = good.split(separator: ".").map(String.init)
        for (index, part) in parts.enumerated() {
            for spoiled in [
                part + "=", part + "==", part + "\r\n", part + " ", "\u{2028}" + part, "+" + part, part + "/",
            ] {
                var changed = parts
                changed[index] = spoiled
                #expect(try refusal { try Sample.verify(changed.joined(separator: ".")) }.code == .malformed)
            }
        }
        // The 64 bytes of the signature leave four bits over: sixteen texts decode to them, one is right.
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(good.last.flatMap(alphabet.firstIndex(of:)))
        #expect(last % 16 == 0)
        for bits in 1..<16 {
            let token = String(good.dropLast()) + String(alphabet[last + bits])
            #expect(try refusal { try Sample.verify(token) }.code == .malformed)
        }
    }

    @Test("The signature is over the sender's bytes: an equal header in other words has another signature")
    func originalBytes() throws {
        let plain = Forgery(header: Sample.header(key))
        let spaced = Forgery(header: plain.header.replacing(":", with: " : "), payload: plain.payload)
        #expect(throws: Never.self) { try Sample.verify(spaced.signed(by: key)) }
        let mixed = try spaced.signed { _ in
            try key.sign(Array(good.split(separator: ".").dropLast().joined(separator: ".").utf8))
        }
        #expect(try refusal { try Sample.verify(mixed) }.code == .signatureInvalid)
    }

    @Test(
        "FIELD F20 a megabyte of dots (CVE-2025-30204, CVE-2025-27144) is refused without looking at them",
        .timeLimit(.minutes(5))
    )
    func megabyteOfDots() throws {
        let dots = String(repeating: ".", count: 1 << 20)
        let allowing = TokenLimits(maximumBytes: 1 << 21, maximumDepth: 16)
        for _ in 0..<100 {
            #expect(try refusal { try UnverifiedToken(dots) }.code == .tooLarge)
            #expect(try refusal { try UnverifiedToken(good + dots) }.code == .tooLarge)
            let error = try refusal { try UnverifiedToken(good + dots, limits: allowing) }
            #expect(error.code == .malformed)
            #expect(error.reason.contains("three parts"), "found before anything is decoded")
        }
        #expect(throws: Never.self) { try UnverifiedToken(good, limits: allowing) }
    }

    @Test("A token as long as the limit is read, one byte more is refused; the limit is 16 KiB")
    func length() throws {
        let exact = good.utf8.count
        #expect(throws: Never.self) {
            try UnverifiedToken(good, limits: TokenLimits(maximumBytes: exact, maximumDepth: 16))
        }
        let short = TokenLimits(maximumBytes: exact - 1, maximumDepth: 16)
        #expect(try refusal { try UnverifiedToken(good, limits: short) }.code == .tooLarge)

        #expect(TokenLimits.default.maximumBytes == 16 * 1024)
        #expect(throws: Never.self) { try UnverifiedJWS(JWS.signed([UInt8](repeating: 0x20, count: 12_000), by: key)) }
        let long = try JWS.signed([UInt8](repeating: 0x20, count: 12_300), by: key)
        #expect(try refusal { try UnverifiedJWS(long) }.code == .tooLarge)
    }

    @Test("Claims nested deeper than the limit are refused, at the limit they are read")
    func depth() throws {
        func nested(_ depth: Int) -> Forgery {
            var claims = Sample.claims
            var value: JSON = []
            for _ in 2..<depth { value = [value] }
            claims["x"] = value
            return Forgery(header: Sample.header(key), claims: claims)
        }
        #expect(throws: Never.self) { try Sample.verify(nested(16).signed(by: key)) }
        #expect(try refusal { try Sample.verify(nested(17).signed(by: key)) }.code == .tooLarge)
    }

    @Test("A refusal quotes foreign text escaped and shortened, so that it stays one line of a log")
    func quoting() throws {
        let kid = "x\r\nforged: line\u{1B}[31m" + String(repeating: "A", count: 500)
        let token = try Forgery(header: Sample.header(key).setting("kid", .string(kid))).signed(by: key)
        let error = try refusal { try Sample.verify(token) }
        #expect(error.code == .keyUnknown)
        #expect(error.description.utf8.allSatisfy { $0 >= 0x20 })
        #expect(error.description.count < 200)
    }
}
