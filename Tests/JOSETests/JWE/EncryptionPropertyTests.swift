import JOSE
import Testing

/// Properties of every combination of algorithms; a failure names its combination and its seed.
@Suite struct EncryptionPropertyTests {
    @Test("What is encrypted opens, for every combination", arguments: Combination.all)
    func roundTrips(combination: Combination) throws {
        let key = try combination.key()
        for length in [0, 1, 15, 16, 17, 1000] {
            let plaintext = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            let token = try JWE.encrypted(
                plaintext,
                parameters: ["cty": "x"],
                to: key.encryptionKey,
                encryption: combination.encryption
            )
            let opened = try UnopenedJWE(token).opened(by: key)
            #expect(opened.plaintext == plaintext)
            #expect(opened.header["cty"] == "x")
            #expect(opened.keyManagement == combination.algorithm)
            #expect(opened.contentEncryption == combination.encryption)
            #expect(opened.keyID == combination.testDescription)
        }
    }
}
