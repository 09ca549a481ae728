private import Synchronization

/// One open stream of the test issuer: what is sent is there when `send` returns, or the stream has ended.
final class FeedLine: Sendable {
    struct Parcel {
        let bytes: [UInt8]
        let receipt: CheckedContinuation<Void, Never>?
    }

    private struct State {
        var parcels: [Parcel] = []
        var reader: CheckedContinuation<Parcel?, Never>?
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Sends, and waits until the reader has dealt with it.
    func send(_ bytes: [UInt8]) async {
        await withCheckedContinuation { receipt in
            put(Parcel(bytes: bytes, receipt: receipt))
        }
    }

    /// Sends without waiting.
    func post(_ bytes: [UInt8]) { put(Parcel(bytes: bytes, receipt: nil)) }

    private func put(_ parcel: Parcel) {
        let (reader, isClosed) = state.withLock { state -> (CheckedContinuation<Parcel?, Never>?, Bool) in
            if state.isClosed { return (nil, true) }
            if let reader = state.reader {
                state.reader = nil
                return (reader, false)
            }
            state.parcels.append(parcel)
            return (nil, false)
        }
        if isClosed { parcel.receipt?.resume() }
        reader?.resume(returning: parcel)
    }

    /// The next parcel, for which the taker gives the receipt; nil when the line is closed.
    func next() async -> Parcel? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (parcel, isWaiting) = state.withLock { state -> (Parcel?, Bool) in
                    if !state.parcels.isEmpty { return (state.parcels.removeFirst(), false) }
                    if state.isClosed { return (nil, false) }
                    state.reader = continuation
                    return (nil, true)
                }
                if !isWaiting { continuation.resume(returning: parcel) }
            }
        } onCancel: {
            close()
        }
    }

    /// Ends the line: the reader gets nothing more, and nobody waits for it.
    func close() {
        let (parcels, reader) = state.withLock { state in
            state.isClosed = true
            defer {
                state.parcels = []
                state.reader = nil
            }
            return (state.parcels, state.reader)
        }
        for parcel in parcels { parcel.receipt?.resume() }
        reader?.resume(returning: nil)
    }
}
