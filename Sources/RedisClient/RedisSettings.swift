/// The limits of a ``RedisPool``.
public struct RedisSettings: Sendable {
    /// How many connections it keeps; commands are pipelined on each.
    public var connections = 2
    /// How long connecting may take, and after it the TLS handshake and the log-in together.
    public var connectTimeout: Duration = .seconds(2)
    /// How long an answer may take from the moment that its command was written.
    ///
    /// When one takes longer the connection is closed, for what comes later could be taken for another answer.
    public var commandTimeout: Duration = .seconds(2)
    /// How many commands may be under way; further ones are refused as ``RedisError/overloaded``.
    public var mostCommands = 16_384
    /// How many bytes of commands may be under way.
    public var mostBytes = 64 << 20
    /// How long after a failure to connect nothing is tried, at first; it doubles up to `longestPause`.
    public var shortestPause: Duration = .milliseconds(50)
    /// How long after many failures nothing is tried, at most.
    public var longestPause: Duration = .seconds(2)
    /// What a reply may come to.
    public var replies = RedisReplyLimits()

    /// The default limits.
    public init() {}

    /// How long to wait after `failures` in a row; `jitter` is from 0 to 1, and up to half of the pause is left to it.
    func pause(after failures: Int, jitter: Double) -> Duration {
        var pause = shortestPause
        for _ in 1..<max(1, min(failures, 32)) where pause < longestPause { pause = pause * 2 }
        return min(pause, longestPause) * (0.5 + jitter / 2)
    }
}

/// What to do with a command whose connection ended before the answer.
public enum RedisInterruption: Sendable {
    /// Say so: only the caller knows whether it may be done twice.
    case report
    /// Send it once more: for what may be done twice.
    case sendAgain
}
