import AuthorizationServer
import JOSE
import ResourceServer
import Synchronization
import Testing

@testable import signet

@Suite("Revocation, server and API: keys rotated and retired under load", .serialized, .timeLimit(.minutes(5)))
struct KeysUnderLoadTests {
    /// What those who verify are given, and what came of it.
    private final class Load: Sendable {
        struct State {
            var good: [String] = []
            var retired: [String] = []
            var isOver = false
            var served = 0
            var refusedFalsely: [String] = []
            var isDelivered = false
            var servedAfterDelivery = 0
            var refusedRightly = 0
        }

        let state = Mutex(State())

        func add(_ token: String) { state.withLock { $0.good.append(token) } }

        /// Verifies until it is over.
        func run(_ api: FollowingAPI) async {
            var turn = 0
            while !state.withLock(\.isOver) {
                turn += 1
                let (good, retired) = state.withLock { ($0.good, $0.retired) }
                if !good.isEmpty {
                    let refusal = await api.refusal(good[turn % good.count])
                    state.withLock { state in
                        // It may have been retired in between.
                        if refusal == nil {
                            state.served += 1
                        } else if !state.retired.contains(good[turn % good.count]) {
                            state.refusedFalsely.append("\(refusal?.description ?? "")")
                        }
                    }
                }
                if !retired.isEmpty {
                    let wasDelivered = state.withLock(\.isDelivered)
                    let refusal = await api.refusal(retired[turn % retired.count])
                    state.withLock { state in
                        if refusal != nil {
                            state.isDelivered = true
                            state.refusedRightly += 1
                        } else if wasDelivered {
                            state.servedAfterDelivery += 1
                        }
                    }
                }
                try? await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    @Test("No good token is refused while keys rotate, and none of a retired key is served once that was delivered")
    func rotation() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                let load = Load()
                let bench = try house.bench
                let first = try await house.token()
                load.add(first)
                let oldest = try FeedHouse.keyID(of: first)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { await load.run(api) } }
                    var known = oldest
                    for _ in 0..<3 {
                        // At once, which gives nobody time to learn the key before it signs: the harder case.
                        _ = try await bench.signingKeys.rotate(
                            algorithm: .es256,
                            immediately: .atOnce,
                            now: bench.now
                        )
                        let isRotated = try await becomesTrue {
                            let token = try await house.token()
                            load.add(token)
                            return try FeedHouse.keyID(of: token) != known
                        }
                        #expect(isRotated)
                        known = try FeedHouse.keyID(of: try await house.token())
                    }
                    load.state.withLock { state in
                        state.retired = state.good.filter { (try? FeedHouse.keyID(of: $0)) == oldest }
                        state.good.removeAll { state.retired.contains($0) }
                    }
                    try await bench.signingKeys.retire(oldest, now: bench.now)
                    #expect(await becomesTrue { load.state.withLock { $0.refusedRightly >= 100 } })
                    load.state.withLock { $0.isOver = true }
                    try await group.waitForAll()
                }
                let state = load.state.withLock { $0 }
                #expect(state.refusedFalsely.isEmpty)
                #expect(state.servedAfterDelivery == 0)
                #expect(state.served >= 100)
                let code = try #require(await api.refusal(first)).code
                #expect(code == .tokenRevoked || code == .keyUnknown)
            }
        }
    }
}
