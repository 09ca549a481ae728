import AuthorizationServer
import Instants
import JOSE
import Storage

/// A revocation as `signet revoke --list` shows it.
struct ListedRevocation: Sendable {
    var target: String
    var notBefore: Instant
    /// When the last thing that it could affect has expired.
    var expiresAt: Instant?
}

extension Workbench {
    /// Every revocation in force, the latest first.
    func allRevocations() async throws -> [ListedRevocation] {
        let pageSize = 1000
        var all: [ListedRevocation] = []
        var last: IdentifierHash?
        while true {
            let page = try await store.page(
                RevocationRecord.kind,
                filter: .all,
                after: last,
                limit: pageSize,
                now: now
            )
            for record in page {
                let content = try RevocationRecord(from: record)
                all.append(
                    ListedRevocation(
                        target: content.target,
                        notBefore: content.notBefore,
                        expiresAt: record.expiresAt
                    )
                )
            }
            last = page.last?.key.identifier
            if page.count < pageSize { break }
        }
        return all.sorted { ($1.notBefore, $0.target) < ($0.notBefore, $1.target) }
    }
}

extension [ListedRevocation] {
    func show(output: OutputOptions, on console: Console = .standard) {
        guard !output.json else {
            let list: [JSON] = map { revocation in
                [
                    "revoked": .string(revocation.target), "not_before": .string(revocation.notBefore.text),
                    "kept_until": JSON(revocation.expiresAt?.text),
                ]
            }
            return console.say(.array(list))
        }
        var table = Table("REVOKED", "ISSUED UNTIL", "KEPT UNTIL")
        for revocation in self {
            table.rows.append([
                revocation.target, revocation.notBefore.text, revocation.expiresAt?.text ?? "-",
            ])
        }
        table.show(on: console)
    }
}
