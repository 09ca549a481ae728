import Instants
import Storage
import Synchronization

/// Places that this process has reserved and may give away, so that issuing a token asks the store for none.
///
/// A block is reserved by compare-and-swap and belongs to one process for good; what is left of it when the process ends
/// is never used. So no place is given twice.
final class StatusPlaces: Sendable {
    /// How many places are reserved at once: small, because a restart wastes the rest; large, because each costs a write.
    static let blockSize = 256
    /// How far beyond what is needed a list is kept, so that its record is not written for every token.
    static let slack: Duration = .seconds(86400)

    private struct Block {
        var list: Int
        var next: Int
        var end: Int
        /// Until when the list is kept, as far as this process knows.
        var until: Instant
    }

    private let store: any Store
    private let permutation: StatusPermutation
    private let blocks: Mutex<[Block]> = Mutex([])

    init(store: any Store, keys: DerivedKeys) {
        self.store = store
        permutation = StatusPermutation(keys: keys)
    }

    /// A place that nobody else has or will ever have, in a list that is kept until `until` at least.
    func take(until: Instant, now: Instant) async throws(StoreError) -> StatusReference {
        for _ in 0..<Limits.applyAttempts {
            if let reference = takeReserved(until: until) { return reference }
            if let list = listToKeep(until: until) {
                let kept = try await keep(list, until: until + Self.slack, now: now)
                blocks.withLock { blocks in
                    blocks.removeAll { $0.list == list && kept == nil }
                    for index in blocks.indices where blocks[index].list == list {
                        blocks[index].until = kept ?? blocks[index].until
                    }
                }
            } else if let block = try await reserve(until: until + Self.slack, now: now) {
                blocks.withLock { $0.append(block) }
            }
        }
        throw .unavailable(reason: "the reservation of a place in a status list lost every race")
    }

    private func takeReserved(until: Instant) -> StatusReference? {
        let taken: (list: Int, counter: Int)? = blocks.withLock { blocks in
            guard let index = blocks.firstIndex(where: { $0.until >= until }) else { return nil }
            let taken = (blocks[index].list, blocks[index].next)
            blocks[index].next += 1
            if blocks[index].next == blocks[index].end { blocks.remove(at: index) }
            return taken
        }
        guard let taken else { return nil }
        return StatusReference(list: taken.list, index: permutation.place(of: taken.counter, in: taken.list))
    }

    private func listToKeep(until: Instant) -> Int? {
        blocks.withLock { $0.first { $0.until < until }?.list }
    }

    /// Keeps a list until the moment; `nil` if it is gone already.
    private func keep(_ list: Int, until: Instant, now: Instant) async throws(StoreError) -> Instant? {
        for _ in 0..<Limits.applyAttempts {
            guard let record = try await store.find(StatusListRecord.key(list), now: now) else { return nil }
            let content = try StatusListRecord(from: record)
            guard content.until < until else { return content.until }
            let outcome = try await store.apply([try Self.kept(content, until: until, over: record)], now: now)
            if case .applied = outcome { return until }
        }
        throw .unavailable(reason: "keeping status list \(list) lost every race")
    }

    private static func kept(
        _ content: StatusListRecord,
        until: Instant,
        over record: Record
    ) throws(StoreError) -> Change {
        var next = content
        next.until = max(content.until, until)
        return .replace(try next.record(), ifVersion: record.version)
    }

    /// Reserves a block in the list that is being filled, or in the next one; `nil` if somebody else was faster.
    private func reserve(until: Instant, now: Instant) async throws(StoreError) -> Block? {
        let existing = try await store.find(StatusAllocationRecord.key, now: now)
        var allocation = StatusAllocationRecord(list: 1, next: 0)
        if let existing { allocation = try StatusAllocationRecord(from: existing) }
        if allocation.next + Self.blockSize > StatusBits.size {
            allocation = StatusAllocationRecord(list: allocation.list + 1, next: 0)
        }
        var block = Block(
            list: allocation.list,
            next: allocation.next,
            end: allocation.next + Self.blockSize,
            until: until
        )
        allocation.next = block.end
        let record = Record(key: StatusAllocationRecord.key, payload: try allocation.encoded())
        var changes: [Change] = [existing.map { .replace(record, ifVersion: $0.version) } ?? .insert(record)]
        if let list = try await store.find(StatusListRecord.key(block.list), now: now) {
            let content = try StatusListRecord(from: list)
            block.until = max(until, content.until)
            changes.append(try Self.kept(content, until: until, over: list))
        } else {
            let list = StatusListRecord(number: block.list, lst: try StatusBits().stored(), until: until)
            changes.append(.insert(try list.record()))
        }
        guard case .applied = try await store.apply(changes, now: now) else { return nil }
        return block
    }
}
