/// The question that a remembered result answers, without the token and the moment: which keys, which expectations.
///
/// FIELD F23: a result that was reached under laxer expectations must never answer stricter ones, so the comparison is
/// of the whole, by code points, and has no notion of stricter or laxer.
final class CacheScope: Sendable {
    private let keys: KeySetIdentity
    private let expectations: Expectations
    /// About what the scope takes of memory, in bytes.
    let footprint: Int

    init(keys: KeySetIdentity, expectations: Expectations) {
        self.keys = keys
        self.expectations = expectations
        var bytes = Self.fixedBytes + expectations.algorithms.count * MemoryLayout<SignatureAlgorithm>.stride
        let lists = [expectations.issuer.values, expectations.audience.values, expectations.type.values]
        for text in lists.flatMap({ $0 ?? [] }) + expectations.requiredNames {
            bytes += text.utf8.count + 2 * MemoryLayout<String>.stride
        }
        footprint = bytes
    }

    private static let fixedBytes = 384

    /// Whether this is the same question, whatever the moment.
    ///
    /// Cheap where the caller's expectations are copies of one value: their texts are then the same storage.
    func covers(_ keys: KeySetIdentity, _ other: Expectations) -> Bool {
        self.keys == keys && expectations.leeway == other.leeway && expectations.maximumAge == other.maximumAge
            && expectations.expiry == other.expiry && isSame(expectations.issuer.values, other.issuer.values)
            && isSame(expectations.audience.values, other.audience.values)
            && isSame(expectations.type.values, other.type.values)
            && expectations.algorithms == other.algorithms
            && isSame(expectations.requiredNames, other.requiredNames)
    }

    /// Whether both are the same question.
    func isSame(as other: CacheScope) -> Bool {
        self === other || covers(other.keys, other.expectations)
    }

    /// When a token that passed these expectations passes them again.
    func times(of token: VerifiedToken) -> CachedTimes {
        CachedTimes(token, under: expectations)
    }

    private func isSame(_ left: [String]?, _ right: [String]?) -> Bool {
        switch (left, right) {
        case (nil, nil): return true
        case (let left?, let right?):
            guard left.count == right.count else { return false }
            return left.span.isIdentical(to: right.span) || left.elementsEqual(right, by: isSameText)
        default: return false
        }
    }
}

/// The bounds that a token's time claims set to `now` under given expectations.
///
/// The comparisons are those of `Expectations`; computed once, they cost three comparisons at each sight.
struct CachedTimes: Sendable {
    /// The later of `nbf` and `iat`.
    private let start: Instant?
    /// `exp` with the leeway, if it is enforced.
    private let end: Instant?
    /// `iat` with maximum age and leeway, if there is a maximum.
    private let lastMoment: Instant?

    init(_ token: VerifiedToken, under expectations: Expectations) {
        start = [token.notBefore, token.issuedAt].compactMap(\.self).max()
        end = expectations.expiry == .required ? token.expiresAt.map { $0 + expectations.leeway } : nil
        lastMoment = expectations.maximumAge.flatMap { age in
            token.issuedAt.map { $0 + age + expectations.leeway }
        }
    }

    func admit(_ expectations: Expectations) -> Bool {
        let now = expectations.now
        if let start, start > now + expectations.leeway { return false }
        if let end, now >= end { return false }
        if let lastMoment, now > lastMoment { return false }
        return true
    }

    /// Whether the token will not be admitted any more, unless the clock is put back.
    func isOver(at now: Instant) -> Bool {
        if let end, now >= end { return true }
        if let lastMoment, now > lastMoment { return true }
        return false
    }
}
