internal import Foundation

/// Keeps `POST /token` busy: as fast as it goes, or at a rate.
final class Load: Mode {
    private static let connections = 8

    private let material: Material
    private var running: Run?

    init(_ material: Material) { self.material = material }

    func answer(_ command: String, _ arguments: [String]) throws -> [String: Any] {
        switch command {
        case "saturate":
            let run = try start(rate: nil)
            Clock.sleep(microseconds: UInt32((arguments.first.flatMap { Double($0) } ?? 3) * 1e6))
            return run.stop()
        case "pace":
            running = try start(rate: arguments.first.flatMap { Double($0) } ?? 100)
            return [:]
        case "stop":
            defer { running = nil }
            return running?.stop() ?? ["error": "nothing runs"]
        default:
            return ["error": "unknown command"]
        }
    }

    private func start(rate: Double?) throws -> Run {
        let form = [("grant_type", "client_credentials"), ("resource", material.audience)]
        let request = Wire.post("/token", form, as: material.clientID, material.clientSecret)
        let wires = try (0..<Self.connections).map { _ in try Wire(port: material.port) }
        return Run(wires, request: request, rate: rate)
    }
}

/// One run of the load: a thread a connection, and never more than a request a connection.
private final class Run: @unchecked Sendable {
    private let lock = NSLock()
    private let threads = DispatchGroup()
    private let start = Clock.now
    private var isStopped = false
    private var done = 0
    private var failed = 0

    init(_ wires: [Wire], request: [UInt8], rate: Double?) {
        let pause = rate.map { UInt64(1e9 * Double(wires.count) / $0) }
        let count = UInt64(wires.count)
        for (number, wire) in wires.enumerated() {
            let wire = Owned(wire: wire)
            threads.enter()
            Thread.detachNewThread { [self] in
                // Spread over the pause, so that the connections do not strike together.
                var next = start + (pause ?? 0) * UInt64(number) / count
                while lock.withLock({ !isStopped }) {
                    if let pause {
                        if next > Clock.now { Clock.sleep(microseconds: UInt32((next - Clock.now) / 1000)) }
                        // What could not be sent in time is not made up for beyond a second: the load stays bounded.
                        next = max(next + pause, Clock.now - min(Clock.now, 1_000_000_000))
                    }
                    let isGood = (try? wire.wire.exchange(request).status) == 200
                    lock.withLock { if isGood { done += 1 } else { failed += 1 } }
                    if !isGood { break }
                }
                threads.leave()
            }
        }
    }

    func stop() -> [String: Any] {
        lock.withLock { isStopped = true }
        threads.wait()
        let seconds = Double(Clock.now - start) / 1e9
        return lock.withLock { ["rate": Double(done) / seconds, "failed": failed] }
    }

    private struct Owned: @unchecked Sendable { let wire: Wire }
}
