import Foundation
import Instants
import PostgresStore
import Storage

private let start = ContinuousClock.now

extension PostgresStore {
    static func opened(
        _ address: String,
        settings: PostgresStoreSettings = PostgresStoreSettings(),
        announcing: Set<RecordKind> = [],
        notify: @escaping @Sendable (PostgresStoreNotice) -> Void = { _ in }
    ) async throws -> PostgresStore {
        try await open(
            address: address,
            settings: settings,
            announcing: announcing,
            uptime: { ContinuousClock.now - start },
            notify: notify
        )
    }

    /// A store in a schema of its own on the shared server.
    static func fresh(
        settings: PostgresStoreSettings = PostgresStoreSettings(),
        parameters: String = ""
    ) async throws -> PostgresStore {
        try await opened(
            await TestServer.address(schema: TestServer.freshSchema(), parameters: parameters),
            settings: settings
        )
    }
}

enum TestServer {
    static func freshSchema() -> String {
        "t_" + UUID().uuidString.lowercased().replacing("-", with: "").prefix(16)
    }

    /// The server that the environment names, or the shared one.
    static func address(schema: String, parameters: String = "") async throws -> String {
        let suffix = "signet_schema=\(schema)" + (parameters.isEmpty ? "" : "&" + parameters)
        if let named = ProcessInfo.processInfo.environment["SIGNET_TEST_POSTGRES"] {
            return named + (named.contains("?") ? "&" : "?") + suffix
        }
        return try await Cluster.shared.address(parameters: suffix)
    }
}

extension Instant {
    static let testTime = Instant(secondsSinceEpoch: 1_800_000_000)
}

extension Record {
    init(kind: RecordKind = RecordKind("thing"), number: Int, expiresAt: Instant? = nil) {
        let identifier = (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * (31 - $0))) }
        self.init(
            key: RecordKey(kind: kind, identifier: IdentifierHash(bytes: identifier)),
            expiresAt: expiresAt,
            payload: Array("\(number)".utf8)
        )
    }
}
