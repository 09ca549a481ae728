import Accounts
import JOSE
import OAuthVocabulary
import Testing

@Suite("Usernames, addresses and claims are checked")
struct NameTests {
    let house = House()

    static let invisible = ["\u{0}", "\n", "\u{7F}", "\u{200B}", "\u{202E}", "\u{2028}", "\u{E000}", "\u{FEFF}"]

    @Test(
        "A username that could deceive is refused, not trimmed",
        arguments: ["", " alice", "alice ", "\talice", "alice\u{A0}", String(repeating: "a", count: 256)]
            + invisible.map { "al\($0)ice" }
    )
    func refusedUsernames(_ username: String) async throws {
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: username), password: nil, now: start)
        }
        #expect(error?.code == .usernameInvalid)
    }

    @Test(
        "Ordinary names of all scripts are accepted as they are",
        arguments: [
            "alice", "a b", "Zoë", "søren", "山田", "a@example.com", "o'brien", String(repeating: "a", count: 255),
        ]
    )
    func acceptedUsernames(_ username: String) async throws {
        let person = try await house.people.create(NewPerson(username: username), password: nil, now: start)
        #expect(person.username == username)
        #expect(try await house.people.find(username: username, now: start) == person)
    }

    @Test(
        "Only ASCII letters are folded: what Unicode calls the same letter is somebody else",
        arguments: [("kate", "\u{212A}ate"), ("istanbul", "\u{130}stanbul"), ("zoë", "zoË"), ("ss", "ß")]
    )
    func noUnicodeFolding(_ name: String, _ lookalike: String) async throws {
        let person = try await house.people.create(NewPerson(username: name), password: rightPassword, now: start)
        #expect(try await house.people.find(username: lookalike, now: start) == nil)
        let other = try await house.people.create(NewPerson(username: lookalike), password: nil, now: start)
        #expect(other.subject != person.subject)
        #expect(try await house.people.find(username: name.uppercasedASCII, now: start) == person)
    }

    @Test(
        "Text that cannot be an address is refused",
        arguments: [
            "", "alice", "@example.com", "alice@", "a@b@example.com", "a b@example.com", "alice@.example",
            "alice@example.", "al\nice@example.com", "a\u{202E}@example.com",
            String(repeating: "a", count: 65) + "@example.com", "a@" + String(repeating: "b", count: 253),
        ]
    )
    func refusedAddresses(_ address: String) async throws {
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(NewPerson(username: "a", email: address), password: nil, now: start)
        }
        #expect(error?.code == .emailInvalid)
    }

    @Test("Addresses that work are accepted", arguments: ["a@b", "alice+tag@example.co.uk", "ü@exämple.com"])
    func acceptedAddresses(_ address: String) async throws {
        let new = NewPerson(username: "a", email: address)
        #expect(try await house.people.create(new, password: nil, now: start).email == address)
    }

    @Test(
        "A record cannot hold claims that the server itself says",
        arguments: ["sub", "iss", "aud", "exp", "scope", "client_id", "roles", "email", "email_verified", "cnf", ""]
    )
    func reservedClaims(_ name: String) async throws {
        var claims: JSONObject = [:]
        claims[name] = "x"
        let refused = NewPerson(username: "a", claims: claims)
        let error = await #expect(throws: AccountsError.self) {
            try await house.people.create(refused, password: nil, now: start)
        }
        #expect(error?.code == .claimsInvalid)
        var own: JSONObject = [:]
        own["x_" + name] = "x"
        try await house.people.create(NewPerson(username: "a", claims: own), password: nil, now: start)
    }

    @Test("OIDC Core §5.1: a standard claim of another type than the standard's is refused")
    func standardTypes() async throws {
        let wrong: [JSONObject] = [["given_name": 1], ["address": "Oxford"], ["phone_number_verified": "true"]]
        for claims in wrong {
            let error = await #expect(throws: AccountsError.self) {
                try await house.people.create(NewPerson(username: "a", claims: claims), password: nil, now: start)
            }
            #expect(error?.code == .claimsInvalid)
        }
        let right: JSONObject = [
            "given_name": "A", "address": ["locality": "Oxford"], "phone_number_verified": true,
        ]
        try await house.people.create(NewPerson(username: "a", claims: right), password: nil, now: start)
    }

    @Test("Claims that could not be read back, or are too many, are refused")
    func unreadableClaims() async throws {
        var deep: JSON = "bottom"
        for _ in 0..<20 { deep = .array([deep]) }
        let large = JSON.string(String(repeating: "x", count: 33 * 1024))
        for value in [deep, large] {
            let error = await #expect(throws: AccountsError.self) {
                try await house.people.create(
                    NewPerson(username: "a", claims: ["own": value]),
                    password: nil,
                    now: start
                )
            }
            #expect(error?.code == .claimsInvalid)
        }
    }

    @Test("Standard claims and own claims come out apart, with the facts on record")
    func claimsComeOutApart() async throws {
        let person = try await house.people.create(
            NewPerson(
                username: "alice",
                email: "a@x.example",
                name: "Alice",
                claims: ["family_name": "Liddell", "badge": 7]
            ),
            password: nil,
            now: start
        )
        #expect(
            person.standardClaims == [
                "name": "Alice", "preferred_username": "alice", "family_name": "Liddell", "email": "a@x.example",
                "email_verified": false, "updated_at": .integer(start.secondsSinceEpoch),
            ]
        )
        #expect(person.ownClaims == ["badge": 7])
    }
}

extension String {
    fileprivate var uppercasedASCII: String {
        String(decoding: utf8.map { (97...122).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
    }
}
