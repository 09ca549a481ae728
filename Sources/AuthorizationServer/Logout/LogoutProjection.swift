package import Instants
package import OAuthVocabulary
package import Storage

/// That everybody who took part in what ended has to hear of it: taken from the log, carried out in slices, because a
/// person may have a thousand sessions and an operator may end everything.
package struct LogoutOrderRecord: Payload, Hashable {
    package static let kind = RecordKind("logout-order")

    /// A session, a person, or everything.
    package var target: RevocationTarget
    /// Sessions that began later are not meant.
    package var at: Instant

    /// Whom it is about; `nil` where an ending is no logout.
    ///
    /// The end of a single token, of a grant or of a client is none: the person stays signed in.
    init?(_ ending: EndingRecord) {
        // The feed's own bookkeeping, and acts that were told already.
        guard ending.cause != .widened, ending.cause != .repeated else { return nil }
        switch ending.target {
        case .session, .subject, .everything: break
        case .token, .grant, .client, .signingKey: return nil
        }
        target = ending.target
        at = ending.at
    }

    var filter: PageFilter {
        switch target {
        case .session(let id): .family(ParticipationRecord.family(id))
        case .subject(let id): .subject(id.value)
        default: .all
        }
    }

    func means(_ participation: ParticipationRecord) -> Bool {
        if case .session = target { return true }
        return participation.authenticatedAt <= at
    }
}

/// Makes orders of the log of endings.
package struct LogoutProjection: WholeBatchProjection {
    package let name = "logout"
    /// How long an order waits for a server that carries it out.
    private static let retention: Duration = .seconds(7 * 86400)
    let store: any Store

    package init(store: any Store) { self.store = store }

    package func changes(for batch: FeedBatch, now: Instant) async throws(StoreError) -> [Change] {
        var changes: [Change] = []
        for ending in batch.endings {
            guard let order = LogoutOrderRecord(ending) else { continue }
            // Participations are written with codes, and no code is issued in an ended session: nobody comes later.
            let first = try await Participations(store: store).page(order.filter, limit: 1, now: now)
            guard !first.isEmpty else { continue }
            changes.append(
                .insert(
                    Record(
                        key: RecordKey(LogoutOrderRecord.kind, ending.name),
                        expiresAt: now + Self.retention,
                        payload: try order.encoded()
                    )
                )
            )
        }
        return changes
    }

    package func applied(_ batch: FeedBatch) {}
}
