import AuthorizationServer
import JOSE
import Logging
import ServerHTTP
import Storage
import UnixSignals

/// SIGTERM or Ctrl-C, and the time between it and the end of listening.
///
/// Whoever spreads requests over several nodes learns during that time that this one goes: `/readyz` says so, and every
/// answer closes its connection; at its end new connections are turned away. A second signal ends the waiting.
struct StopSignals: Sendable {
    let delay: Duration
    let socket: ListeningSocket
    let health: Health
    let logger: Logger

    /// Returns when the server should stop listening, or when its task is cancelled.
    func wait() async {
        var signals = await UnixSignalsSequence(trapping: .sigterm, .sigint).makeAsyncIterator()
        guard await signals.next() != nil else { return }
        health.drain()
        guard delay > .zero else { return }
        logger.notice("stopping", metadata: ["listens_for": "\(DurationText.format(delay))"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: delay) }
            group.addTask { for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return } }
            await group.next()
            group.cancelAll()
        }
        await socket.turnAwayNewConnections()
    }
}

extension Workbench {
    /// What must work before requests are sent to this server.
    func health(keyring: Keyring, logger: Logger) -> Health {
        let keys = Health.Check("signing_keys") {
            let signing = keyring.current.signing
            guard Keyring.algorithms.allSatisfy({ signing[$0.name] != nil }) else { throw NoSigningKey() }
        }
        return Health(
            engines.map { engine in Health.Check(engine.name) { try await engine.backend.checkHealth() } } + [keys],
            time: time,
            logger: logger
        )
    }
}

/// An algorithm has no key that signs.
private struct NoSigningKey: Error, CustomStringConvertible {
    var description: String { "an algorithm has no signing key" }
}
