import PostgresStore
import RedisClient

/// Where a server keeps its records, as an operator writes it.
enum StoreAddress: Hashable, Sendable {
    /// In a file of the data folder.
    case sqlite
    /// In PostgreSQL: a connection URI as libpq reads it, with whatever libpq takes in its query.
    case postgres(String)
    /// In a Redis, which may lose them: only where the operator says so (`store.risk`).
    case redis(RedisAddress)

    init?(_ text: String) {
        if text == "sqlite" {
            self = .sqlite
        } else if Self.schemes.contains(where: { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }) {
            self = .postgres(text)
        } else if text.hasPrefix("redis"), let address = try? RedisAddress(text) {
            self = .redis(address)
        } else {
            return nil
        }
    }

    private static let schemes = ["postgres://", "postgresql://"]

    var isPostgres: Bool {
        guard case .postgres = self else { return false }
        return true
    }

    var isRedis: Bool {
        guard case .redis = self else { return false }
        return true
    }

    /// Whether the address itself carries a password.
    var hasPassword: Bool {
        switch self {
        case .sqlite: false
        case .postgres(let address): AddressParts(address).hasPassword
        case .redis(let address): address.password != nil
        }
    }

    /// The address without its password, for people and logs.
    var shown: String {
        switch self {
        case .sqlite: "sqlite"
        case .postgres(let address): AddressParts(address).shown
        case .redis(let address): address.description
        }
    }
}
