import Storage

/// What went wrong on one connection, before it is told to a caller.
enum PostgresFault: Error {
    /// The connection is gone, or was given up.
    case lost(String)
    /// The server said nothing for so long that the connection was given up.
    case silent
    /// The server refused; the connection can still be used unless `isFatal`.
    case server(code: String, message: String, isFatal: Bool)
    /// A row does not read as a record.
    case unreadable(String)

    /// The code with which our own function refuses a write whose record somebody else has changed.
    static let changedMeanwhile = "SG001"

    private var code: String? {
        if case .server(let code, _, _) = self { code } else { nil }
    }

    /// Whether the connection must not be used again: it is gone, the server is going, or it does not take writes.
    var endsConnection: Bool {
        switch self {
        case .lost, .silent: true
        case .unreadable: false
        case .server(let code, _, let isFatal):
            isFatal || code.hasPrefix("08") || code.hasPrefix("57P") || code == "25006" || code == "53300"
        }
    }

    /// Whether the same request, if it is safe to repeat, should be sent once more over a new connection.
    var isStaleConnection: Bool {
        if case .silent = self { false } else { endsConnection }
    }

    /// Whether the same request may succeed a moment later because somebody else was in its way.
    var isCollision: Bool {
        switch code {
        case "40001", "40P01", "23505", Self.changedMeanwhile: true
        default: false
        }
    }

    /// Whether somebody else kept a lock for longer than `lock_timeout`.
    var isHeldLock: Bool { code == "55P03" }

    /// Whether a request of the same batch that waited for nothing may still be answered.
    var mayBeOneRequests: Bool {
        switch self {
        case .lost, .silent: false
        case .unreadable: true
        case .server(let code, _, _): !endsConnection && !isCollision && !isHeldLock && code != "57014"
        }
    }

    var storeError: StoreError {
        switch self {
        case .unreadable(let reason):
            return .corrupt(reason: reason)
        case .lost(let reason):
            return .unavailable(reason: "the connection to the database was lost: \(reason)")
        case .silent:
            return .unavailable(reason: "the database did not answer in time")
        case .server(let code, let message, _):
            switch code {
            case "XX001", "XX002": return .corrupt(reason: "the database is damaged: \(message)")
            case "25006": return .unavailable(reason: "the database is read-only")
            case "57014": return .unavailable(reason: "the database took too long")
            case "55P03": return .unavailable(reason: "a lock in the database was held for too long")
            case "53100": return .unavailable(reason: "the database's disk is full")
            case "40001", "40P01", "23505", Self.changedMeanwhile:
                return .unavailable(reason: "too many others changed the same records")
            default: return .unavailable(reason: "PostgreSQL error \(code): \(message)")
            }
        }
    }

    /// For messages at opening.
    var reason: String {
        switch self {
        case .lost(let reason), .unreadable(let reason): reason
        case .silent: "no answer in time"
        case .server(let code, let message, _): "\(message), \(code)"
        }
    }
}
