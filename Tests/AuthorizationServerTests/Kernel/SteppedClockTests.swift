import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed
import Testing

@testable import AuthorizationServer

/// Decision 0007: the wall clock is set back by an hour under the server, because it was wrong or because it is now.
@Suite struct SteppedClockTests {
    static let hour: Duration = .seconds(3600)

    @Test func `Tokens carry the wall clock for others, and the server's own for cut-offs`() async throws {
        let world = try await TestWorld()
        world.time.stepBack(by: Self.hour)
        let tokens = try await world.grant()
        let moment = world.time.moment()
        #expect(moment.wall == moment.steady - Self.hour)
        let now = moment.wall.secondsSinceEpoch
        for (text, lifetime) in [
            (tokens.access, world.services.configuration.accessTokenLifetime),
            (try #require(tokens.id), world.services.configuration.idTokenLifetime),
        ] {
            let claims = try UnverifiedToken(text).unverifiedClaims
            #expect(claims["iat"] == .integer(now))
            #expect(claims["exp"] == .integer(now + lifetime.wholeSeconds))
            #expect(claims["auth_time"] == .integer(now - 60))
        }
        let claims = try UnverifiedToken(tokens.access).unverifiedClaims
        #expect(TokenIdentifier.moment(of: try #require(claims["jti"]?.stringValue)) == moment.steady)
        let revocation = claims[RevocationClaim.name]?.stringValue.flatMap(RevocationClaim.init)
        #expect(revocation?.issuedAt == moment.steady)
        #expect(try await world.introspect(tokens.access)["active"] == true)
    }

    @Test(arguments: [.zero, hour])
    func `An access token lives for its lifetime, whatever the wall shows`(_ step: Duration) async throws {
        let world = try await TestWorld()
        let lifetime = world.services.configuration.accessTokenLifetime
        let before = try await world.grant()
        world.time.stepBack(by: step)
        let after = try await world.grant()
        world.time.advance(by: lifetime - .seconds(1))
        for tokens in [before, after] { #expect(try await world.introspect(tokens.access)["active"] == true) }
        world.time.advance(by: .seconds(1))
        for tokens in [before, after] { #expect(try await world.introspect(tokens.access)["active"] == false) }
    }

    @Test func `A code that had expired stays expired, and one that had not is redeemed`() async throws {
        let world = try await TestWorld()
        let client = try await world.publicClient()
        _ = try await world.ordersAPI()
        let session = try await world.signIn()
        let old = try await world.code("signet_ac_old", client: client, session: session)
        world.time.advance(by: world.services.configuration.authorizationCodeLifetime)
        let new = try await world.code("signet_ac_new", client: client, session: session)
        world.time.stepBack(by: Self.hour)
        #expect(try await world.redeem(old).failure?.code == .invalidGrant)
        _ = try Tokens(world.json(await world.redeem(new)))
    }

    @Test(arguments: ["subject:alice", "session:s1", "client:app", "everything"])
    func `A cut-off reaches what was issued before the step, and nothing later`(_ name: String) async throws {
        let world = try await TestWorld()
        let old = try await world.grant()
        world.time.stepBack(by: Self.hour)
        try await world.services.revocations.apply(ending: try #require(RevocationTarget(name: name)), now: world.now)
        #expect(try await world.introspect(old.access)["active"] == false)
        // With offline_access the grant outlives its session.
        let refused = try await world.refresh(old.refresh).failure?.code
        #expect(refused == (name == "session:s1" ? nil : .invalidGrant))
        world.time.advance(by: .milliseconds(1))
        let new = try await world.grant()
        #expect(try await world.introspect(new.access)["active"] == true)
        _ = try Tokens(world.json(await world.refresh(new.refresh)))
    }

    @Test func `Milliseconds between the clocks do not make one moment two`() {
        let at = Instant(secondsSinceEpoch: 1_800_000_000)
        func shown(ahead: Duration) -> Instant { Moment(wall: at, steady: at + ahead).onTheWall(at) }
        #expect(shown(ahead: .zero) == at)
        #expect(shown(ahead: .milliseconds(499)) == at)
        #expect(shown(ahead: .milliseconds(3_599_990)) == at - Self.hour)
        #expect(shown(ahead: .milliseconds(3_600_010)) == at - Self.hour)
    }

    @Test func `A clock goes on from where another has come, and never back`() {
        let clock = SystemTimeSource()
        let ahead = clock.moment().wall + Self.hour
        clock.follow(ahead)
        #expect(clock.moment().steady >= ahead)
        #expect(clock.moment().wall < ahead)
        clock.follow(ahead - Self.hour)
        #expect(clock.moment().steady >= ahead)
    }
}
