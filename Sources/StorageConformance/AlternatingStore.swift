package import Storage
import Synchronization

/// Two stores on the same records, of which every other request goes to the other one: nothing that a process keeps in
/// memory may stand in for what is stored.
package final class AlternatingStore<Backend: Store>: ForwardingStore {
    package let first: Backend
    package let second: Backend
    private let requests = Atomic<Int>(0)

    package init(first: Backend, second: Backend) {
        self.first = first
        self.second = second
    }

    package var destination: any Store {
        requests.add(1, ordering: .relaxed).newValue.isMultiple(of: 2) ? first : second
    }
}
