import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import Accounts

@Suite("What is stored of a person")
struct PersonRecordTests {
    /// Frozen: databases hold this. A change needs another version and a decoder for both.
    static let fixture = """
        {"v":1,"sub":"s-1","username":"Alice","email":"a@x.example","email_verified":true,"name":"Alice L",\
        "claims":{"given_name":"Alice","badge":7},"roles":["admin"],"groups":["g"],"entitlements":["e"],\
        "status":"disabled","origin":"demo","created_at":1767225600000,"updated_at":1767225601000,\
        "credentials_changed_at":1767225602000,"password":"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"}
        """

    static let minimal = """
        {"v":1,"sub":"s-1","username":"a","status":"enabled","origin":"registered",\
        "created_at":1767225600000,"updated_at":1767225600000,"credentials_changed_at":1767225600000}
        """

    private func record(_ payload: String) throws -> Record {
        let key = Person.recordKey(of: try #require(Subject("s-1")))
        return Record(key: key, version: 5, payload: Array(payload.utf8))
    }

    @Test("Version 1 of the payload is read, and written again byte for byte", arguments: [fixture, minimal])
    func frozen(_ payload: String) throws {
        let person = try Person(record(payload))
        #expect(String(decoding: person.record.payload, as: UTF8.self) == payload)
        #expect(person.version == 5 && person.record.version == 5)
    }

    @Test("Every member of version 1 arrives where it belongs")
    func members() throws {
        let person = try Person(record(Self.fixture))
        #expect(person.subject == Subject("s-1") && person.username == "Alice" && person.name == "Alice L")
        #expect(person.email == "a@x.example" && person.emailVerified)
        #expect(person.claims == ["given_name": "Alice", "badge": 7])
        #expect(person.roles == ["admin"] && person.groups == ["g"] && person.entitlements == ["e"])
        #expect(person.status == .disabled && person.origin == .demo)
        #expect(person.createdAt == start && person.updatedAt == start + .seconds(1))
        #expect(person.credentialsChangedAt == start + .seconds(2))
        #expect(person.password?.phc == "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")
    }

    @Test("The names of a person are stored as hashes only, folded")
    func indexes() throws {
        let person = try Person(record(Self.fixture))
        #expect(
            person.record.indexes == [
                SecondaryIndex(name: "username", value: .sha256(of: "alice")),
                SecondaryIndex(name: "email", value: .sha256(of: "a@x.example")),
            ]
        )
        #expect(person.recordKey == RecordKey(kind: .person, identifier: .sha256(of: "s-1")))
        #expect(person.record.subject == "s-1" && person.record.family == "origin:demo")
    }

    @Test(
        "A payload of another version or with a wrong or missing member is corrupt",
        arguments: [
            (#""v":1"#, #""v":2"#), (#""v":1,"#, ""), (#""sub":"s-1""#, #""sub":"""#), (#""username":"Alice","#, ""),
            (#""status":"disabled""#, #""status":"asleep""#), (#""origin":"demo""#, #""origin":"x""#),
            (#""roles":["admin"]"#, #""roles":"admin""#), (#""roles":["admin"]"#, #""roles":[1]"#),
            (#""email_verified":true"#, #""email_verified":1"#), (#""badge":7}"#, #""badge":7}}"#),
            (#""claims":{"given_name":"Alice","badge":7}"#, #""claims":[]"#),
            (#""created_at":1767225600000"#, #""created_at":"today""#),
        ]
    )
    func corrupt(_ part: String, _ replacement: String) throws {
        let damaged = Self.fixture.replacing(part, with: replacement)
        #expect(damaged != Self.fixture)
        let record = try record(damaged)
        let error = #expect(throws: StoreError.self) { try Person(record) }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }
}
