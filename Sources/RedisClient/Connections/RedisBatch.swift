/// Commands that are written together, and whom to tell what came of them.
struct RedisBatch: Sendable {
    let bytes: [UInt8]
    let count: Int
    let finish: @Sendable (Result<[RedisValue], RedisError>) -> Void
}
