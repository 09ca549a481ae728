// A store that was put back to an earlier state (no RFC of its own; Docs/decisions/0029). What others remember of the time
// between must not be taken for what happens from now on. Owns no kind of record: it changes those of the feed, of the
// status lists and of revocations, before anybody is served from the store.

package import Instants
import OAuthVocabulary
package import Storage

/// Makes a restored store fit to be served from.
package struct Restoration: Sendable {
    /// What becomes of everything that was issued before.
    package enum Grants: Hashable, Sendable {
        /// It ends: nobody knows what of it was ended after the copy was made.
        case end
        /// It stays: nothing was ended after the copy was made, or the operator takes that upon himself.
        case keep
    }

    /// How far ahead the next status list is numbered.
    ///
    /// More lists than were filled since the copy was made: nobody's place is given away again.
    static let skippedLists = 1 << 20

    let store: any Store
    let configuration: ProviderConfiguration
    let random: any RandomSource

    package init(store: any Store, configuration: ProviderConfiguration, random: any RandomSource) {
        self.store = store
        self.configuration = configuration
        self.random = random
    }

    /// Begins a new life of the feed and of the lists; nobody may be served from the store meanwhile.
    package func run(_ grants: Grants, now: Instant) async throws(StoreError) {
        try await beginFeedAnew(now: now)
        try await skipPlaces(now: now)
        try await forgetLifetimes(grants, now: now)
        guard grants == .end else { return }
        try await Revocations(store: store, configuration: configuration)
            .apply(ending: Ending(.everything, because: .operatorAct), now: now)
        try await revokePlaces(now: now)
    }

    /// Another epoch: numbers and hashes count from where the copy stood, and no reader takes them for a continuation of
    /// what it read after that.
    private func beginFeedAnew(now: Instant) async throws(StoreError) {
        guard let record = try await store.find(FeedState.key, now: now) else { return }
        var state = try Stored<FeedState>(record)
        state.content.epoch = random.text(16)
        try await applyAlone([state.replaced()], now: now)
    }

    /// Places that were given away after the copy was made must not be given to anybody else.
    private func skipPlaces(now: Instant) async throws(StoreError) {
        guard let record = try await store.find(StatusAllocationRecord.key, now: now) else { return }
        var allocation = try Stored<StatusAllocationRecord>(record)
        allocation.content.list += Self.skippedLists
        allocation.content.next = 0
        try await applyAlone([allocation.replaced()], now: now)
    }

    /// Tokens may be about that live longer than the copy knows of: issued after it was made, under other settings.
    ///
    /// Without a horizon an ending reaches as far as any lifetime may be configured, which is what ending everything
    /// needs; where what was issued stays, every later ending needs it too.
    private func forgetLifetimes(_ grants: Grants, now: Instant) async throws(StoreError) {
        guard grants == .keep else { return try await applyAlone([.delete(TokenHorizon.key)], now: now) }
        var longest = configuration
        longest.accessTokenLifetime = Limits.longestTokenLifetime
        try await TokenHorizon.remember(longest, in: store, now: now)
    }

    /// A place that was given away after the copy was made is in no entry; so all of them are revoked.
    private func revokePlaces(now: Instant) async throws(StoreError) {
        let full = try StatusBits.allRevoked.stored()
        var after: IdentifierHash?
        repeat {
            let page = try await store.page(StatusListRecord.kind, filter: .all, after: after, limit: 100, now: now)
            var changes: [Change] = []
            for record in page {
                var list = try Stored<StatusListRecord>(record)
                list.content.lst = full
                changes.append(try list.replaced())
            }
            if !changes.isEmpty { try await applyAlone(changes, now: now) }
            after = page.last?.key.identifier
        } while after != nil
    }

    private func applyAlone(_ changes: [Change], now: Instant) async throws(StoreError) {
        guard case .applied = try await store.apply(changes, now: now) else {
            throw .unavailable(reason: "somebody writes to the store while it is being restored")
        }
    }
}
