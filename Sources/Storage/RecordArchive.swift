package import Instants

/// A store whose whole content can be read and written as it is: what moving it, counting it and saving it need, and
/// what no feature may use.
package protocol RecordArchive: StoreBackend {
    /// What the engine says of itself; nothing in it is secret.
    func facts() async throws(StoreError) -> StoreFacts

    /// How many records of each kind there are, in the order of the kinds' names.
    ///
    /// Walks indexes, not records; `now` decides what has expired.
    func inventory(now: Instant) async throws(StoreError) -> [KindInventory]

    /// Records in an order of the engine's own, expired and spent ones included, beginning behind `position`; at most
    /// `limit`, and none only at the end.
    ///
    /// While nobody writes, following the positions to the end gives every record once.
    func records(after position: ArchivePosition?, limit: Int) async throws(StoreError) -> ArchivePage

    /// Writes records over whatever has their keys, with the versions that they have: all or none, durably.
    func load(_ records: [Record]) async throws(StoreError)
}

/// A place in the order in which a store is read; it means something to the engine that gave it, and can be kept.
package struct ArchivePosition: Hashable, Sendable {
    package var bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }
}

/// Some of the records of a store.
package struct ArchivePage: Hashable, Sendable {
    package var records: [Record]
    /// Where to go on; `nil` only if there are no records.
    package var last: ArchivePosition?

    package init(records: [Record], last: ArchivePosition?) {
        self.records = records
        self.last = last
    }
}

/// What an engine says of itself.
package struct StoreFacts: Hashable, Sendable {
    /// `SQLite 3.40.1`.
    package var engine: String
    package var schema: Int
    /// What the data occupies on the disk.
    package var bytes: Int64
    /// What else an operator wants to know, by name.
    package var details: [Detail] = []

    package struct Detail: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(engine: String, schema: Int, bytes: Int64, details: [Detail] = []) {
        self.engine = engine
        self.schema = schema
        self.bytes = bytes
        self.details = details
    }
}

/// How much of one kind is stored.
package struct KindInventory: Hashable, Sendable {
    package var kind: RecordKind
    package var count: Int
    /// How many of them have expired and wait for the sweep.
    package var expired: Int
    /// When the first of those expired.
    package var oldestExpiry: Instant?

    package init(kind: RecordKind, count: Int, expired: Int = 0, oldestExpiry: Instant? = nil) {
        self.kind = kind
        self.count = count
        self.expired = expired
        self.oldestExpiry = oldestExpiry
    }
}
