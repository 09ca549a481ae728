import RedisClient

/// What Redis' configuration says about losing data.
struct RedisConfiguration: Hashable, Sendable {
    var appendOnly: String?
    var appendSync: String?
    var evictionPolicy: String?

    /// What could be read; `nil` if the user may not read it, or the command is not there (hosted Redis often hides it).
    static func read(from pool: RedisPool) async throws(RedisError) -> RedisConfiguration? {
        var configuration = RedisConfiguration()
        let names = ["appendonly", "appendfsync", "maxmemory-policy"]
        let answers = try await pool.send(names.map { RedisCommand("CONFIG", "GET", $0) }, ifInterrupted: .sendAgain)
        var found: [String?] = []
        for (name, answer) in zip(names, answers) {
            if case .error(let error) = answer {
                guard error.code == "NOPERM" || error.code == "ERR" else { throw .replied(error) }
                return nil
            }
            let pair = answer.array?.compactMap(\.text) ?? []
            found.append(pair.count == 2 && pair[0] == name ? pair[1] : nil)
        }
        configuration.appendOnly = found[0]
        configuration.appendSync = found[1]
        configuration.evictionPolicy = found[2]
        return configuration
    }
}

/// Something about a Redis that the operator should know.
package struct RedisFinding: Hashable, Sendable {
    package enum Severity: Hashable, Sendable {
        /// The store is not opened.
        case refused
        case warning
    }

    package let severity: Severity
    /// What was found, what it costs and what to do.
    package let text: String

    static func all(of configuration: RedisConfiguration?, keeping: RedisKeeping) -> [RedisFinding] {
        let keepsEverything = keeping == .everythingAtTheOperatorsRisk
        guard let configuration, let policy = configuration.evictionPolicy else {
            return [
                RedisFinding(
                    severity: .warning,
                    text: """
                        Redis' configuration could not be checked, because the user may not use CONFIG GET: see to it that \
                        maxmemory-policy is noeviction\(keepsEverything ? ", appendonly yes and appendfsync always" : "")
                        """
                )
            ]
        }
        var findings: [RedisFinding] = []
        if policy != "noeviction" {
            findings.append(
                RedisFinding(
                    severity: .refused,
                    text: """
                        maxmemory-policy is \(policy.prefix(40)), so Redis drops records when its memory is full, and what \
                        was spent could be spent again: set it to noeviction
                        """
                )
            )
        }
        if configuration.appendOnly != "yes" {
            findings.append(
                RedisFinding(
                    severity: keepsEverything ? .refused : .warning,
                    text: keepsEverything
                        ? "appendonly is off, so a restart of Redis loses what was acknowledged: set it to yes"
                        : """
                        appendonly is off: when Redis restarts, sign-ins under way begin anew and counters of failed \
                        attempts start from zero
                        """
                )
            )
        } else if keepsEverything, configuration.appendSync != "always" {
            findings.append(
                RedisFinding(
                    severity: .warning,
                    text: """
                        appendfsync is not always: a crash of the machine loses up to a second or more of acknowledged \
                        revocations and rotations, and tokens that were spent can be spent again
                        """
                )
            )
        }
        return findings
    }
}
