package import RedisClient

/// What carries the writer's commands to Redis, and the answers back.
package protocol RedisSending: Sendable {
    /// Sends one command and returns its answer; an error that Redis answered is thrown.
    @discardableResult
    func send(
        _ command: RedisCommand,
        ifInterrupted interruption: RedisInterruption
    ) async throws(RedisError) -> RedisValue
}

extension RedisPool: RedisSending {}

/// How far the log lies in Redis, as it stands there: the epoch, the last batch that is in it to its end, and a mark.
///
/// A place without a mark says that every batch up to its number was written. Every state of Redis in which it stands holds
/// them, for each write before it expected the place that the one before it had left. What stands there twice means the
/// same twice.
///
/// A place with a mark says the same of the batches up to its number, and that some of what comes after was written, or,
/// without an epoch, that nothing counts as written. Which part that is only its writer knows, so no two marks are the same:
/// a Redis that went back by a part has another one.
struct DenylistPlace: Hashable, Sendable {
    private static let noEpoch = "-"

    /// The place, letter for letter: what the next write has to find.
    let text: String
    /// The life of the log; `nil` where nothing counts as written.
    let epoch: String?
    /// The last batch that is in it to its end; 0 before the first.
    let batch: Int64

    /// A place to be written.
    init(epoch: String?, batch: Int64, mark: String? = nil) {
        let words = "\(epoch ?? Self.noEpoch) \(batch)"
        text = mark.map { "\(words) \($0)" } ?? words
        self.epoch = epoch
        self.batch = batch
    }

    /// What was found; something that is no place is one before everything.
    init(found text: String) {
        let words = text.split(separator: " ")
        self.text = text
        guard words.count > 1, words[0] != Self.noEpoch else {
            epoch = nil
            batch = 0
            return
        }
        epoch = String(words[0])
        batch = Int64(words[1]) ?? 0
    }
}
