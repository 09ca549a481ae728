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
                    try await signingKeys.refresh(keyring, now: time.moment().steady)
                } catch {
                    // The keys of before stay in use: signing with them is right until they are retired.
                    logger.warning("signing keys could not be read", metadata: ["error": "\(error)"])
                }
            } while (try? await Task.sleep(for: pause)) != nil
        }
    }
}

/// Hands out moments to whatever answers requests, and remembers that it did.
final class RememberedTime: TimeSource {
    let base: any TimeSource
    private let wasAsked: Mutex<Bool> = Mutex(false)

    init(_ base: any TimeSource) { self.base = base }

    func moment() -> Moment {
        wasAsked.withLock { $0 = true }
        return base.moment()
    }

    /// Whether anybody was given a moment since the last call.
    func takeWasAsked() -> Bool {
        wasAsked.withLock { wasAsked in
            defer { wasAsked = false }
            return wasAsked
        }
    }
}

/// Follows the steady clock of the other processes, and writes down how far ours has come, once a second and at the end.
///
/// It writes while requests come, and without any while the wall clock is behind: then a command knows the time from nowhere
/// else. After a crash the last second is missing, which a process that begins makes up for.
struct ClockKeeper: Service {
    /// By how much the wall clock is behind before that is taken for more than inaccuracy.
    static let noticeable: Duration = .milliseconds(100)

    let time: RememberedTime
    /// Where a later moment than ours goes.
    let follow: @Sendable (Instant) -> Void
    let store: any Store
    let logger: Logger
    var pause: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: pause)) != nil { await tick() }
        }
        await tick()
    }

    func tick() async {
        let wasAsked = time.takeWasAsked()
        do {
            let moment = time.base.moment()
            if wasAsked || moment.steady - moment.wall >= Self.noticeable {
                follow(try await ClockRecord.remember(moment, in: store))
            } else if let record = try await store.find(ClockRecord.key, now: moment.steady) {
                follow(try ClockRecord(from: record).steady)
            }
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
