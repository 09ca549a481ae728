/// The limits of a `PostgresStore`.
///
/// The defaults suit a server; tests make them small.
package struct PostgresStoreSettings: Sendable {
    /// The server itself, where the address is that of a pooler: what `signet_direct` and `signet_prepared=off` say in it.
    package var directAddress: String?
    /// Connections, and so threads, at most; made when they are needed.
    package var connections = 8
    /// Requests that may wait before further ones are refused as `.unavailable`.
    package var largestQueue = 16_384
    /// How long a request may wait for a connection.
    package var queueTimeout: Duration = .seconds(10)
    /// How long one host may take to let a connection in, in whole seconds and at least two, unless the address says so
    /// itself (`connect_timeout`); then the next one is tried.
    package var connectTimeout: Duration = .seconds(5)
    /// The server's `statement_timeout`.
    package var statementTimeout: Duration = .seconds(5)
    /// The server's `lock_timeout`.
    package var lockTimeout: Duration = .seconds(3)
    /// The server's `idle_in_transaction_session_timeout`: how long the locks of a node that froze can hold up others.
    package var idleInTransactionTimeout: Duration = .seconds(10)
    /// How long a server that says nothing is waited for before its connection is given up.
    ///
    /// Longer than `statementTimeout`, which a server that is alive answers itself.
    package var answerTimeout: Duration = .seconds(8)
    /// The longest pause between attempts to reach a server that is down.
    package var longestBackoff: Duration = .seconds(1)
    /// Requests in one transaction: what the first of them waits for.
    package var mostRequestsInCommit = 64
    /// Names locked by one transaction; a single longer request is still taken, alone.
    package var mostNamesInCommit = 128
    /// Reads that share one statement.
    package var mostReadsTogether = 64
    /// How long a migration waits for another node that is migrating.
    package var migrationTimeout: Duration = .seconds(600)

    package init() {}
}

/// What opening a store has to tell the operator.
package enum PostgresStoreNotice: Hashable, Sendable, CustomStringConvertible {
    /// Step `step` of `of` is about to be taken.
    case migrating(step: Int, of: Int)
    /// Another node is bringing the schema up to date.
    case waitingForAnotherNode
    /// The server is set up so that it can lose what it acknowledged.
    case notDurable(setting: String)

    package var description: String {
        switch self {
        case .migrating(let step, let count): "Bringing the schema up to date: step \(step) of \(count)."
        case .waitingForAnotherNode: "Another node is bringing the schema up to date; waiting for it."
        case .notDurable(let setting):
            "The PostgreSQL server runs with \(setting)=off: a power failure can lose or damage what it acknowledged."
        }
    }
}
