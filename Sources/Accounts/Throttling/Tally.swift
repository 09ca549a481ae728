import Instants
import JOSE
import Storage

/// What is counted under one key.
///
/// The decisions about it are pure.
struct Tally: Hashable, Sendable {
    static let payloadVersion: Int64 = 1

    var failures: Int
    /// When the first of them happened.
    var since: Instant
    /// When the last of them happened.
    var last: Instant

    var payload: [UInt8] {
        let object: JSONObject = [
            "v": .integer(Self.payloadVersion), "failures": .integer(Int64(failures)), "since": .instant(since),
            "last": .instant(last),
        ]
        return object.serialized()
    }

    init(failures: Int, since: Instant, last: Instant) {
        self.failures = failures
        self.since = since
        self.last = last
    }

    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        failures = Int(clamping: try payload.integer("failures"))
        since = try payload.instant("since")
        last = try payload.instant("last")
    }

    /// This tally with one more failure at `now`.
    func counting(at now: Instant) -> Tally {
        Tally(failures: failures + 1, since: min(since, now), last: max(last, now))
    }

    /// This tally with one failure taken back.
    func givingBack() -> Tally { Tally(failures: max(failures - 1, 0), since: since, last: last) }
}

extension Throttle.Policy {
    /// How long an account must be left alone from one address after `tally`.
    func pairWait(_ tally: Tally?, isUnderAttack: Bool, now: Instant) -> Duration? {
        let free = isUnderAttack ? freeFailuresUnderAttack : freeFailures
        guard let tally, tally.failures >= free else { return nil }
        return remaining(of: backOff(tally.failures - free), since: tally.last, now: now)
    }

    /// How long an address must wait after `tally`.
    func addressWait(_ tally: Tally?, now: Instant) -> Duration? {
        guard let tally, tally.failures >= addressFailures else { return nil }
        return remaining(of: addressWindow, since: tally.since, now: now)
    }

    /// Whether so many have failed at this account that it must be somebody else.
    func isUnderAttack(_ tally: Tally?) -> Bool {
        guard let tally else { return false }
        return tally.failures > attackFailures
    }

    func pairExpiry(_ tally: Tally) -> Instant { tally.last + pairMemory }
    func addressExpiry(_ tally: Tally) -> Instant { tally.since + addressWindow }

    /// A quiet account forgets after a window; one under attack a window after the attack has stopped.
    func accountExpiry(_ tally: Tally) -> Instant {
        (isUnderAttack(tally) ? tally.last : tally.since) + attackWindow
    }

    func backOff(_ failuresBeyond: Int) -> Duration {
        let doublings = min(max(failuresBeyond, 0), 30)
        return min(firstWait * (1 << doublings), longestWait)
    }

    /// What is left of `wait`.
    ///
    /// A start a little ahead of `now` is that of an attempt which was counted meanwhile, and the wait is whole. A start
    /// far in the future was written before the clock stepped back: such a wait could last for ever, so it is over.
    private func remaining(of wait: Duration, since start: Instant, now: Instant) -> Duration? {
        if start > now { return start - now <= Throttle.overtaking ? wait : nil }
        guard start + wait > now else { return nil }
        return start + wait - now
    }
}
