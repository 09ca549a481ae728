// Room: the server's side of the denylist in Redis (no RFC): follows the log of endings and writes what each audience is
// told, with the life that the affected tokens have left. Stores nothing but in Redis; where it stands is kept there too.

package import AuthorizationServer
package import Instants
package import Logging
package import RedisClient
import RevocationFeed
import Storage

/// Writes the denylist, as often as it runs; several nodes may do so at once.
///
/// How far it has come lies in Redis beside the entries and is written with them, so that a Redis which lost everything, or
/// went back to an older state, is filled again from where it stands. Only then is the beat written without which
/// verifiers refuse.
package struct DenylistWriter: Sendable {
    /// How long it waits between two looks at the log.
    package static let pause: Duration = .milliseconds(200)
    /// After how many looks it asks again whether Redis may drop entries: less than ten seconds.
    private static let looksBetweenChecks = 40
    private static let entriesAtOnce = 200

    private let pool: RedisPool
    private let layout: DenylistLayout
    private let source: DenylistSource
    private let logger: Logger

    package init(_ pool: RedisPool, prefix: String, source: DenylistSource, logger: Logger) {
        self.pool = pool
        layout = DenylistLayout(prefix: prefix)
        self.source = source
        self.logger = logger
    }

    /// Writes what Redis lacks; says whether the denylist is complete.
    package func tick(now: Instant) async throws -> Bool {
        let stored = try await pool.send(RedisCommand("GET", layout.cursor), ifInterrupted: .sendAgain).text ?? ""
        let halves = stored.split(separator: " ")
        var epoch = halves.count == 2 ? String(halves[0]) : nil
        var batch = halves.count == 2 ? Int64(halves[1]) ?? 0 : 0
        while let step = try await source.step(after: batch, epoch: epoch, now: now) {
            let isMoved = step.batch != batch || step.epoch != epoch
            if isMoved { try await write(step, now: now) }
            (batch, epoch) = (step.batch, step.epoch)
            guard step.isLast else { continue }
            guard !step.isBehind else { return false }
            return try await beat(epoch: step.epoch, batch: step.batch, now: now)
        }
        return false
    }

    private func write(_ step: DenylistSource.Step, now: Instant) async throws {
        var entries = step.entries[...]
        repeat {
            let part = entries.prefix(Self.entriesAtOnce)
            entries = entries.dropFirst(Self.entriesAtOnce)
            let named = part.compactMap { entry in layout.name(of: entry).map { ($0, entry) } }
            var command = RedisCommand("EVAL", Self.script, "\(named.count + 1)", layout.cursor)
            for (name, _) in named { command.add(name) }
            // The place is moved with the last part only.
            command.add(entries.isEmpty ? "\(step.epoch) \(step.batch)" : "")
            for (_, entry) in named {
                command.add(entry.notBefore.millisecondsSinceEpoch)
                command.add(max(1, (entry.expiresAt - now).wholeMilliseconds))
            }
            try await pool.send(command, ifInterrupted: .sendAgain)
        } while !entries.isEmpty
    }

    /// Of two moments the later holds, and of two lives the longer.
    private static let script = #"""
        for n = 2, #KEYS do
          local moment, life = ARGV[2 * n - 2], tonumber(ARGV[2 * n - 1])
          local present = redis.call('GET', KEYS[n])
          if present then
            if tonumber(present) > tonumber(moment) then moment = present end
            life = math.max(life, redis.call('PTTL', KEYS[n]))
          end
          redis.call('SET', KEYS[n], moment, 'PX', string.format('%.0f', life))
        end
        if ARGV[1] ~= '' then redis.call('SET', KEYS[1], ARGV[1]) end
        return 1
        """#

    /// Only where Redis still stands where it was found complete: it may have lost everything in between.
    private func beat(epoch: String, batch: Int64, now: Instant) async throws -> Bool {
        var command = RedisCommand("EVAL", Self.beatScript, "2", layout.cursor, layout.beat, "\(epoch) \(batch)")
        command.add(now.millisecondsSinceEpoch)
        command.add(DenylistLayout.beatLifetime.wholeMilliseconds)
        return try await pool.send(command, ifInterrupted: .sendAgain).integer == 1
    }

    private static let beatScript = #"""
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
        return 1
        """#

    /// Keeps the denylist until its task is cancelled.
    package func run(by time: any TimeSource) async {
        var told: String?
        var looks = 0
        var memory = DenylistMemory.keepsEverything
        while !Task.isCancelled {
            var fault: String?
            do {
                if looks.isMultiple(of: Self.looksBetweenChecks) { memory = try await self.memory() }
                looks += 1
                fault = memory.fault
                if !memory.isUnfit { _ = try await tick(now: time.moment().wall) }
            } catch {
                // Another Redis may answer next, so its memory is asked about again.
                looks = 0
                fault = "the denylist cannot be written: \(error)"
            }
            if let fault, fault != told { logger.log(level: memory.isUnfit ? .error : .warning, "\(fault)") }
            told = fault
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// What Redis does when its memory is full.
    package func memory() async throws -> DenylistMemory {
        let command = RedisCommand("CONFIG", "GET", "maxmemory-policy")
        let answer = try await pool.send([command], ifInterrupted: .sendAgain)[0]
        if case .error(let error) = answer {
            // Hosted Redis often hides the command.
            guard error.code == "NOPERM" || error.code == "ERR" else { throw RedisError.replied(error) }
            return .unchecked
        }
        let pair = answer.array?.compactMap(\.text) ?? []
        guard pair.count == 2, pair[0] == "maxmemory-policy" else { return .unchecked }
        return pair[1] == "noeviction" ? .keepsEverything : .evicts(policy: String(pair[1].prefix(40)))
    }
}

/// Whether a Redis keeps what is written to it.
package enum DenylistMemory: Hashable, Sendable {
    case keepsEverything
    /// Its user may not ask.
    case unchecked
    /// It drops entries when its memory is full, and a missing entry is a token that counts again.
    case evicts(policy: String)

    /// Then nothing is written, so that the beat ends and verifiers refuse.
    package var isUnfit: Bool {
        if case .evicts = self { return true }
        return false
    }

    /// What the operator should know.
    package var fault: String? {
        switch self {
        case .keepsEverything: nil
        case .unchecked:
            """
            whether the denylist's Redis drops entries could not be checked, because the user may not use CONFIG GET: see \
            to it that maxmemory-policy is noeviction
            """
        case .evicts(let policy):
            """
            the denylist is not written: maxmemory-policy of its Redis is \(policy), so that Redis would forget revocations \
            when its memory is full, and APIs refuse tokens meanwhile; set it to noeviction
            """
        }
    }
}
