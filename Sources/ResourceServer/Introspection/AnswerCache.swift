internal import Crypto

/// Answers by token, in two halves: when the young one is full it becomes the old one, and the old one goes.
///
/// So the bound holds without a list of uses; the price is that an answer may go after half of the bound's insertions.
struct AnswerCache: Sendable {
    private let half: Int
    private var young: [SHA256Digest: IntrospectionAnswer] = [:]
    private var old: [SHA256Digest: IntrospectionAnswer] = [:]

    init(maximumEntries: Int) { half = max(0, maximumEntries / 2) }

    var count: Int { young.count + old.count }

    subscript(token: SHA256Digest) -> IntrospectionAnswer? { young[token] ?? old[token] }

    mutating func insert(_ answer: IntrospectionAnswer, for token: SHA256Digest) {
        guard half > 0 else { return }
        remove(token)
        if young.count >= half {
            old = young
            young = [:]
        }
        young[token] = answer
    }

    mutating func remove(_ token: SHA256Digest) {
        young[token] = nil
        old[token] = nil
    }
}
