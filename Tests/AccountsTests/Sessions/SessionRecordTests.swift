import Instants
import OAuthVocabulary
import Storage
import Testing

@testable import Accounts

@Suite("What is stored of a session")
struct SessionRecordTests {
    /// Frozen: databases hold this. A change needs another version and a decoder for both.
    static let fixture = """
        {"v":1,"sid":"sid-2","earlier":["sid-1"],"sub":"s-1","auth_time":1767225600000,"amr":["pwd","otp"],\
        "acr":"1","credentials":1767225601000,"used_at":1767225602000,"ends_at":1767225603000}
        """

    private func record(_ payload: String) -> Record {
        Record(
            key: SessionRecord.key(cookie: [1, 2, 3]),
            version: 4,
            expiresAt: start + .seconds(2),
            payload: Array(payload.utf8)
        )
    }

    @Test("Version 1 of the payload is read, and written again byte for byte")
    func frozen() throws {
        let session = try SessionRecord(record(Self.fixture))
        #expect(String(decoding: session.record.payload, as: UTF8.self) == Self.fixture)
        #expect(session.version == 4 && session.expiresAt == start + .seconds(2))
    }

    @Test("Where a session began is read if it was kept, and written again byte for byte")
    func origin() throws {
        let kept = Self.fixture.replacing(
            "1767225603000}",
            with: #"1767225603000,"agent":"Firefox","system":"Linux","network":"192.0.2.0/24"}"#
        )
        let session = try SessionRecord(record(kept))
        #expect(session.origin == SessionOrigin(agent: "Firefox", system: "Linux", network: "192.0.2.0/24"))
        #expect(String(decoding: session.record.payload, as: UTF8.self) == kept)
        #expect(try SessionRecord(record(Self.fixture)).origin == .unknown)
    }

    @Test("A session of one client is read as one, and a record from before there were any signs on everywhere")
    func application() throws {
        #expect(try SessionRecord(record(Self.fixture)).application == nil)
        let kept = Self.fixture.replacing(
            "1767225603000}",
            with: #"1767225603000,"client":"web","idle":600000,"privileges":"p"}"#
        )
        let session = try SessionRecord(record(kept))
        #expect(session.application?.client == ClientID("web") && session.application?.idle == .seconds(600))
        #expect(session.record.client == "web")
        #expect(String(decoding: session.record.payload, as: UTF8.self) == kept)
        for part in [#","idle":600000"#, #","privileges":"p""#] {
            #expect(throws: StoreError.self) { try SessionRecord(record(kept.replacing(part, with: ""))) }
        }
    }

    @Test("A session that lies apart says so, and so do the ends of such sessions: read, and written byte for byte")
    func apart() throws {
        for rest in [#","era":"e1""#, #","era":"e1","ended":1767225604000"#] {
            let kept = Self.fixture.replacing("1767225603000}", with: "1767225603000\(rest)}")
            let session = try SessionRecord(record(kept))
            #expect(session.apart?.era == "e1" && (session.apart?.ended == nil) == !rest.contains("ended"))
            #expect(String(decoding: session.record.payload, as: UTF8.self) == kept)
        }
        let subject = try #require(Subject("s-1"))
        func stored(_ payload: String) -> Record {
            Record(
                key: SessionEra.key,
                subject: subject.value,
                version: 3,
                expiresAt: start,
                payload: Array(payload.utf8)
            )
        }
        func text(_ record: Record) -> String { String(decoding: record.payload, as: UTF8.self) }
        for payload in [#"{"v":1,"sid":"sid-1"}"#, #"{"v":1,"sid":"sid-1","next":"sid-2"}"#] {
            let end = try SessionEnd(stored(payload))
            #expect(text(end.record) == payload && end.expiresAt == start)
            #expect(end.record.key == SessionEnd.key(end.id, of: subject))
        }
        for payload in [#"{"v":1,"at":1767225600000}"#, #"{"v":1,"at":1767225600000,"kept":"sid-1"}"#] {
            let end = try PersonEnd(stored(payload))
            #expect(text(end.record(expiresAt: start)) == payload && end.version == 3 && end.at == start)
        }
        let era = #"{"v":1,"era":"e1","since":1767225600000}"#
        #expect(text(try SessionEra(stored(era)).record(at: SessionEra.keyApart)) == era)
        #expect(throws: StoreError.self) { try SessionEra(stored(#"{"v":2,"era":"e1","since":0}"#)) }
    }

    @Test("Every member of version 1 arrives where it belongs")
    func members() throws {
        let session = try SessionRecord(record(Self.fixture))
        #expect(session.id == SessionID("sid-2") && session.earlierIDs == [SessionID("sid-1")])
        #expect(session.subject == Subject("s-1") && session.authenticatedAt == start)
        #expect(session.amr == ["pwd", "otp"] && session.acr == "1")
        #expect(session.credentials == start + .seconds(1) && session.usedAt == start + .seconds(2))
        #expect(session.endsAt == start + .seconds(3))
        #expect(session.record.subject == "s-1")
        #expect(session.record.indexes.map(\.value) == [.sha256(of: "sid-2"), .sha256(of: "sid-1")])
        #expect(session.record.indexes.allSatisfy { $0.name == "sid" })
    }

    @Test(
        "A payload of another version or with a wrong or missing member is corrupt",
        arguments: [
            (#""v":1"#, #""v":2"#), (#""sid":"sid-2","#, ""), (#""earlier":["sid-1"]"#, #""earlier":[""]"#),
            (#""sub":"s-1""#, #""sub":"ü""#), (#""amr":["pwd","otp"]"#, #""amr":"pwd""#),
            (#""credentials":1767225601000,"#, ""), (#""ends_at":1767225603000"#, #""ends_at":null"#),
        ]
    )
    func corrupt(_ part: String, _ replacement: String) throws {
        let damaged = Self.fixture.replacing(part, with: replacement)
        #expect(damaged != Self.fixture)
        let error = #expect(throws: StoreError.self) { try SessionRecord(record(damaged)) }
        guard case .corrupt = error else {
            Issue.record("expected corrupt, got \(String(describing: error))")
            return
        }
    }
}
