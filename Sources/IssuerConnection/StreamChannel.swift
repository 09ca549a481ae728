internal import Synchronization

/// Hands the pieces of one stream from the task that reads them to the task that takes them, one at a time, so that a
/// slow taker slows the reader down and nothing piles up.
final class StreamChannel: Sendable {
    enum Piece: Sendable {
        case head(TransportResponse)
        case bytes([UInt8])
        case end(TransportError?)
    }

    private struct State {
        var piece: Piece?
        var taker: CheckedContinuation<Piece, Never>?
        var putter: CheckedContinuation<Bool, Never>?
        /// `.end` once no more comes, or nobody takes any more.
        var end: Piece?
        var hasHead = false
        var lastCame: Duration
    }

    private let clock: any ClientClock
    private let state: Mutex<State>

    init(clock: any ClientClock = SystemClientClock()) {
        self.clock = clock
        state = Mutex(State(lastCame: clock.uptime))
    }

    /// Hands a piece over and waits until there is room for the next; `false` if nobody takes any more.
    func put(_ piece: Piece) async -> Bool {
        let now = clock.uptime
        return await withCheckedContinuation { (putter: CheckedContinuation<Bool, Never>) in
            let resume: () -> Void = state.withLock { state in
                guard state.end == nil else { return { putter.resume(returning: false) } }
                state.lastCame = now
                state.hasHead = true
                if let taker = state.taker {
                    state.taker = nil
                    return {
                        taker.resume(returning: piece)
                        putter.resume(returning: true)
                    }
                }
                state.piece = piece
                state.putter = putter
                return {}
            }
            resume()
        }
    }

    /// Says that no more comes; what was put is still taken first.
    func finish(_ failure: TransportError?) {
        let taker = state.withLock { state -> CheckedContinuation<Piece, Never>? in
            guard state.end == nil else { return nil }
            state.end = .end(failure)
            defer { state.taker = nil }
            return state.taker
        }
        taker?.resume(returning: .end(failure))
    }

    /// The next piece; to be asked by one task only.
    func take() async -> Piece {
        await withCheckedContinuation { (taker: CheckedContinuation<Piece, Never>) in
            let resume: () -> Void = state.withLock { state in
                if let piece = state.piece {
                    state.piece = nil
                    let putter = state.putter
                    state.putter = nil
                    return {
                        putter?.resume(returning: true)
                        taker.resume(returning: piece)
                    }
                }
                if let end = state.end { return { taker.resume(returning: end) } }
                state.taker = taker
                return {}
            }
            resume()
        }
    }

    /// Says that nothing is taken any more.
    func close() {
        let putter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            state.end = state.end ?? .end(nil)
            state.piece = nil
            defer { state.putter = nil }
            return state.putter
        }
        putter?.resume(returning: false)
    }

    /// Ends the stream when nothing came for `idleTimeout`; before the head, for `headTimeout`.
    func watch(idleTimeout: Duration, headTimeout: Duration) async {
        while !Task.isCancelled {
            let (hasHead, lastCame) = state.withLock { ($0.hasHead, $0.lastCame) }
            let limit = hasHead ? idleTimeout : headTimeout
            let left = limit - (clock.uptime - lastCame)
            guard left > .zero else {
                finish(TransportError(.timedOut, reason: "nothing came for \(limit)"))
                return
            }
            // The head may come meanwhile, and then the shorter limit counts.
            try? await clock.sleep(for: min(left, idleTimeout))
        }
        finish(TransportError(.cancelled, reason: "cancelled"))
    }
}
