import AuthorizationServer
import Instants
import Logging
import ServiceLifecycle
import Storage
import Synchronization

/// Reads the signing keys every second, so that `signet keys` in another process takes effect at once, and makes
/// successors in time.
struct KeyRefresher: Service {
    let signingKeys: SigningKeys
    let keyring: Keyring
    let time: any TimeSource
    let logger: Logger
    var pause: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // At once: what was read before the server listened may be older than a second by now.
            repeat {
                do {
                    try await signingKeys.refresh(keyring, now: time.moment().wall)
                } catch {
                    // The keys of before stay in use: signing with them is right until they are retired.
                    logger.warning("signing keys could not be read", metadata: ["error": "\(error)"])
                }
            } while (try? await Task.sleep(for: pause)) != nil
        }
    }
}

/// Hands out moments to whatever answers requests, and remembers the latest one.
final class RememberedTime: TimeSource {
    private let base: any TimeSource
    private let latest: Mutex<Instant?> = Mutex(nil)

    init(_ base: any TimeSource) { self.base = base }

    func moment() -> Moment {
        let moment = base.moment()
        latest.withLock { latest in latest = max(latest ?? moment.steady, moment.steady) }
        return moment
    }

    /// The latest steady moment that anybody was given since the last call.
    func takeLatest() -> Instant? {
        latest.withLock { latest in
            defer { latest = nil }
            return latest
        }
    }
}

/// Writes down how far the steady clock has come while requests come, at most once a second and at the end.
///
/// After a crash the last second is missing: only if the wall clock was also set back does a window of that second count
/// from the beginning again.
struct ClockKeeper: Service {
    let time: RememberedTime
    let store: any Store
    let logger: Logger
    var pause: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: pause)) != nil { await write() }
        }
        await write()
    }

    func write() async {
        guard let steady = time.takeLatest() else { return }
        do {
            let present = try await store.find(ClockRecord.key, now: steady)
            // Another node may be ahead: what is written down never goes back.
            if let present, try ClockRecord(from: present).steady >= steady { return }
            let record = Record(key: ClockRecord.key, payload: try ClockRecord(steady: steady).encoded())
            // A conflict is another node that wrote its own time just now, which is as late as this one.
            _ = try await store.apply(
                [present.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)],
                now: steady
            )
        } catch {
            logger.warning("the clock could not be written down", metadata: ["error": "\(error)"])
        }
    }
}

/// Numbers, signs and hands out what was ended, from the first request to the last.
struct FeedService: Service {
    let feed: FeedPublisher
    /// That other processes stored something, where the store tells.
    var announcements: AsyncStream<Void>?

    func run() async throws {
        // Not by cancelling: the last thing that it does is to give its lease back, and that takes the store.
        await withGracefulShutdownHandler {
            await feed.run(announcements: announcements)
        } onGracefulShutdown: {
            feed.shutdown()
        }
        // A service that is done would end the others.
        try? await gracefulShutdown()
    }
}
