import AuthorizationServer
import Instants
import Storage

/// A store that takes no write from the moment on in which a mark is put into it, however long ago it was opened.
///
/// `StoreMark.check` at opening knows nothing of a move that begins later on another machine, where no lock of a folder
/// reaches. So every apply requires that there is no mark, in its own transaction: either it is committed before the mark
/// and copied, or it is refused. A database file needs none of that: its folder is locked while it is moved.
struct UnmovedStore: StoreBackend, ForwardingStore {
    private let inner: any StoreBackend

    init(_ inner: any StoreBackend) { self.inner = inner }

    var destination: any Store { inner }
    var location: String { inner.location }

    nonisolated(nonsending) func apply(_ changes: [Change], now: Instant) async throws(StoreError) -> ApplyOutcome {
        let outcome = try await inner.apply(changes + [.requireAbsent(StoreMark.key)], now: now)
        guard case .conflict(let position, _) = outcome, position == changes.count else { return outcome }
        throw .unavailable(reason: "the store \(location) is being moved, or was: nothing is written to it any more")
    }

    nonisolated(nonsending) func checkHealth() async throws(StoreError) { try await inner.checkHealth() }

    func announcements() -> AsyncStream<Void>? { inner.announcements() }

    nonisolated(nonsending) func close() async throws(StoreError) { try await inner.close() }
}
