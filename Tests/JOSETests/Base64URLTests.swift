import JOSE
import Testing

/// RFC 4648 §3.5, §5 and RFC 7515 §2.
@Suite struct Base64URLTests {
    @Test(
        "Encodes and decodes the vectors of RFC 4648 §10 without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func vectors(plain: String, encoded: String) throws {
        #expect(Base64URL.encode(plain.utf8) == encoded)
        #expect(try Base64URL.decode(encoded) == Array(plain.utf8))
    }

    @Test("Encodes the bytes of RFC 7515 Appendix C with the URL-safe alphabet")
    func appendixC() throws {
        #expect(Base64URL.encode([3, 236, 255, 224, 193]) == "A-z_4ME")
        #expect(try Base64URL.decode("A-z_4ME") == [3, 236, 255, 224, 193])
    }

    @Test(
        "RFC 4648 §3.5: a text that is not the one encoding of its bytes is refused",
        arguments: [
            ("Zg==", "Zg"), ("Zh", "Zg"), ("Zm9", "Zm8"), ("A+z_4ME", "A-z_4ME"), ("A-z/4ME", "A-z_4ME"),
            ("Zm9v\n", "Zm9v"), (" Zm9v", "Zm9v"), ("Zm 9v", "Zm9v"), ("Zm9vY", "Zm9v"), ("Zm9vA", "Zm9v"), ("A", ""),
            ("Zm9vé", "Zm9v"),
            ("Z\u{0}9v", "Zm9v"),
        ]
    )
    func refusedForms(spoiled: String, good: String) throws {
        #expect(try refusal { try Base64URL.decode(spoiled) }.code == .malformed)
        #expect(throws: Never.self) { try Base64URL.decode(good) }
    }

    @Test("Every sequence of bytes has exactly one text, seed 41")
    func roundTrips() throws {
        var generator = SeededGenerator(seed: 41)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            #expect(try Base64URL.decode(Base64URL.encode(bytes)) == bytes)
        }
    }
}
