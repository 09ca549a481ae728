import AuthorizationServer
import Logging
import ServiceLifecycle
import Storage

/// Ends a server whose store was moved away from under it: what it answers without writing would be of the past.
struct MoveWatch: Service {
    let store: any StoreBackend
    let time: any TimeSource
    let logger: Logger
    var pause: Duration = .seconds(1)

    /// Looks every second, and throws what `StoreMark.check` says.
    func run() async throws {
        try await cancelWhenGracefulShutdown {
            // At once: the mark may have come between the opening of the store and the first request.
            repeat {
                do {
                    try await StoreMark.check(store, now: time.moment().wall)
                } catch let error as StoreError {
                    // Readiness tells of a store that does not answer.
                    logger.debug("the mark of the store could not be read", metadata: ["error": "\(error)"])
                } catch {
                    logger.critical(
                        "the store is being moved, or was: this server ends",
                        metadata: ["error": "\(error)"]
                    )
                    throw error
                }
            } while (try? await Task.sleep(for: pause)) != nil
        }
    }
}
