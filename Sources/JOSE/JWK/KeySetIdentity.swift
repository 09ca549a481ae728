private import Synchronization

/// The number of a ``KeySet`` snapshot, unique in the process.
///
/// A number, where a reference would keep retired keys alive in whatever remembers it.
struct KeySetIdentity: Hashable, Sendable {
    private static let last = Atomic<UInt64>(0)
    private let number: UInt64

    init() {
        number = Self.last.wrappingAdd(1, ordering: .relaxed).newValue
    }
}
