internal import Instants
internal import OAuthVocabulary

/// How often, how soon and how long a request is tried again.
public struct RetryPolicy: Hashable, Sendable {
    /// How often it is sent at most, the first time included.
    public var maximumAttempts: Int
    /// The longest wait before the second attempt; it doubles for each further one.
    ///
    /// The wait is drawn evenly from zero up to that, so that callers who failed together do not come back together.
    public var firstDelay: Duration
    /// No wait of our own is longer than this.
    public var maximumDelay: Duration
    /// Everything together takes no longer than this; a `Retry-After` beyond it ends the attempts.
    public var deadline: Duration

    /// A policy.
    public init(
        maximumAttempts: Int = 4,
        firstDelay: Duration = .milliseconds(100),
        maximumDelay: Duration = .seconds(5),
        deadline: Duration = .seconds(30)
    ) {
        self.maximumAttempts = maximumAttempts
        self.firstDelay = firstDelay
        self.maximumDelay = maximumDelay
        self.deadline = deadline
    }

    /// Up to four attempts within half a minute.
    public static let standard = RetryPolicy()
    /// One attempt within half a minute.
    public static let never = RetryPolicy(maximumAttempts: 1)

    /// The longest own wait before attempt `number`, which counts from 2.
    func longestDelay(before number: Int) -> Duration {
        var delay = firstDelay
        for _ in 2..<max(number, 2) {
            guard delay < maximumDelay else { break }
            delay = delay * 2
        }
        return min(delay, maximumDelay)
    }
}

/// Whether a request may be sent again when nobody knows whether the server acted on it.
public struct RepeatSafety: Hashable, Sendable {
    let isSafe: Bool

    /// Sent twice, it does no more than once: everything that only asks, and what the server makes idempotent.
    public static let repeatable = RepeatSafety(isSafe: true)
    /// Only sent again if the server cannot have acted on it: no connection came about, or it said 429 or 503.
    public static let once = RepeatSafety(isSafe: false)

    func mayRepeat(after error: TransportError) -> Bool {
        if error.isBeforeSending { return true }
        return isSafe && (error.code == .timedOut || error.code == .connectionLost)
    }

    func mayRepeat(after status: Int) -> Bool {
        status == 429 || status == 503 || isSafe && [500, 502, 504].contains(status)
    }
}

/// A transport that tries again, with what it needs for that.
public struct RetryingTransport: Sendable {
    let transport: any HTTPTransport
    let clock: any ClientClock
    let randomness: any ClientRandomness
    /// How often, how soon, how long.
    public var policy: RetryPolicy

    /// Puts retries in front of a transport.
    public init(
        _ transport: any HTTPTransport,
        policy: RetryPolicy = .standard,
        clock: any ClientClock = SystemClientClock(),
        randomness: any ClientRandomness = SystemClientRandomness()
    ) {
        self.transport = transport
        self.policy = policy
        self.clock = clock
        self.randomness = randomness
    }

    /// Sends a request until an answer comes that is worth having: exponential back-off with full jitter, `Retry-After`
    /// obeyed, all within the deadline.
    ///
    /// - Parameter renewed: makes the request of an attempt; what must not be sent twice, such as a signed assertion,
    ///   is made anew there.
    /// - Returns: the first answer that asks for no retry, or the last that came.
    /// - Throws: the failure of the last attempt.
    public func send(
        _ safety: RepeatSafety,
        _ renewed: @Sendable () async throws(TransportError) -> TransportRequest
    ) async throws(TransportError) -> TransportResponse {
        let start = clock.uptime
        var number = 1
        while true {
            let left = policy.deadline - (clock.uptime - start)
            var request = try await renewed()
            request.timeout = max(min(request.timeout, left), .milliseconds(1))
            let outcome = await result(of: request)
            number += 1
            guard number <= policy.maximumAttempts, let wait = wait(before: number, after: outcome, safety),
                clock.uptime - start + wait < policy.deadline
            else { return try outcome.get() }
            do {
                try await clock.sleep(for: wait)
            } catch {
                throw TransportError(.cancelled, reason: "cancelled")
            }
        }
    }

    private func result(of request: TransportRequest) async -> Result<TransportResponse, TransportError> {
        do throws(TransportError) {
            return .success(try await transport.send(request))
        } catch {
            return .failure(error)
        }
    }

    /// How long to wait for the next attempt; `nil` where there must be none.
    private func wait(
        before number: Int,
        after outcome: Result<TransportResponse, TransportError>,
        _ safety: RepeatSafety
    ) -> Duration? {
        let own = randomness.duration(upTo: policy.longestDelay(before: number))
        switch outcome {
        case .success(let response):
            guard safety.mayRepeat(after: response.status) else { return nil }
            // RFC 9110 §10.2.3: "how long the user agent ought to wait before making a follow-up request"
            let asked = response.header("Retry-After").flatMap { RetryAfter.read($0, now: clock.now) }
            // The jitter is added: a fleet that was told the same moment must not come back in the same moment.
            return asked.map { $0 + own } ?? own
        case .failure(let error):
            return safety.mayRepeat(after: error) ? own : nil
        }
    }
}
