import Instants
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// What version 1 of each payload of the feed looks like in a database, frozen.
@Suite struct RevocationFeedFixtureTests {
    static let ending =
        #"{"body":{"at":1800000000000,"audiences":["https://api.example"],"cause":"revoked","client":"app","expiresAt":1800000930000,"session":"s","statusIndex":7,"subject":"alice","target":"token:t","version":1},"v":1}"#
    static let batch =
        #"{"body":{"endings":[{"at":1800000000000,"cause":"operator","expiresAt":1800000930000,"target":"everything","version":2}],"number":3,"opened":["https://api.example"],"sequencedAt":1800000000001},"v":1}"#
    static let state =
        #"{"body":{"epoch":"e","first":1,"heads":{"https://api.example":{"hash":[1,2],"sequence":5}},"last":3,"lastSequencedAt":1800000000001},"v":1}"#
    static let cursor = #"{"body":{"batch":3,"name":"status-list"},"v":1}"#
    static let horizon = #"{"body":{"served":[{"milliseconds":900000,"until":1800002100000}]},"v":1}"#
    static let horizonOfAudience =
        #"{"body":{"served":[{"audience":"https://api.example","milliseconds":900000,"until":1800002100000}]},"v":1}"#
    static let lease = #"{"body":{"holder":"n","until":1800000003000},"v":1}"#
    static let key =
        #"{"body":{"activeFrom":1800000000000,"createdAt":1800000000000,"keyID":"k","publicJWK":"{}","sealedPrivateJWK":[1,2,3]},"v":1}"#

    private func roundTrip<P: Payload>(_ type: P.Type, _ fixture: String) throws {
        let record = Record(key: RecordKey(P.kind, "x"), payload: Array(fixture.utf8))
        #expect(String(decoding: try P(from: record).encoded(), as: UTF8.self) == fixture)
    }

    @Test func `Version 1 of every payload of the feed is read, and written the same`() throws {
        try roundTrip(EndingRecord.self, Self.ending)
        try roundTrip(FeedBatch.self, Self.batch)
        try roundTrip(FeedState.self, Self.state)
        try roundTrip(FeedCursor.self, Self.cursor)
        try roundTrip(TokenHorizon.self, Self.horizon)
        try roundTrip(TokenHorizon.self, Self.horizonOfAudience)
        try roundTrip(FeedLease.self, Self.lease)
        try roundTrip(FeedKeyRecord.self, Self.key)
    }

    @Test func `What does not look like our own spelling is read all the same`() throws {
        let record = Record(key: RecordKey(EndingRecord.kind, "x"), payload: Array(Self.ending.utf8))
        let ending = try EndingRecord(from: record)
        let others = [
            #"{"v": 1, "body": {"version":1,"target":"token:t","subject":"alice","statusIndex":7,"session":"s","#
                + #""expiresAt":1800000930000,"client":"app","cause":"revoked","audiences":["https://api.example"],"#
                + #""at":1800000000000}}"#,
            Self.ending.replacing("https://", with: #"https:\/\/"#),
        ]
        for other in others {
            var written = record
            written.payload = Array(other.utf8)
            #expect(try EndingRecord(from: written) == ending)
        }
    }

    @Test(arguments: [#"a "quoted" cause"#, #"back\slash"#, "line\nfeed", "\u{1}", "é 🦉 /", ""])
    func `Any text comes back from an ending and from a batch`(_ text: String) throws {
        let record = Record(key: RecordKey(EndingRecord.kind, "x"), payload: Array(Self.ending.utf8))
        var ending = try EndingRecord(from: record)
        ending.cause = EndingCause(text)
        ending.audiences = [text, text]
        var written = record
        written.payload = try ending.encoded()
        #expect(try EndingRecord(from: written) == ending)
        let batch = FeedBatch(number: 9, sequencedAt: ending.at, opened: [text], endings: [ending, ending])
        let stored = Record(key: FeedBatch.key(9), payload: try batch.encoded())
        #expect(try FeedBatch(from: stored) == batch)
    }

    @Test(arguments: [
        #"{"body":{"at":1800000000000,"cause":"revoked","expiresAt":1800000930000,"target":"person:t","version":1},"v":1}"#,
        #"{"body":{"at":1800000000000,"cause":"revoked","expiresAt":1800000930000,"target":"token:t","version":1},"v":2}"#,
        #"{"body":{"at":1800000000000,"cause":"revoked","expiresAt":1800000930000,"target":"token:t"},"v":1}"#,
        #"{"body":{"at":1800000000000,"cause":"revoked","expiresAt":1800000930000,"target":"token:t","version":1},"v":1}}"#,
    ])
    func `What is not an ending of version 1 is refused`(_ text: String) {
        let record = Record(key: RecordKey(EndingRecord.kind, "x"), payload: Array(text.utf8))
        #expect(throws: StoreError.self) { try EndingRecord(from: record) }
    }

    @Test(arguments: ["token:t", "grant:g", "session:s", "subject:a:b", "client:c", "key:k", "everything"])
    func `A target is read by its name`(_ name: String) {
        #expect(RevocationTarget(name: name)?.name == name)
    }

    @Test(arguments: ["", "token", "token:", "everything:x", "person:a", "subject:with space"])
    func `What names no target is none`(_ name: String) {
        #expect(RevocationTarget(name: name) == nil)
    }
}
