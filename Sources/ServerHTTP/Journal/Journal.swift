// Journal: what the operator can find out afterwards. A line in the log for every refusal under its trace id, the same
// in a bounded file for `signet explain`, metrics, and an access log at debug level. No secrets: paths without queries,
// never parameters, cookies or the Authorization header. Stores the file `refusals.jsonl` in the data folder.

import AuthorizationServer
import HTTPTypes
package import Instants
import Logging
import OAuthVocabulary

/// One refused request: what `signet explain` shows.
package struct RefusalLogEntry: Codable, Hashable, Sendable {
    package var traceID: String
    package var time: Instant
    package var method: String
    package var path: String
    package var status: Int
    /// The wire code.
    package var error: String
    package var description: String
    /// What was expected and what came; never sent, except in development.
    package var detail: String
    package var clientID: String?
    package var address: String
}

/// Writes the journal.
struct Journal: Sendable {
    /// The longest text of a request that is written down, in characters.
    static let longestText = 500

    let logger: Logger
    let explainLog: ExplainLog?

    func access(_ exchange: Exchange, status: Int, duration: Duration) {
        logger.debug(
            "request",
            metadata: [
                "trace": "\(exchange.traceID)", "method": "\(Self.visible(exchange.methodName))",
                "path": "\(Self.visible(Masking.masked(exchange.path)))", "status": "\(status)",
                "address": "\(exchange.address)",
                "milliseconds": "\(duration.wholeMilliseconds)",
            ]
        )
    }

    func refusal(_ error: OAuthError, _ exchange: Exchange, _ answer: Answer) {
        let client = answer.client?.id ?? answer.namedClient.flatMap { ClientID($0) }
        let entry = RefusalLogEntry(
            traceID: exchange.traceID,
            time: exchange.receivedAt,
            method: Self.visible(exchange.methodName),
            path: Self.visible(Masking.masked(exchange.path)),
            status: answer.status,
            error: error.code.value,
            description: error.description,
            detail: Self.visible(Masking.masked(error.detail)),
            clientID: client.map { Masking.masked($0.value) },
            address: exchange.address
        )
        var metadata: Logger.Metadata = [
            "trace": "\(entry.traceID)", "method": "\(entry.method)", "path": "\(entry.path)",
            "status": "\(entry.status)", "error": "\(entry.error)", "description": "\(entry.description)",
            "address": "\(entry.address)",
        ]
        if !entry.detail.isEmpty { metadata["detail"] = "\(entry.detail)" }
        if let client = entry.clientID { metadata["client"] = "\(client)" }
        // A device that waits asks every five seconds and is refused nothing (RFC 8628 §3.5): written down, it would push out what
        // was.
        guard error.code != .authorizationPending else {
            logger.debug("request refused", metadata: metadata)
            return
        }
        let level: Logger.Level = entry.status == 500 ? .error : entry.status > 500 ? .notice : .info
        logger.log(level: level, "request refused", metadata: metadata)
        explainLog?.append(entry)
    }

    /// The text on one line: what a request brings must not look like a line of its own (CWE-117).
    static func visible(_ text: String) -> String {
        let line = String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(longestText).map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }
            )
        )
        return text.unicodeScalars.count > longestText ? line + "…" : line
    }
}

extension Exchange {
    /// The method as it came.
    var methodName: String { isHead ? "HEAD" : method.rawValue }
}

/// Hides what looks like a credential: details should hold none, and this is the second lock on that door.
enum Masking {
    /// Runs of this many characters of base64url are taken for a token, a code or a secret.
    static let tokenLength = 40
    static let shownLength = 6

    static func masked(_ text: String) -> String {
        var out = ""
        var run = ""
        for character in text {
            if isTokenCharacter(character) {
                run.append(character)
            } else {
                out += hidden(run)
                out.append(character)
                run = ""
            }
        }
        return out + hidden(run)
    }

    private static func hidden(_ run: String) -> String {
        run.utf8.count >= tokenLength ? run.prefix(shownLength) + "…" : run
    }

    private static func isTokenCharacter(_ character: Character) -> Bool {
        guard let byte = character.asciiValue else { return false }
        return (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
