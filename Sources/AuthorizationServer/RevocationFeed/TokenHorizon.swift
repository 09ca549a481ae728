package import Instants
package import Storage

/// How long the access tokens live that may be about: what every serving node was configured with lately.
///
/// An ending is in the feed until the last token that it could affect has expired. Today's lifetime is not enough for
/// that, since it may have been longer when the token was issued; the longest that could ever be configured would keep
/// the feed larger than it needs to be by two orders of magnitude.
package struct TokenHorizon: Payload, Hashable {
    package static let kind = RecordKind("feed-horizon")
    package static let key = RecordKey(kind, "horizon")

    /// How long before its time is up a lifetime in force is written down anew.
    static let margin: Duration = .seconds(600)

    struct Served: Codable, Hashable, Sendable {
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
            guard text.take("{\"milliseconds\":"), let milliseconds = text.number(), text.take(",\"until\":"),
                let until = text.number(), text.take("}")
            else { return nil }
            return Served(milliseconds: milliseconds, until: Instant(millisecondsSinceEpoch: until))
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

    /// The horizon with a lifetime that is in force now; `nil` if it says so already.
    func serving(_ lifetime: Duration, at now: Instant) -> TokenHorizon? {
        let milliseconds = lifetime.wholeMilliseconds
        let isFresh = served.contains { $0.milliseconds == milliseconds && now + lifetime + Self.margin <= $0.until }
        guard !isFresh else { return nil }
        var next = self
        next.served.removeAll { $0.until <= now || $0.milliseconds == milliseconds }
        next.served.append(Served(milliseconds: milliseconds, until: now + lifetime + Self.margin + Self.margin))
        return next
    }

    /// Writes down that tokens of this lifetime are issued from now on.
    static func remember(_ lifetime: Duration, in store: any Store, now: Instant) async throws(StoreError) {
        for _ in 0..<Limits.applyAttempts {
            let record = try await store.find(key, now: now)
            let present = try record.map { record throws(StoreError) in try TokenHorizon(from: record) }
            guard let next = (present ?? TokenHorizon()).serving(lifetime, at: now) else { return }
            let written = Record(key: key, payload: try next.encoded())
            let change: Change = record.map { .replace(written, ifVersion: $0.version) } ?? .insert(written)
            if case .applied = try await store.apply([change], now: now) { return }
        }
        throw .unavailable(reason: "the horizon of tokens changed under every attempt to write it")
    }
}
