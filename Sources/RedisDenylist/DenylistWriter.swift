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
        var isWarned = false
        while !Task.isCancelled {
            do {
                _ = try await tick(now: time.moment().wall)
                isWarned = false
            } catch {
                if !isWarned { logger.warning("the denylist cannot be written", metadata: ["error": "\(error)"]) }
                isWarned = true
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
