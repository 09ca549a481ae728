import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// Seeded random traffic against one provider with a clock that the test moves. A failing run names its seed.
@Suite struct GrantSimulationTests {
    static let seeds: [UInt64] = (1...12).map { $0 &* 0x9E37_79B9 }

    @Test(.timeLimit(.minutes(5)), arguments: seeds)
    func `A code pays at most once, a family has one lineage, and what was ended never verifies again`(
        _ seed: UInt64
    ) async throws {
        var simulation = try await Simulation(seed: seed)
        for step in 0..<150 {
            try await simulation.step()
            if step % 25 == 24 { try await simulation.checkEverything() }
        }
        try await simulation.checkEverything()
        #expect(simulation.paid > 0 && simulation.rotations > 0 && simulation.ended > 0, "seed \(seed) did nothing")
    }
}

/// The model beside the provider: what must hold is read off it.
struct Simulation {
    struct Grant {
        var code: String
        var redemptions = 0
        /// The newest refresh token, and every one before it with the moment of its rotation.
        var current: String?
        var spent: [(token: String, at: Instant)] = []
        var access: [String] = []
        var revokedAccess: Set<String> = []
        var isOver = false
    }

    let world: TestWorld
    let client: RegisteredClient
    let seed: UInt64
    var random: SplitMix
    var grants: [Grant] = []
    var paid = 0
    var rotations = 0
    var ended = 0

    init(seed: UInt64) async throws {
        self.seed = seed
        random = SplitMix(state: seed)
        world = try await TestWorld { $0.accessTokenLifetime = .seconds(3600) }
        _ = try await world.ordersAPI()
        client = try await world.publicClient()
    }

    mutating func step() async throws {
        world.time.advance(by: .milliseconds(Int64(random.below(4000))))
        switch random.below(10) {
        case 0, 1:
            let text = "signet_ac_\(grants.count)"
            let session = try await world.signIn()
            grants.append(Grant(code: try await world.code(text, client: client, session: session)))
        case 2, 3: try await redeem()
        case 4, 5, 6: try await rotate()
        case 7: try await replay()
        case 8: try await revoke()
        default: world.time.advance(by: .seconds(Int64(random.below(20))))
        }
    }

    private mutating func pick() -> Int? { grants.isEmpty ? nil : Int(random.below(UInt64(grants.count))) }

    private mutating func redeem() async throws {
        guard let index = pick() else { return }
        let response = try await world.redeem(grants[index].code)
        guard response.failure == nil else {
            // A redeemed code that is offered again ends its grant; an expired one ends nothing.
            if grants[index].redemptions > 0 { end(index) }
            return
        }
        let tokens = try Tokens(world.json(response))
        grants[index].redemptions += 1
        paid += 1
        #expect(grants[index].redemptions == 1, "seed \(seed): a code paid twice")
        grants[index].current = tokens.refresh
        grants[index].access.append(tokens.access)
    }

    private mutating func rotate() async throws {
        guard let index = pick(), let token = grants[index].current else { return }
        let response = try await world.refresh(token)
        guard !grants[index].isOver else {
            #expect(response.failure?.code == .invalidGrant, "seed \(seed): a dead family rotated")
            return
        }
        let tokens = try Tokens(world.json(response))
        rotations += 1
        grants[index].spent.append((token, world.now))
        grants[index].current = tokens.refresh
        grants[index].access.append(tokens.access)
    }

    /// Presents a token that was rotated before.
    private mutating func replay() async throws {
        guard let index = pick(), !grants[index].spent.isEmpty else { return }
        let position = Int(random.below(UInt64(grants[index].spent.count)))
        let (token, at) = grants[index].spent[position]
        let response = try await world.refresh(token)
        let isOpen = world.now - at <= .seconds(10)
        let isNewest = position == grants[index].spent.count - 1
        if !grants[index].isOver, isOpen, isNewest, response.failure == nil {
            let tokens = try Tokens(world.json(response))
            #expect(tokens.refresh == grants[index].current, "seed \(seed): a retry made a second lineage")
            grants[index].access.append(tokens.access)
            return
        }
        #expect(response.failure?.code == .invalidGrant, "seed \(seed): a spent token paid")
        if !isOpen { end(index) }
    }

    private mutating func revoke() async throws {
        guard let index = pick() else { return }
        if random.below(2) == 0, let access = grants[index].access.last {
            _ = try await world.ask("/revoke", ["token": access, "client_id": "app"])
            grants[index].revokedAccess.insert(access)
        } else if let token = grants[index].current {
            _ = try await world.ask("/revoke", ["token": token, "client_id": "app"])
            end(index)
        }
    }

    private mutating func end(_ index: Int) {
        guard !grants[index].isOver else { return }
        grants[index].isOver = true
        ended += 1
    }

    func checkEverything() async throws {
        for grant in grants {
            for access in grant.access.suffix(3) {
                let isActive = try await world.introspect(access)["active"] == true
                let shouldBe = !grant.isOver && !grant.revokedAccess.contains(access) && !isExpired(access)
                #expect(isActive == shouldBe, "seed \(seed): an access token is \(isActive ? "alive" : "dead")")
            }
        }
    }

    private func isExpired(_ token: String) -> Bool {
        guard let expiry = try? UnverifiedToken(token).unverifiedClaims["exp"]?.integerValue else { return true }
        return world.now >= Instant(secondsSinceEpoch: expiry)
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return (mixed ^ (mixed >> 31)) % bound
    }
}
