import Foundation
import JOSE
import NIOHTTP1
import RevocationFeed
import Testing

@testable import signet

@Suite("Executable: APIs that follow the revocation feed", .timeLimit(.minutes(5)))
struct FeedServingTests {
    static let audience = "https://orders.example"

    let temporary: TemporaryFolder
    var data: String { temporary.path + "/data" }

    init() throws { temporary = try TemporaryFolder() }

    func json(_ arguments: String..., input: String = "") async throws -> JSON {
        let outcome = await (try Child(arguments + ["--data-dir", data, "--json"], input: input)).outcome()
        try #require(outcome.status == 0 && !outcome.output.isEmpty, "\(arguments): \(outcome)")
        return try outcome.json
    }

    /// An API with one scope, and a client that may use it.
    struct Cast {
        var api: String
        var client: String
        var reading: FeedReading
    }

    func cast(_ server: RunningServer) async throws -> Cast {
        let api = try await json(
            "api",
            "create",
            "--audience",
            Self.audience,
            "--name",
            "Orders",
            "--scope",
            "orders:read=See your orders"
        )
        let client = try await json("client", "create", "--id", "billing", "--scope", "orders:read")
        let authorization = RunningServer.basic(
            try #require(api["credential_id"].stringValue),
            try #require(api["credential_secret"].stringValue)
        )
        return Cast(
            api: authorization,
            client: RunningServer.basic("billing", try #require(client["client_secret"].stringValue)),
            reading: try await FeedReading(server, audience: Self.audience, authorization: authorization)
        )
    }

    /// A token's identifier, and the names under which a feed can end it.
    func token(_ server: RunningServer, _ cast: Cast) async throws -> (id: String, claim: RevocationClaim) {
        let answer = try await server.post("/token", "grant_type=client_credentials", authorization: cast.client)
        let token = try #require(answer["access_token"].stringValue, "\(answer)")
        let claims = try JSON(parsing: Base64URL.decode(String(token.split(separator: ".")[1])))
        let claim = try #require(RevocationClaim(claims[RevocationClaim.name].stringValue ?? ""))
        return (try #require(claims["jti"].stringValue), claim)
    }

    func ends(_ entries: [FeedEntry], _ claim: RevocationClaim) -> Bool {
        entries.contains { entry in
            entry.kind == .handle && claim.handles.contains(entry.handle) && claim.issuedAt <= entry.notBefore
        }
    }

    @Test("A stream begins with a hello that answers the nonce, brings what another process revokes, and heartbeats")
    func stream() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let (id, claim) = try await token(server, cast)
            let other = try await token(server, cast)
            let start = try await cast.reading.snapshot()
            #expect(!ends(start.entries, claim))
            try await cast.reading.follow(after: start.message.position) { follower in
                #expect(follower.headers["content-type"] == ["text/event-stream"])
                #expect(follower.headers["cache-control"] == ["no-store"])
                #expect(follower.headers["x-accel-buffering"] == ["no"])
                #expect(await follower.wait { !$0.events.isEmpty })
                #expect(follower.events[0].name == "hello")
                #expect(follower.events[0].message.content == .hello(nonce: FeedReading.nonce))
                _ = try await json("revoke", "--jti", id)
                #expect(await follower.wait { ends($0.entries, claim) })
                #expect(!ends(follower.entries, other.claim))
                let count = follower.events.count
                #expect(await follower.wait { $0.events.dropFirst(count).contains { $0.name == "heartbeat" } })
                #expect(follower.fault == nil)
                let position = follower.events.last?.message.position
                #expect(position.map(\.sequence) == start.message.position.sequence + UInt64(follower.entries.count))
                #expect(follower.events.last.map(\.id) == position.map { "\($0.sequence)" })
            }
            let end = try await cast.reading.snapshot()
            #expect(ends(end.entries, claim) && !ends(end.entries, other.claim))
        }
    }

    @Test("A retired key, a disabled client and the new key set travel on the feed")
    func acts() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let (_, claim) = try await token(server, cast)
            let start = try await cast.reading.snapshot().message.position
            try await cast.reading.follow(after: start) { follower in
                let keys = try await json("keys", "list").arrayValue ?? []
                let key = try #require(keys.first { $0["alg"] == "ES256" }?["kid"].stringValue)
                _ = try await json("keys", "retire", key)
                let retired = FeedEntry.handle(ofKey: key)
                #expect(
                    await follower.wait { $0.entries.contains { $0.kind == .signingKey && $0.handle == retired } }
                )
                #expect(
                    await follower.wait { follower in
                        follower.events.contains { event in
                            guard case .keys(let document) = event.message.content else { return false }
                            return event.name == "keys" && !String(decoding: document, as: UTF8.self).contains(key)
                        }
                    }
                )
                #expect(!ends(follower.entries, claim))
                _ = try await json("client", "update", "billing", "--disable")
                #expect(await follower.wait { ends($0.entries, claim) })
                #expect(follower.fault == nil)
            }
        }
    }

    @Test("A poll comes back at once where there is news, and after its wait where there is none")
    func poll() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let (id, claim) = try await token(server, cast)
            let start = try await cast.reading.snapshot().message.position
            let clock = ContinuousClock()
            var begun = clock.now
            let none = try await cast.reading.poll(after: start, wait: 1)
            #expect(none.count == 1 && none[0].content == .hello(nonce: FeedReading.nonce))
            #expect(clock.now - begun >= .milliseconds(950))
            begun = clock.now
            let reading = cast.reading
            async let waiting = reading.poll(after: start, wait: 25)
            _ = try await json("revoke", "--jti", id)
            let news = try await waiting
            #expect(clock.now - begun < .seconds(20))
            let entries = news.flatMap { message in
                if case .delta(_, let entries) = message.content { entries } else { [FeedEntry]() }
            }
            #expect(ends(entries, claim))
            begun = clock.now
            #expect(try await cast.reading.poll(after: start, wait: 25).count >= 2)
            #expect(clock.now - begun < .seconds(10))
        }
    }

    @Test("A place that the feed does not know is gone; the place of a snapshot is not")
    func position() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let known = try await cast.reading.snapshot().message.position
            let beyond = "epoch=\(known.epoch)&after=\(known.sequence + 1000)"
            for (place, status) in [
                ("epoch=another&after=0", 410), (beyond, 410), ("epoch=\(known.epoch)&after=\(known.sequence)", 200),
            ] {
                let url = "\(server.issuer)/revocations/poll?nonce=\(FeedReading.nonce)&\(place)&wait=0"
                let answer = try await FeedReading.get(url, authorization: cast.api)
                #expect(answer.status == status, "\(place)")
                if status == 410 { #expect(try answer.json["error"] == "snapshot_required") }
            }
            let lost = FeedPosition(epoch: "another", sequence: 0, hash: [])
            await #expect(throws: FeedReading.Unexpected.self) { try await cast.reading.follow(after: lost) { _ in } }
        }
    }

    @Test("Only a registered API reads the feed: nobody and a wrong secret are 401, a client is 403")
    func callers() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let place = cast.reading.query(try await cast.reading.snapshot().message.position)
            let id = try #require(try await json("api", "list")[0]["credential_id"].stringValue)
            for path in ["snapshot", "events", "poll"] {
                let url = "\(server.issuer)/revocations/\(path)?\(place)"
                for (authorization, status) in [
                    (nil, 401), (RunningServer.basic(id, "signet_as_wrong"), 401), (cast.client, 403),
                ] as [(String?, Int)] {
                    let answer = try await FeedReading.get(url, authorization: authorization)
                    #expect(answer.status == status, "\(path) \(authorization ?? "nobody")")
                }
                guard path != "events" else { continue }
                #expect(try await FeedReading.get(url, authorization: cast.api).status == 200)
            }
            _ = try await json("api", "delete", Self.audience)
            #expect(
                try await FeedReading.get("\(server.issuer)/revocations/poll?\(place)", authorization: cast.api).status
                    == 401
            )
        }
    }

    @Test("A shutdown ends the streams at once")
    func shutdown() async throws {
        try await RunningServer.with([], folder: data) { server in
            let cast = try await self.cast(server)
            let start = try await cast.reading.snapshot().message.position
            try await cast.reading.follow(after: start) { follower in
                #expect(await follower.wait { !$0.events.isEmpty })
                let clock = ContinuousClock()
                let asked = clock.now
                server.child.terminate()
                #expect(await follower.wait { $0.hasEnded })
                #expect(await server.child.outcome().status == 0)
                #expect(clock.now - asked < .seconds(10))
            }
        }
    }

    @Test("After a restart a reader goes on from its place, or takes a snapshot: nothing that was revoked is missing")
    func restart() async throws {
        let port = Executable.freePort()
        let issuer = "http://localhost:\(port)"
        let arguments = ["--listen", "127.0.0.1:\(port)", "--issuer", issuer]
        let (cast, tokens, seen) = try await RunningServer.with(arguments, folder: data) {
            server -> (Cast, [(id: String, claim: RevocationClaim)], FeedPosition) in
            let server = server.named(issuer)
            let cast = try await self.cast(server)
            let tokens = [
                try await token(server, cast), try await token(server, cast), try await token(server, cast),
            ]
            _ = try await json("revoke", "--jti", tokens[0].id)
            let snapshot = try await cast.reading.snapshot()
            #expect(ends(snapshot.entries, tokens[0].claim))
            return (cast, tokens, snapshot.message.position)
        }
        try await RunningServer.with(arguments, folder: data) { server in
            let again = try await FeedReading(
                server.named(issuer),
                audience: Self.audience,
                authorization: cast.api
            )
            try await again.follow(after: seen) { follower in
                _ = try await json("revoke", "--jti", tokens[1].id)
                #expect(await follower.wait { ends($0.entries, tokens[1].claim) })
                var position = seen
                for entry in follower.entries { position.advance(over: entry) }
                let reached = follower.events.last { $0.name == "delta" }?.message.position
                #expect(reached == position, "the chain holds across the restart")
                #expect(follower.fault == nil)
            }
        }
        // Nobody runs: what is revoked now waits in the outbox.
        _ = try await json("revoke", "--jti", tokens[2].id)
        try await RunningServer.with(arguments, folder: data) { server in
            let again = try await FeedReading(
                server.named(issuer),
                audience: Self.audience,
                authorization: cast.api
            )
            let found: [FeedEntry]
            do {
                found = try await again.follow(after: seen) { follower in
                    _ = await follower.wait { ends($0.entries, tokens[2].claim) }
                    return follower.entries
                }
            } catch let refusal as FeedReading.Unexpected {
                #expect(refusal.status == 410)
                let snapshot = try await again.snapshot()
                #expect(snapshot.message.position.epoch == seen.epoch)
                #expect(snapshot.message.position.sequence >= seen.sequence + 2)
                found = snapshot.entries
            }
            #expect(ends(found, tokens[1].claim) && ends(found, tokens[2].claim))
        }
    }

    @Test("Two servers on one folder number once and tell the same")
    func twoServers() async throws {
        try await RunningServer.with([], folder: data) { first in
            let cast = try await self.cast(first)
            let tokens = [try await token(first, cast), try await token(first, cast)]
            let start = try await cast.reading.snapshot().message.position
            // Another listener of the same issuer, as behind a balancer.
            let port = Executable.freePort()
            let second = try Child([
                "serve", "--data-dir", data, "--listen", "127.0.0.1:\(port)", "--issuer", first.issuer,
            ])
            while !second.text(of: "output").contains("Ctrl-C stops it.") {
                try #require(second.isRunning)
                try await Task.sleep(for: .milliseconds(10))
            }
            let address = "http://127.0.0.1:\(port)"
            try await cast.reading.follow(after: start) { here in
                try await cast.reading.follow(after: start, at: address) { there in
                    for token in tokens {
                        _ = try await json("revoke", "--jti", token.id)
                        #expect(await here.wait { ends($0.entries, token.claim) })
                        #expect(await there.wait { ends($0.entries, token.claim) })
                    }
                    // A command ends its target twice: see Workbench.endWhatSlippedThrough.
                    for reader in [here, there] { #expect(await reader.wait { $0.entries.count == 2 * tokens.count }) }
                    #expect(here.entries == there.entries)
                    #expect(here.fault == nil && there.fault == nil)
                    // The first one stops, and with it gives its lease back: the second one goes on.
                    let third = try await token(first, cast)
                    first.child.terminate()
                    #expect(await first.child.outcome().status == 0)
                    _ = try await json("revoke", "--jti", third.id)
                    #expect(await there.wait { ends($0.entries, third.claim) })
                }
            }
            second.terminate()
            #expect(await second.outcome().status == 0)
        }
    }
}

extension RunningServer {
    /// The server under the name that its arguments gave it.
    func named(_ issuer: String) -> RunningServer { RunningServer(child: child, issuer: issuer, port: port) }
}
