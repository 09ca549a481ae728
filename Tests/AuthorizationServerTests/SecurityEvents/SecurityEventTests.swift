import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// CAEP 1.0, SSF 1.0, RFC 8417, RFC 9493: what receivers are told, and in which words.
@Suite struct SecurityEventTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var target: String
        var cause: EndingCause
        var subject: String?
        var session: String?
        var client: String?
        /// The last word of each event's type, and its `sub_id`.
        var told: [(event: String, subject: JSONObject)]
        var testDescription: String { "\(target) \(cause)" }
    }

    static let alice: JSONObject = ["format": "iss_sub", "iss": "https://id.example", "sub": "alice"]
    static let session: JSON = .object(["format": "opaque", "id": "s1"])
    static let application: JSON = .object(["format": "opaque", "id": "app"])

    static let rows: [Row] = [
        Row(
            target: "session:s1",
            cause: .signedOut,
            subject: "alice",
            told: [("session-revoked", ["format": "complex", "user": .object(alice), "session": session])]
        ),
        Row(
            target: "session:s1",
            cause: .operatorAct,
            told: [("session-revoked", ["format": "complex", "session": session])]
        ),
        Row(target: "subject:alice", cause: .personDisabled, told: [("session-revoked", alice)]),
        Row(target: "subject:alice", cause: .personDeleted, told: [("session-revoked", alice)]),
        Row(
            target: "subject:alice",
            cause: .passwordChanged,
            told: [("credential-change", alice), ("session-revoked", alice)]
        ),
        Row(
            target: "client:app",
            cause: .clientDisabled,
            told: [("session-revoked", ["format": "complex", "application": application])]
        ),
        Row(
            target: "grant:g",
            cause: .refreshReuse,
            subject: "alice",
            session: "s1",
            client: "app",
            told: [
                (
                    "session-revoked",
                    [
                        "format": "complex", "user": .object(alice), "session": session,
                        "application": application,
                    ]
                )
            ]
        ),
        Row(
            target: "grant:g",
            cause: .consentWithdrawn,
            subject: "alice",
            client: "app",
            told: [
                ("session-revoked", ["format": "complex", "user": .object(alice), "application": application])
            ]
        ),
        Row(target: "grant:g", cause: .revoked, subject: "alice", session: "s1", client: "app", told: []),
        Row(target: "token:t", cause: .revoked, subject: "alice", session: "s1", client: "app", told: []),
        Row(target: "key:k", cause: .keyRetired, told: []),
        Row(
            target: "everything",
            cause: .operatorAct,
            told: [
                (
                    "session-revoked",
                    [
                        "format": "complex",
                        "tenant": .object(["format": "uri", "uri": "https://id.example"]),
                    ]
                )
            ]
        ),
        Row(target: "client:app", cause: .widened, told: []),
        Row(target: "subject:alice", cause: .repeated, told: []),
    ]

    @Test(arguments: rows)
    func `Each ending is told as RFC 9493 §3.2.3 and §3.2.4 name its subject, or not at all`(_ row: Row) throws {
        var ending = Ending(try #require(RevocationTarget(name: row.target)), because: row.cause)
        if let subject = row.subject { ending.subject = Subject(subject) }
        if let session = row.session { ending.session = SessionID(session) }
        if let client = row.client { ending.client = ClientID(client) }
        let record = EndingRecord(ending, at: TestWorld.start, expiresAt: TestWorld.start, version: 1)
        let events = SecurityEvent.events(of: record, issuer: try #require(IssuerURL(TestWorld.issuer)))
        #expect(events.map { $0.type.split(separator: "/").last.map(String.init) } == row.told.map(\.event))
        #expect(events.map(\.subject) == row.told.map(\.subject))
        for event in events {
            #expect(event.members["event_timestamp"] == .integer(TestWorld.start.secondsSinceEpoch))
            // The interoperability profile wants a reason that is not empty.
            #expect(event.members["reason_admin"]?.objectValue?["en"]?.stringValue?.isEmpty == false)
        }
    }

    @Test func `A changed password says what changed, and both its events have one cause`() async throws {
        let world = try await TestWorld()
        let stream = try await world.stream()
        try await world.end("alice", because: .passwordChanged)
        try await world.settle()
        let sets = try await world.poll(stream).sets.values.map { try world.verified($0) }
        #expect(sets.count == 2)
        let changes: [JSONObject] = sets.compactMap { set in
            let event = set["events"]?.objectValue?[SecurityEventType.credentialChange]
            return event?.objectValue
        }
        let change = try #require(changes.first)
        #expect(change["credential_type"] == "password" && change["change_type"] == "update")
        #expect(Set(sets.map { $0["txn"]?.stringValue }).count == 1)
        #expect(Set(sets.map(\.tokenID)).count == 2)
    }

    @Test func `RFC 8417 §2.2, §2.3: a SET has its type, one event, and neither sub nor exp`() async throws {
        let world = try await TestWorld()
        let stream = try await world.stream()
        try await world.end("alice")
        try await world.settle()
        let (name, set) = try #require(try await world.poll(stream).sets.first)
        let token = try world.verified(set)
        #expect(token.header["typ"] == "secevent+jwt" && token.header["alg"] == "RS256")
        let claims = token.claims
        #expect(claims["jti"] == .string(name))
        #expect(claims["iat"] == .integer(world.now.secondsSinceEpoch))
        #expect(claims["sub"] == nil && claims["exp"] == nil && claims["nonce"] == nil)
        #expect(claims["sub_id"] == .object(Self.alice) && claims["txn"] != nil)
        #expect(claims["events"]?.objectValue?.count == 1)
    }

    @Test func `FIELD F22, GHSA-7fpj-9hr8-28vh: a SET is neither an access token nor an ID token`() async throws {
        let world = try await TestWorld()
        let tokens = try await world.grant()
        let stream = try await world.stream()
        try await world.end("bob")
        try await world.settle()
        let set = try #require(try await world.poll(stream).sets.values.first)
        #expect(try await world.introspect(set)["active"] == false)
        #expect(try await world.introspect(tokens.access)["active"] == true)
        let keys = world.services.keyring.current.published
        let issuer = world.services.configuration.issuer
        #expect(throws: OAuthError.self) { try IDTokenHint(set, keys: keys, issuer: issuer, now: world.now) }
        let idToken = try #require(tokens.id)
        #expect(try IDTokenHint(idToken, keys: keys, issuer: issuer, now: world.now).subject.value == "alice")
    }

    @Test func `A stream that a node made whose clock is ahead carries what comes next all the same`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        try await world.end("early")
        try await world.sequence()
        let stream = try await world.events.streams.create(
            for: try #require(ResourceIndicator(TestWorld.api)),
            delivery: .poll,
            now: world.now + .seconds(20)
        )
        try await world.end("alice")
        try await world.settle()
        let sets = try await world.poll(stream).sets.values.map { try world.verified($0)["sub_id"] }
        #expect(sets == [.object(Self.alice)])
    }

    @Test func `A stream carries what it was made for, of its own API, from its making on`() async throws {
        let world = try await TestWorld()
        _ = try await world.ordersAPI()
        try await world.otherAPI("https://api.example/stock", scope: "stock:read")
        try await world.end("early")
        try await world.sequence()
        world.time.advance(by: .seconds(1))
        let everything = try await world.stream()
        let credentials = try await world.stream(events: [SecurityEventType.credentialChange])
        let stock = try await world.events.streams.create(
            for: try #require(ResourceIndicator("https://api.example/stock")),
            delivery: .poll,
            now: world.now
        )
        try await world.end("alice", because: .passwordChanged)
        try await world.end(.session(try #require(SessionID("s9")))) { $0.audiences = [TestWorld.api] }
        try await world.settle()
        #expect(try await world.poll(everything).sets.count == 3)
        #expect(try await world.poll(credentials).sets.count == 1)
        #expect(try await world.summary(stock).waiting == 2)
    }
}
