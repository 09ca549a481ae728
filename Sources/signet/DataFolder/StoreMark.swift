import AuthorizationServer
import Instants
import Storage

/// What a store says of itself while it is being moved and after it was: whoever finds it does not serve from it.
///
/// One record a store, and none in a store that is in use.
struct StoreMark: Payload, Hashable {
    static let kind = RecordKind("store-mark")
    static let key = RecordKey(kind, "mark")

    enum Part: String, Codable, Hashable, Sendable {
        /// What is being moved from here is not all in the other store yet.
        case leaving
        /// Everything is in the other store.
        case left
        /// What is being moved here is not all here yet.
        case arriving
    }

    var part: Part
    /// The name of the move, the same in both stores: random.
    var move: String
    /// The other store, as messages say it: no password.
    var other: String
    var at: Instant
    /// How far the other store has been read; of `arriving` alone.
    var position: [UInt8]?
    /// How many records have arrived.
    var copied: Int = 0

    static func find(in store: any Store, now: Instant) async throws(StoreError) -> StoreMark? {
        guard let record = try await store.find(key, now: now) else { return nil }
        return try StoreMark(from: record)
    }

    /// Refuses a store that must not be served from or worked on.
    static func check(_ store: any StoreBackend, now: Instant) async throws {
        guard let mark = try await find(in: store, now: now) else { return }
        let here = store.location
        let sentence =
            switch mark.part {
            case .left:
                "the store \(here) was moved to \(mark.other) on \(mark.at.text): start from that one, and to move back, "
                    + "move from there into a new store; nothing was changed"
            case .leaving:
                "the store \(here) is being moved to \(mark.other) since \(mark.at.text): let `signet store migrate` finish, "
                    + "or take it back with --take-back; nothing was changed"
            case .arriving:
                "the store \(here) is incomplete: \(mark.copied) records have arrived from \(mark.other); run `signet store "
                    + "migrate` again to finish; nothing was changed"
            }
        throw Failure(.configuration, sentence)
    }
}
