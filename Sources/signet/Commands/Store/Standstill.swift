import AuthorizationServer
import Instants
import Storage

/// Whether a server works on a store, wherever it runs: it renews the lease of its revocation feed every second, on every
/// engine.
struct Standstill {
    /// How long a server that is there may go without its name in the store: a lease runs out before another node takes it.
    static let settling = FeedLease.lifetime + .seconds(1)

    let store: any StoreBackend
    let clock: @Sendable () -> Instant

    /// Refuses while a server is there, or has ended a moment ago without saying so; `outcome` says what was done so far.
    func require(_ outcome: String) async throws {
        // Leases are of the steady clock, which every running server that is ahead of its wall clock writes down each second.
        let now = try await ClockRecord.beginning(from: store, clock: clock)
        guard let record = try await store.find(FeedLease.key, now: now) else { return }
        let lease = try FeedLease(from: record)
        guard lease.until > now else { return }
        throw Failure(
            .unavailable,
            "a server runs on \(store.location), or ended without saying so a moment ago: stop every server, wait five "
                + "seconds and try again; \(outcome)"
        )
    }
}
