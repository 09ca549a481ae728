package import Instants
import OAuthVocabulary
package import Storage

/// How long the access tokens live that may be about, and whom they may be for: what every serving node was configured with
/// lately.
///
/// An ending is in the feed until the last token that it could affect has expired. Today's lifetime is not enough for
/// that, since it may have been longer when the token was issued; the longest that could ever be configured would keep
/// the feed larger than it needs to be by two orders of magnitude. And whoever writes down what was ended for each audience
/// has to know the audience of yesterday's configuration too.
package struct TokenHorizon: Payload, Hashable {
    package static let kind = RecordKind("feed-horizon")
    package static let key = RecordKey(kind, "horizon")

    /// How long before its time is up a lifetime in force is written down anew.
    static let margin: Duration = .seconds(600)

    struct Served: Codable, Hashable, Sendable {
        /// For whom tokens were for which nobody named an API; `nil` for the issuer.
        var audience: String?
        var milliseconds: Int64
        /// Until when a token of this lifetime may be about.
        var until: Instant
    }

    private(set) var served: [Served] = []

    package init() {}

    // Read for every act that ends a right.
    package static func read(_ text: inout PayloadScanner) -> TokenHorizon? {
        guard text.take("{\"served\":[") else { return nil }
        let served = text.elements { text -> Served? in
            guard text.take("{") else { return nil }
            var audience: String?
            if text.take("\"audience\":") {
                guard let named = text.text(), text.take(",") else { return nil }
                audience = named
            }
            guard text.take("\"milliseconds\":"), let milliseconds = text.number(), text.take(",\"until\":"),
                let until = text.number(), text.take("}")
            else { return nil }
            let end = Instant(millisecondsSinceEpoch: until)
            return Served(audience: audience, milliseconds: milliseconds, until: end)
        }
        guard let served, text.take("}") else { return nil }
        var horizon = TokenHorizon()
        horizon.served = served
        return horizon
    }

    /// From the moment of an ending until no access token that was issued before is left.
    func reach(_ configuration: ProviderConfiguration, at now: Instant) -> Duration {
        let known = served.filter { now < $0.until }.map { Duration.milliseconds($0.milliseconds) }.max()
        // Nobody has served lately: what is about is unknown.
        return max(configuration.accessTokenLifetime, known ?? Limits.longestTokenLifetime) + Limits.clockSkew
    }

    /// The audiences, other than the issuer, of tokens for which nobody named an API.
    func audiences(at now: Instant) -> [String] { served.filter { now < $0.until }.compactMap(\.audience) }

    /// The horizon with what is in force now; `nil` if it says so already.
    func serving(_ configuration: ProviderConfiguration, at now: Instant) -> TokenHorizon? {
        let lifetime = configuration.accessTokenLifetime
        let long = now + lifetime + Self.margin
        let mine = Served(
            audience: configuration.defaultAudience?.value,
            milliseconds: lifetime.wholeMilliseconds,
            until: long + Self.margin
        )
        func isMine(_ other: Served) -> Bool {
            (other.audience, other.milliseconds) == (mine.audience, mine.milliseconds)
        }
        guard !served.contains(where: { isMine($0) && long <= $0.until }) else { return nil }
        var next = self
        next.served.removeAll { $0.until <= now || isMine($0) }
        next.served.append(mine)
        return next
    }

    /// Writes down what tokens are like that are issued from now on.
    static func remember(
        _ configuration: ProviderConfiguration,
        in store: any Store,
        now: Instant
    ) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            let record = try await store.find(key, now: now)
            let present = try record.map { record throws(StoreError) in try TokenHorizon(from: record) }
            guard let next = (present ?? TokenHorizon()).serving(configuration, at: now) else { return }
            let written = Record(key: key, payload: try next.encoded())
            let change: Change = record.map { .replace(written, ifVersion: $0.version) } ?? .insert(written)
            if case .applied = try await store.apply([change], now: now) { return }
        }
        throw .unavailable(reason: "the horizon of tokens changed under every attempt to write it")
    }
}
