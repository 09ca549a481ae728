import Accounts
import AuthorizationServer
import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import ServerHTTP

@Suite("Adapters")
struct AdapterTests {
    @Test("OpenID Connect Core §5.1: standard claims come from the record, own claims from its claims")
    func claims() async throws {
        let world = try await HTTPWorld()
        let person = try await world.person("alice") {
            $0.email = "alice@example.com"
            $0.emailVerification = .verified
            $0.claims = ["given_name": "Alice", "department": "sales", "phone_number": "+49 30 1"]
            $0.roles = ["admin"]
        }
        let endUsers = AccountsEndUsers(people: world.people, sessions: world.sessions)
        let found = try #require(try await endUsers.person(person.subject, now: world.now))
        #expect(found.isEnabled && found.roles == ["admin"])
        #expect(found.ownClaims == ["department": "sales"])
        #expect(found.standardClaims["name"] == "Alice Example")
        #expect(found.standardClaims["preferred_username"] == "alice")
        #expect(found.standardClaims["email"] == "alice@example.com")
        #expect(found.standardClaims["email_verified"] == .bool(true))
        #expect(found.standardClaims["given_name"] == "Alice" && found.standardClaims["phone_number"] == "+49 30 1")
        #expect(found.standardClaims["updated_at"] == .integer(person.updatedAt.secondsSinceEpoch))
        #expect(found.standardClaims["sub"] == nil)
    }

    @Test("the guard of a snapshot holds until the person changes")
    func guarded() async throws {
        let world = try await HTTPWorld()
        let person = try await world.person()
        let endUsers = AccountsEndUsers(people: world.people, sessions: world.sessions)
        let snapshot = try #require(try await endUsers.person(person.subject, now: world.now))
        #expect(try await world.store.apply([snapshot.unchanged], now: world.now) == .applied)
        _ = try await world.people.disable(person.subject, now: world.now)
        #expect(try await world.store.apply([snapshot.unchanged], now: world.now) != .applied)
        #expect(try await endUsers.person(person.subject, now: world.now)?.isEnabled == false)
    }

    @Test("what ends a person's or a session's rights is written as a revocation in the same apply")
    func endings() async throws {
        let world = try await HTTPWorld()
        let person = try await world.person()
        let (_, session) = try await world.sessions.create(
            for: person,
            amr: ["pwd"],
            acr: "1",
            now: world.now,
            replacing: []
        )
        let revocations = world.services.revocations
        #expect(try await revocations.cutOff(for: [.session(session.id)], now: world.now) == nil)
        _ = try await world.sessions.close(session.id, now: world.now)
        #expect(try await revocations.cutOff(for: [.session(session.id)], now: world.now) == world.now)
        #expect(try await revocations.cutOff(for: [.subject(person.subject)], now: world.now) == nil)
        _ = try await world.people.disable(person.subject, now: world.now)
        #expect(try await revocations.cutOff(for: [.subject(person.subject)], now: world.now) == world.now)
    }

    @Test("failed client authentication is counted by client and address")
    func throttle() async throws {
        let world = try await HTTPWorld()
        let throttle = AccountsThrottle(world.throttle)
        let id = try #require(ClientID("app"))
        #expect(try await throttle.wait(client: id, address: "192.0.2.1", now: world.now) == nil)
        for _ in 0..<60 { try await throttle.recordFailure(client: id, address: "192.0.2.1", now: world.now) }
        #expect(try await throttle.wait(client: id, address: "192.0.2.1", now: world.now) != nil)
        #expect(try await throttle.wait(client: id, address: "198.51.100.1", now: world.now) == nil)
    }
}
