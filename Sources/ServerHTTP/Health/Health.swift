// Health: what a load balancer and an orchestrator ask (no RFC): `/livez` says that the process answers, `/readyz` that
// it may be sent requests now. Answers name what was checked and never why it failed: that is in the log. Stores nothing.

package import AuthorizationServer
import HTTPTypes
import Instants
import JOSE
package import Logging
import Synchronization

/// Whether this process should be sent requests: what it needs, and whether it is about to stop.
///
/// Anybody may ask as often as they like: an answer is believed for ``freshness``, and one check runs at a time.
package final class Health: Sendable {
    /// Something that the server needs; throws while it does not work.
    package struct Check: Sendable {
        package var name: String
        package var run: @Sendable () async throws -> Void

        package init(_ name: String, run: @escaping @Sendable () async throws -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// What came of the checks, in their order.
    struct Report: Hashable, Sendable {
        var results: [Result]
        var isDraining = false

        struct Result: Hashable, Sendable {
            var name: String
            var works: Bool
        }

        var isReady: Bool { !isDraining && results.allSatisfy(\.works) }
    }

    /// How long an answer of the checks is believed.
    static let freshness: Duration = .milliseconds(500)
    /// How long a check may take; one that takes longer failed.
    static let patience: Duration = .seconds(2)

    private struct State {
        var isDraining = false
        var latest: (report: Report, at: Instant)?
        var running: Task<Report, Never>?
    }

    private let checks: [Check]
    private let time: any TimeSource
    private let logger: Logger
    private let state = Mutex(State())

    package init(_ checks: [Check] = [], time: any TimeSource, logger: Logger) {
        self.checks = checks
        self.time = time
        self.logger = logger
    }

    /// From now on the process asks to be sent no more requests; those that come all the same are answered.
    package func drain() { state.withLock { $0.isDraining = true } }

    package var isDraining: Bool { state.withLock { $0.isDraining } }

    func report() async -> Report {
        let now = time.moment().steady
        let task: Task<Report, Never>? = state.withLock { state in
            if let latest = state.latest, now - latest.at < Self.freshness { return nil }
            if let running = state.running { return running }
            let task = Task { await self.runChecks() }
            state.running = task
            return task
        }
        var report = Report(results: [])
        if let task {
            report = await task.value
        } else if let latest = state.withLock({ $0.latest }) {
            report = latest.report
        }
        report.isDraining = isDraining
        return report
    }

    private func runChecks() async -> Report {
        // Side by side: two that hang are no longer waited for than one.
        let running = checks.map { check in Task { await self.works(check) } }
        var results: [Report.Result] = []
        for (check, task) in zip(checks, running) {
            results.append(.init(name: check.name, works: await task.value))
        }
        let report = Report(results: results)
        let now = time.moment().steady
        state.withLock { state in
            state.latest = (report, now)
            state.running = nil
        }
        return report
    }

    /// Whether the check came back in time and without an error.
    ///
    /// One that hangs is left behind, not waited for: whoever asks is to learn of it.
    private func works(_ check: Check) async -> Bool {
        let (answers, answer) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let running = Task { [logger] in
            do {
                try await check.run()
                answer.yield(true)
            } catch {
                logger.warning("not ready", metadata: ["check": "\(check.name)", "error": "\(error)"])
                answer.yield(false)
            }
        }
        let timer = Task {
            guard (try? await Task.sleep(for: Self.patience)) != nil else { return }
            answer.yield(false)
        }
        defer {
            timer.cancel()
            running.cancel()
        }
        for await works in answers { return works }
        return false
    }
}

/// Which of the two questions an address asks.
enum HealthQuestion: String, CaseIterable, Sendable {
    case live = "/livez"
    case ready = "/readyz"
}

extension Answering {
    /// 200 or 503 with what was checked, for programs; never to be cached.
    func health(_ question: HealthQuestion, _ health: Health) async -> Answer {
        var answer = Answer(status: 200)
        var body: JSONObject = ["status": "live"]
        if question == .ready {
            let report = await health.report()
            answer.status = report.isReady ? 200 : 503
            body["status"] = report.isReady ? "ready" : (report.isDraining ? "draining" : "unavailable")
            var checks = JSONObject()
            for result in report.results { checks[result.name] = result.works ? "ok" : "failed" }
            body["checks"] = .object(checks)
            if !report.isReady { answer.headers[.retryAfter] = "1" }
        }
        answer.headers[.contentType] = "application/json"
        answer.headers[.cacheControl] = "no-store"
        answer.body = body.serialized()
        return answer
    }
}
