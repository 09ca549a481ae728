// Room: what Redis runs as one step each, in Lua: `ApplyScript` is the rule book of `ChangeJudge`, `ReadScripts` finds,
// lists, sweeps and probes. They own the layout of keys that `Layout` describes, and nothing outside of the prefix.

import Crypto
import RedisClient

/// A script that Redis runs as one step; no other command comes in between.
///
/// It is called by its hash, and sent in full where Redis does not know it: at first, after a restart, after a flush.
struct RedisScript: Sendable {
    let text: String
    private let hash: String

    init(_ text: String) {
        self.text = text
        // The name that Redis itself gives to a script, and no security rests on it.
        hash = Insecure.SHA1.hash(data: Array(text.utf8))
            .map { byte in String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }.joined()
    }

    /// What it answers with `key` as its only key.
    func run(
        on pool: RedisPool,
        key: String,
        arguments: ScriptArguments,
        ifInterrupted interruption: RedisInterruption
    ) async throws(RedisError) -> RedisValue {
        do {
            return try await pool.send(command("EVALSHA", hash, key, arguments), ifInterrupted: interruption)
        } catch {
            // Redis did not run it, so sending it again cannot run it twice.
            guard case .replied(let reply) = error, reply.code == "NOSCRIPT" else { throw error }
            return try await pool.send(command("EVAL", text, key, arguments), ifInterrupted: interruption)
        }
    }

    private func command(_ name: String, _ script: String, _ key: String, _ arguments: ScriptArguments) -> RedisCommand
    {
        var command = RedisCommand(name, script, "1", key)
        for argument in arguments.all { command.add(argument) }
        return command
    }
}

/// What a script is called with, in the order in which it takes it.
struct ScriptArguments: Sendable {
    private(set) var all: [[UInt8]] = []

    mutating func add(_ text: String) { all.append(Array(text.utf8)) }
    mutating func add(_ bytes: [UInt8]) { all.append(bytes) }
}
