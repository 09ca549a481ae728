import Foundation
public import RedisClient

/// The Redis of tests that only need one: `SIGNET_TEST_REDIS`, or one that is started with the first of them and ends with
/// the process.
public actor SharedRedis {
    public static let only = SharedRedis()
    private var starting: Task<RedisServer, any Error>?

    /// Its address, with a prefix that nobody else has.
    public func address() async throws -> RedisAddress {
        var address: RedisAddress
        if let named = ProcessInfo.processInfo.environment["SIGNET_TEST_REDIS"] {
            address = try RedisAddress(named)
        } else {
            let task =
                starting
                ?? Task {
                    let server = try RedisServer.make()
                    try await server.start()
                    return server
                }
            starting = task
            address = try await task.value.address
        }
        address.prefix = "test-\(UUID().uuidString):"
        return address
    }
}

extension RedisSettings {
    /// For tests that are about no time-out: among many others, on a busy machine, an answer may take its time.
    public static var patient: RedisSettings {
        var settings = RedisSettings()
        settings.connectTimeout = .seconds(60)
        settings.commandTimeout = .seconds(60)
        settings.longestPause = .milliseconds(100)
        return settings
    }
}
