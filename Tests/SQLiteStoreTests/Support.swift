import Foundation
import GRDB
import Instants
import SQLiteStore
import Storage

/// A folder of its own for one test, removed afterwards.
struct TemporaryFolder {
    let path: String

    var database: String { path + "/signet.sqlite" }

    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TemporaryFolder) async throws -> Value
    ) async throws -> Value {
        let path = FileManager.default.temporaryDirectory.path + "/signet-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(TemporaryFolder(path: path))
    }

    /// Another process's connection, as it were, which may leave a transaction open.
    func otherConnection() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: database, configuration: configuration)
    }

    /// The bytes of every file in the folder.
    func contents() throws -> [String: [UInt8]] {
        var contents: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: path) {
            contents[name] = Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
        }
        return contents
    }

    func write(_ bytes: [UInt8], to name: String = "signet.sqlite") throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
    }
}

/// GRDB has a class of this name.
typealias Record = Storage.Record

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
