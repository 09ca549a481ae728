// `signet logout-deliveries`: logout tokens that have not reached their application (OpenID Connect Back-Channel Logout
// 1.0), and another try at them. Owns what it prints; the records are AuthorizationServer's.

import ArgumentParser
import AuthorizationServer
import Instants
import JOSE
import OAuthVocabulary
import Storage

struct LogoutDeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout-deliveries",
        abstract: "See which applications were not yet told that somebody signed out, and try again.",
        subcommands: [LogoutDeliveriesList.self, LogoutDeliveriesRetry.self]
    )
}

struct LogoutDeliveriesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what waits and what failed.",
        discussion: """
            What an application took is not listed. What it refused, or was sent in vain for three days, stays for a week.

            Examples:
              signet logout-deliveries list
              signet logout-deliveries list --client web-shop --json
            """
    )

    @Option(help: "Only those to this client.", transform: Words.clientID) var client: ClientID?
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let deliveries = try await bench.logoutDeliveries(to: client)
        await bench.close()
        let console = Console.standard
        guard !output.json else { return console.say(.array(deliveries.map { .object($0.json) })) }
        guard !deliveries.isEmpty else { return console.say("nothing waits, and nothing failed") }
        var table = Table("DELIVERY", "CLIENT", "STATE", "SINCE", "ATTEMPTS", "NEXT ATTEMPT", "LAST ERROR")
        for delivery in deliveries {
            table.rows.append([
                delivery.id, delivery.client.value, delivery.state, delivery.queuedAt.text, "\(delivery.attempts)",
                delivery.failedAt == nil ? delivery.restsUntil?.text ?? "at once" : "none", delivery.lastError ?? "",
            ])
        }
        table.show(on: console)
    }
}

struct LogoutDeliveriesRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Let a delivery be tried at once, also one that failed for good.",
        discussion: """
            A running server sends it within a second; what becomes of it, list says.

            Example:
              signet logout-deliveries retry 4s7Qm0aKxw2Zr1cd
            """
    )

    @Argument(help: "The delivery's name, as list shows it.") var id: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        try await bench.logoutDeliveries.retry(id, now: bench.now)
        await bench.close()
        output.confirm("delivery \(id) is on its way", ["delivery": .string(id)])
    }
}

extension LogoutDeliveryRecord {
    var state: String { failedAt == nil ? attempts == 0 ? "waiting" : "retrying" : "failed" }

    /// As commands print it: without the session, which is nobody's business here.
    var json: JSONObject {
        [
            "delivery": .string(id),
            "client_id": .string(client.value),
            "sub": .string(subject.value),
            "state": .string(state),
            "queued_at": .string(queuedAt.text),
            "attempts": .integer(Int64(attempts)),
            "last_attempt_at": JSON(lastAttemptAt?.text),
            "last_error": JSON(lastError),
            "next_attempt_at": JSON(failedAt == nil ? (restsUntil ?? queuedAt).text : nil),
            "failed_at": JSON(failedAt?.text),
        ]
    }
}

extension Workbench {
    /// All of them, the oldest first.
    fileprivate func logoutDeliveries(to client: ClientID?) async throws -> [LogoutDeliveryRecord] {
        var all: [Stored<LogoutDeliveryRecord>] = []
        while true {
            let last = all.last?.record.key.identifier
            let page = try await logoutDeliveries.list(of: client, after: last, limit: 500, now: now)
            all += page
            guard page.count == 500 else { break }
        }
        return all.map(\.content).sorted { ($0.queuedAt, $0.id) < ($1.queuedAt, $1.id) }
    }
}
