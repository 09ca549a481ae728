import Instants
import OAuthVocabulary
import Storage
import Testing

@testable import Accounts

@Suite("What is stored of failed attempts")
struct TallyTests {
    /// Frozen: databases hold this. A change needs another version and a decoder for both.
    static let fixture = #"{"v":1,"failures":7,"since":1767225600000,"last":1767225609000}"#

    private func record(_ payload: String) -> Record {
        let attempt = Attempt.login(username: "a", address: "192.0.2.1")
        return Record(key: attempt.address, payload: Array(payload.utf8))
    }

    @Test("Version 1 of the payload is read, and written again byte for byte")
    func frozen() throws {
        let tally = try Tally(record(Self.fixture))
        #expect(tally == Tally(failures: 7, since: start, last: start + .seconds(9)))
        #expect(String(decoding: tally.payload, as: UTF8.self) == Self.fixture)
    }

    @Test(
        "A payload of another version or with a wrong or missing member is corrupt",
        arguments: [
            "", "[]", #"{"failures":7,"since":1,"last":2}"#, #"{"v":2,"failures":7,"since":1,"last":2}"#,
            #"{"v":1,"since":1,"last":2}"#, #"{"v":1,"failures":"7","since":1,"last":2}"#,
            #"{"v":1,"failures":7,"since":1}"#,
        ]
    )
    func corrupt(_ payload: String) throws {
        let error = #expect(throws: StoreError.self) { try Tally(record(payload)) }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }

    @Test("What is given back does not go below nothing")
    func givingBack() {
        let tally = Tally(failures: 0, since: start, last: start)
        #expect(tally.givingBack().failures == 0)
        #expect(tally.counting(at: start).givingBack().failures == 0)
    }

    @Test(
        "The prefix that names an address's owner",
        arguments: [
            ("192.0.2.1", [192, 0, 2, 1]), ("::ffff:192.0.2.1", [192, 0, 2, 1]), ("::1", [0, 0, 0, 0, 0, 0, 0, 0]),
            ("2001:db8:1:2:3:4:5:6", [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("[2001:db8:1:2::9]", [0x20, 0x01, 0x0D, 0xB8, 0, 1, 0, 2]),
            ("fe80::1%eth0", [0xFE, 0x80, 0, 0, 0, 0, 0, 0]), ("unix", [117, 110, 105, 120]),
            ("192.0.2.999", Array("192.0.2.999".utf8)), ("", []),
        ] as [(String, [UInt8])]
    )
    func prefixes(_ text: String, _ expected: [UInt8]) {
        #expect(NetworkAddress.prefix(of: text) == expected)
    }

    @Test("Parts that run together to the same text are different keys")
    func keysDoNotRunTogether() {
        let one = Attempt.login(username: "ab", address: "c")
        let two = Attempt.login(username: "a", address: "bc")
        #expect(one.pair != two.pair)
        #expect(Set([one.pair, one.address, one.account].compactMap { $0 }).count == 3)
    }
}
