import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Storage
import Testing

@testable import AuthorizationServer

/// What a reader of the feed cannot learn, and who cannot read it.
@Suite struct RevocationFeedSecrecyTests {
    static let audiences = [TestWorld.api, "https://api.example/invoices"]

    /// Ends one of everything, and returns every octet that any reader of this audience is sent.
    private func everythingSent(_ feed: FeedWorld, audience: String) async throws -> (bytes: [UInt8], token: String) {
        var sent = try await feed.feed.snapshot(audience: audience, nonce: FeedWorld.nonce)
        let reader = try await feed.reader(audience: audience)
        // Long names: a short one may stand in a signature by chance.
        let client = try await feed.world.publicClient("application-of-alice")
        let session = try await feed.world.signIn("alice-in-wonderland", session: "session-of-alice")
        let code = try await feed.world.code(client: client, session: session)
        let tokens = try Tokens(feed.world.json(try await feed.world.redeem(code, client: client.id.value)))
        let claims = try UnverifiedToken(tokens.access).unverifiedClaims
        let now = feed.world.now
        for ending in [
            AuthorizationServer.Ending(
                .token(try #require(claims["jti"]?.stringValue.flatMap(TokenID.init))),
                because: .revoked
            ),
            Ending(
                .grant(try #require(claims["grant_id"]?.stringValue.flatMap(FamilyID.init))),
                because: .refreshReuse
            ),
            Ending(.session(try #require(claims["sid"]?.stringValue.flatMap(SessionID.init))), because: .signedOut),
            Ending(.subject(try #require(claims["sub"]?.stringValue.flatMap(Subject.init))), because: .passwordChanged),
            Ending(
                .client(try #require(claims["client_id"]?.stringValue.flatMap(ClientID.init))),
                because: .clientDisabled
            ),
        ] {
            try await feed.end(ending, at: now)
        }
        for message in try await feed.feed.poll(feed.request(reader), wait: .zero) {
            sent += Array(message.utf8) + [0]
            sent += try Base64URL.decode(message.split(separator: ".").map(String.init)[1])
        }
        sent += try await feed.feed.snapshot(audience: audience, nonce: FeedWorld.nonce)
        for name in ["jti", "grant_id", "sid", "sub", "client_id"] {
            let id = try #require(claims[name]?.stringValue)
            for text in [id, Base64URL.encode(Array(id.utf8))] {
                let isSent = sent.contains(Array(text.utf8))
                #expect(!isSent, "\(name) stands in what is sent")
            }
            // What a reader could compute from a token that it holds.
            let digests = [Digest.sha256(id), Digest.sha256(audience + "\u{0}" + id), Digest.sha256("\(name):\(id)")]
            for digest in digests {
                let isSent = sent.contains(Array(digest.prefix(16)))
                #expect(!isSent, "a digest of \(name) is sent")
            }
        }
        return (sent, tokens.access)
    }

    @Test
    func `FIELD R48, GHSA-5c3q-hp86-xjr8: no identifier, and nothing that could be computed from one, is ever sent`()
        async throws
    {
        let feed = try await FeedWorld()
        let (sent, token) = try await everythingSent(feed, audience: TestWorld.api)
        // The endings are in it, under the names that the tokens carry.
        var reader = try await feed.reader()
        #expect(reader.entries.count == 5)
        #expect(try reader.refuses(token))
        for handle in reader.entries.map(\.handle) { #expect(sent.contains(handle.bytes)) }
        reader.entries = []
        #expect(try reader.refuses(token) == false)
    }

    @Test func `FIELD R48: two audiences know the same person by names that have nothing in common`() async throws {
        let feed = try await FeedWorld()
        try await secondAPI(feed)
        try await feed.end(Ending(.subject(try #require(Subject("alice"))), because: .personDisabled))
        let one = try await feed.reader(audience: Self.audiences[0])
        let other = try await feed.reader(audience: Self.audiences[1])
        #expect(one.entries.count == 1 && other.entries.count == 1)
        #expect(one.entries[0].handle != other.entries[0].handle)
        #expect(one.position?.hash != other.position?.hash)
        // And the names are the server's: another master key makes others.
        let keys = try #require(MasterKey([UInt8](repeating: 8, count: 32)).map(DerivedKeys.init))
        let foreign = RevocationHandles(keys).handle(
            of: .subject(try #require(Subject("alice"))),
            audience: Self.audiences[0]
        )
        #expect(foreign != one.entries[0].handle)
    }

    @Test func `FIELD R48: an API hears only of what concerns its audience`() async throws {
        let feed = try await FeedWorld()
        try await secondAPI(feed)
        let tokens = try await feed.world.grant()
        var other = try await feed.reader(audience: Self.audiences[1])
        _ = try await feed.world.ask("/revoke", ["token": tokens.access, "client_id": "app"])
        try await feed.update(&other)
        #expect(other.entries.isEmpty && other.position?.sequence == 0)
        let one = try await feed.reader(audience: Self.audiences[0])
        #expect(try one.refuses(tokens.access) && one.position?.sequence == 1)
    }

    @Test func `A token carries a handle for each of its names, and its moment to the millisecond`() async throws {
        let feed = try await FeedWorld()
        feed.world.time.advance(by: .milliseconds(321))
        let claims = try UnverifiedToken(try await feed.world.grant().access).unverifiedClaims
        let claim = try #require(claims["rev"]?.stringValue.flatMap { RevocationClaim($0) })
        #expect(claim.issuedAt == feed.world.now)
        #expect(Set(claim.handles).count == 5)
        _ = try await feed.world.service()
        let answer = try feed.world.json(
            try await feed.world.ask(
                "/token",
                ["grant_type": "client_credentials"],
                authorization: TestWorld.basic("service")
            )
        )
        let machine = try UnverifiedToken(try #require(answer["access_token"]?.stringValue)).unverifiedClaims
        // Token and client: there is no person.
        #expect(machine["rev"]?.stringValue.flatMap { RevocationClaim($0) }?.handles.count == 2)
    }

    @Test func `FIELD R48: the feed's keys sign no token, and token keys sign no feed`() async throws {
        let feed = try await FeedWorld()
        let published = feed.world.services.keyring.current
        let feedKeys = try KeySet(parsing: feed.feed.keySetDocument)
        #expect(!feedKeys.keys.isEmpty)
        let tokenKeys = Set(published.published.keys.compactMap(\.keyID))
        #expect(feedKeys.keys.allSatisfy { $0.keyID.map { !tokenKeys.contains($0) } ?? false })
        let record = try #require(
            try await feed.world.store.page(
                FeedKeyRecord.kind,
                filter: .all,
                after: nil,
                limit: 10,
                now: feed.world.now
            )
            .first
        )
        #expect(!String(decoding: record.payload, as: UTF8.self).contains("\"d\""))
        // A heartbeat that the token key signed.
        let reader = try await feed.reader()
        let forged = FeedMessage(
            issuer: TestWorld.issuer,
            audience: TestWorld.api,
            asOf: feed.world.now,
            position: try #require(reader.position),
            keySetDigest: reader.keySetDigest,
            content: .heartbeat
        )
        let tokenKey = try #require(published.signing["EdDSA"])
        #expect(throws: JOSEError.self) { try reader.verified(forged.signed(by: tokenKey)) }
    }

    // MARK: - Who may read

    @Test(arguments: ["snapshot", "events", "poll"])
    func `Only an API with its credentials is told anything`(_ path: String) async throws {
        let feed = try await FeedWorld()
        _ = try await feed.world.service()
        let epoch = try #require(try await feed.reader().position).epoch
        let parameters: KeyValuePairs = ["nonce": FeedWorld.nonce, "epoch": epoch, "after": "0"]
        #expect(try await feed.ask(path, parameters).status == 200)
        let client = try await feed.ask(path, parameters, as: "service")
        #expect(client.failure?.code == .accessDenied && client.status == 403)
        let wrong = try await feed.world.ask(
            "/revocations/" + path,
            parameters,
            method: .get,
            authorization: TestWorld.basic("api_orders", "signet_cs_wrong")
        )
        #expect(wrong.failure?.code == .invalidClient && wrong.status == 401)
        let nobody = try await feed.world.ask("/revocations/" + path, parameters, method: .get)
        #expect(nobody.failure?.code == .invalidClient && nobody.status == 401)
    }

    @Test(arguments: [
        "", "short", String(repeating: "a", count: 15), String(repeating: "a", count: 129), "with spaces in the nonce",
        "plus+and/slash==",
    ])
    func `A nonce has 16 to 128 characters of base64url`(_ nonce: String) async throws {
        let feed = try await FeedWorld()
        let refused = try await feed.ask("snapshot", ["nonce": nonce])
        #expect(refused.failure?.code == .invalidRequest && refused.status == 400)
        #expect(try await feed.ask("snapshot", ["nonce": String(repeating: "a", count: 16)]).status == 200)
        #expect(try await feed.ask("snapshot", ["nonce": String(repeating: "_", count: 128)]).status == 200)
    }

    @Test(arguments: [
        ("after", "-1"), ("after", "1e3"), ("after", "99999999999999999999"), ("wait", "26"), ("wait", "x"),
    ])
    func `Numbers are decimal, and a poll waits 25 seconds at most`(_ name: String, _ value: String) async throws {
        let feed = try await FeedWorld()
        let epoch = try #require(try await feed.reader().position).epoch
        let after = name == "after" ? value : "0"
        let wait = name == "wait" ? value : "0"
        let refused = try await feed.ask(
            "poll",
            ["nonce": FeedWorld.nonce, "epoch": epoch, "after": after, "wait": wait]
        )
        #expect(refused.failure?.code == .invalidRequest)
        #expect(
            try await feed.ask("poll", ["nonce": FeedWorld.nonce, "epoch": epoch, "after": "0", "wait": "0"]).status
                == 200
        )
    }

    private func secondAPI(_ feed: FeedWorld) async throws {
        _ = try await feed.world.ordersAPI {
            $0.audience = ResourceIndicator(Self.audiences[1]) ?? $0.audience
            $0.credentialID = ClientID("api_invoices") ?? $0.credentialID
            $0.scopes = []
        }
    }
}
