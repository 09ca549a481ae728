package import Instants
import OAuthVocabulary
package import RevocationFeed
package import Storage

/// The log of endings as entries for every audience, for a denylist outside of this server.
package struct DenylistSource: Sendable {
    /// A part of the log.
    package struct Step: Sendable {
        /// The life of the log; where it is another one than before, this part begins at the beginning.
        package var epoch: String
        /// The last batch of this part.
        package var batch: Int64
        package var batches: [FeedBatch]
        /// Whether the log ends with this part.
        package var isLast: Bool
        /// Whether an act has waited for its number for so long that the log cannot be called complete.
        package var isBehind: Bool
        /// Whom the endings may concern.
        fileprivate var audiences: Set<String>
    }

    private let store: any Store
    private let configuration: ProviderConfiguration
    private let derivation: FeedDerivation

    package init(store: any Store, keys: DerivedKeys, configuration: ProviderConfiguration) {
        self.store = store
        self.configuration = configuration
        derivation = FeedDerivation(RevocationHandles(keys))
    }

    /// Whose tokens are ended.
    package var issuer: String { configuration.issuer.value }

    /// What comes after `batch` of the log with this epoch; `nil` before there is a log.
    package func step(after batch: Int64, epoch: String?, now: Instant) async throws(StoreError) -> Step? {
        let log = FeedLog(store: store)
        let isBehind = try await log.isAnyWaiting(since: now - DenylistLayout.longestWait, now: now)
        guard let record = try await store.find(FeedState.key, now: now) else { return nil }
        let state = try FeedState(from: record)
        let start = state.epoch == epoch ? batch : 0
        let batches = try await log.batches(after: start, in: state, now: now)
        let last = batches.last?.number ?? state.last
        return Step(
            epoch: state.epoch,
            batch: last,
            batches: batches,
            isLast: last >= state.last,
            isBehind: isBehind,
            audiences: batches.isEmpty ? [] : try await audiences(in: state, now: now)
        )
    }

    /// What one batch of a step says: made as it is asked for, since a thousand endings may concern a thousand APIs.
    package func entries(of batch: FeedBatch, in step: Step, now: Instant) -> some Sequence<FeedEntry> {
        // A cut-off that only makes the feed of one audience smaller is no act, and would end the tokens of all here.
        batch.endings.lazy.filter { $0.cause != .widened }
            .flatMap { entries(of: $0, for: step.audiences) }
            .filter { now < $0.expiresAt }
    }

    private func entries(of ending: EndingRecord, for audiences: Set<String>) -> [FeedEntry] {
        let named: [String] =
            switch ending.target {
            // The same for all.
            case .everything, .signingKey: [""]
            case .token, .grant, .session, .subject, .client: ending.audiences ?? Array(audiences)
            }
        return named.compactMap {
            derivation.entry(of: ending.target, notBefore: ending.at, expiresAt: ending.expiresAt, for: $0)
        }
    }

    /// Whom endings that name no audience concern.
    ///
    /// A new API has tokens, and has them ended, before its feed is opened, so those that have a feed are not all; and a token
    /// for which nobody named an API is for no registered one. Read after the endings: whoever had tokens when they came to
    /// pass is among them.
    private func audiences(in state: FeedState, now: Instant) async throws(StoreError) -> Set<String> {
        var audiences = try await Set(state.heads.keys).union(APIs(store: store).audiences(now: now))
        audiences.insert(configuration.issuerAudience)
        if let audience = configuration.defaultAudience?.value { audiences.insert(audience) }
        if let record = try await store.find(TokenHorizon.key, now: now) {
            audiences.formUnion(try TokenHorizon(from: record).audiences(at: now))
        }
        return audiences
    }
}
