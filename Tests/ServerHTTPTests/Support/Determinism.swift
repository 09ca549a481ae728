import AuthorizationServer
import Instants
import Logging
import Synchronization

/// A clock that only the test moves.
final class ManualTime: TimeSource {
    private let now = Mutex(Instant(secondsSinceEpoch: 1_800_000_000))
    private let step = Mutex(Duration.zero)

    func moment() -> Moment {
        let step = step.withLock { $0 }
        return Moment(
            now.withLock { now in
                now = now + step
                return now
            }
        )
    }

    /// From now on every question for the time is this much later than the one before.
    func creep(by duration: Duration) { step.withLock { $0 = duration } }
    func advance(by duration: Duration) { now.withLock { $0 = $0 + duration } }
}

/// Numbers that are the same in every run.
final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>

    init(seed: UInt64) { state = Mutex(seed) }

    func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in
            (0..<count).map { _ in
                // SplitMix64
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                return UInt8(truncatingIfNeeded: mixed ^ (mixed >> 31))
            }
        }
    }
}

/// Everything that was logged, at every level, with all its metadata.
final class CapturedLog: Sendable {
    struct Line: Sendable {
        var level: Logger.Level
        var message: String
        var metadata: [String: String]
    }

    private let state = Mutex<[Line]>([])

    var lines: [Line] { state.withLock { $0 } }
    var text: String {
        lines.map { line in
            "\(line.level) \(line.message) " + line.metadata.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }.joined(separator: "\n")
    }

    func append(_ line: Line) { state.withLock { $0.append(line) } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            log.append(
                Line(level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" })
            )
        }
    }
}

/// A value behind a lock.
final class MutexBox<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change(_ edit: @Sendable (inout Value) -> Void) { state.withLock { edit(&$0) } }
}
