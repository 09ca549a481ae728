import Synchronization

/// What was computed lately, for inputs that come again and again; it begins anew when it is full.
package final class Memo<Input: Hashable & Sendable, Output: Sendable>: Sendable {
    private let largestCount: Int
    private let entries = Mutex<[Input: Output]>([:])

    /// - Parameter largestCount: how much it holds.
    package init(largestCount: Int = 1024) { self.largestCount = largestCount }

    /// What was kept for this input.
    package func recall(_ input: Input) -> Output? { entries.withLock { $0[input] } }

    /// Keeps what belongs to an input.
    package func keep(_ output: Output, for input: Input) {
        entries.withLock { entries in
            if entries.count >= largestCount { entries = [:] }
            entries[input] = output
        }
    }

    /// What belongs to an input and to nothing else.
    package func value(for input: Input, compute: () -> Output) -> Output {
        if let known = recall(input) { return known }
        let output = compute()
        keep(output, for: input)
        return output
    }
}
