// Room: the server's side of the denylist in Redis (no RFC): follows the log of endings and writes what each audience is
// told, with the life that the affected tokens have left. Stores nothing but in Redis; where it stands is kept there too.

package import AuthorizationServer
package import Instants
package import Logging
import RedisClient
import RevocationFeed
import Storage
import Synchronization

/// Writes the denylist, as often as it runs; several nodes may do so at once.
///
/// How far it has come lies in Redis beside the entries and is written with them, and only over the place that was read or
/// written last: a Redis which lost everything, or went back to an older state, has another one, whenever that happens, and
/// is filled again from where it stands. Only then is the beat written without which verifiers refuse.
package final class DenylistWriter: Sendable {
    /// How long it waits between two looks at the log.
    package static let pause: Duration = .milliseconds(200)
    /// How much longer than the tokens that they end entries stay: by so much may the clock of Redis be ahead.
    package static let spareLife: Duration = .seconds(3600)
    private static let entriesAtOnce = 200

    private let redis: any RedisSending
    private let layout: DenylistLayout
    private let source: DenylistSource
    private let logger: Logger
    /// What all marks of this writer begin with, and nobody else's.
    private let name: String
    private let marks = Atomic<Int>(0)
    private let looksBetweenChecks: Int
    private let dispute = Mutex(Dispute())

    /// - Parameter looksBetweenChecks: after how many looks it asks again whether Redis may drop entries; as it comes, less
    ///   than ten seconds.
    package init(
        _ redis: any RedisSending,
        prefix: String,
        source: DenylistSource,
        random: any RandomSource,
        logger: Logger,
        looksBetweenChecks: Int = 40
    ) {
        self.redis = redis
        layout = DenylistLayout(prefix: prefix, issuer: source.issuer)
        name = random.text(12)
        self.source = source
        self.logger = logger
        self.looksBetweenChecks = looksBetweenChecks
    }

    /// Whether another server writes to the same place.
    private struct Dispute {
        /// In how many looks in a row the place was one in another log.
        var strangeLooks = 0
        /// How many looks without one have to follow before there are beats again.
        var rest = 0
    }

    // MARK: - One look

    /// Writes what Redis lacks; says whether the denylist is complete.
    package func tick(now: @autoclosure () -> Instant) async throws -> Bool {
        var place = try await foundPlace()
        var isFirst = true
        while true {
            // Before the log is read: from here the beat counts.
            let began = try await clock()
            let moment = now()
            guard let step = try await source.step(after: place.batch, epoch: place.epoch, now: moment) else {
                return false
            }
            if isFirst { try await checkPlace(place.epoch, of: step) }
            isFirst = false
            // Redis stands elsewhere than a moment ago: it lost something, or another node writes. The next look begins
            // from what is there.
            guard try await write(step, from: &place, now: moment) else { return false }
            guard step.isLast else { continue }
            guard !step.isBehind else { return false }
            return try await beat(at: place, since: began)
        }
    }

    /// Where Redis stands; where it stands nowhere, it is given a place to begin from.
    private func foundPlace() async throws -> DenylistPlace {
        let text = try await redis.send(RedisCommand("GET", layout.cursor), ifInterrupted: .sendAgain).text
        guard let text, !text.isEmpty else { return try await beginAnew() }
        return DenylistPlace(found: text)
    }

    /// What Redis' clock shows, in milliseconds.
    private func clock() async throws -> Int64 {
        let answer =
            try await redis.send(RedisCommand("TIME"), ifInterrupted: .sendAgain).array?.compactMap(\.text) ?? []
        let numbers = answer.compactMap { Int64($0) }
        guard numbers.count == 2 else { throw DenylistFault("Redis answers TIME with something else than two numbers") }
        return numbers[0] * 1000 + numbers[1] / 1000
    }

    /// Throws where another server with the same issuer writes to the same place.
    ///
    /// A place in another log may be one of before a restored backup. Found again although it was replaced, it is that
    /// server's, and neither knows what the other revokes.
    private func checkPlace(_ epoch: String?, of step: DenylistSource.Step) async throws {
        let isStrange = epoch != nil && epoch != step.epoch
        let isDisputed = dispute.withLock { dispute in
            dispute.strangeLooks = isStrange ? dispute.strangeLooks + 1 : 0
            if dispute.strangeLooks > 1 || isStrange && dispute.rest > 0 {
                dispute.rest = looksBetweenChecks
            } else if dispute.rest > 0 {
                dispute.rest -= 1
            }
            return dispute.rest > 0
        }
        guard isDisputed else { return }
        // So that the other one finds out too: one that went on alone would vouch for both.
        if isStrange {
            let place = DenylistPlace(epoch: step.epoch, batch: 0)
            try await redis.send(RedisCommand("SET", layout.cursor, place.text), ifInterrupted: .sendAgain)
        }
        throw DenylistFault(
            "another server with another database writes the denylist of the same issuer (\(source.issuer)) there, so APIs "
                + "refuse tokens: give one of them another Redis, or another prefix"
        )
    }

    /// Writes a step and moves the place with it; says no as soon as Redis stands elsewhere.
    private func write(
        _ step: DenylistSource.Step,
        from place: inout DenylistPlace,
        now: Instant
    ) async throws -> Bool {
        let end = DenylistPlace(epoch: step.epoch, batch: step.batch)
        guard place != end else { return true }
        // The number is moved with the last part of a batch only.
        var number = place.epoch == step.epoch ? place.batch : 0
        var part: [(name: String, entry: FeedEntry)] = []
        for batch in step.batches {
            for entry in source.entries(of: batch, in: step, now: now) {
                guard let name = layout.name(of: entry) else { continue }
                part.append((name, entry))
                guard part.count == Self.entriesAtOnce else { continue }
                let next = DenylistPlace(epoch: step.epoch, batch: number, mark: newMark())
                guard try await write(part, from: place, to: next, now: now) else { return false }
                place = next
                part = []
            }
            number = batch.number
        }
        guard try await write(part, from: place, to: end, now: now) else { return false }
        place = end
        return true
    }

    /// What no place had before.
    private func newMark() -> String { "\(name).\(marks.add(1, ordering: .relaxed).newValue)" }

    /// Writes entries and the place that comes with them, or neither; says whether they are there.
    private func write(
        _ part: [(name: String, entry: FeedEntry)],
        from place: DenylistPlace,
        to next: DenylistPlace,
        now: Instant
    ) async throws -> Bool {
        var command = RedisCommand("EVAL", Self.script, "\(part.count + 1)", layout.cursor)
        for (name, _) in part { command.add(name) }
        command.add(place.text)
        command.add(next.text)
        for (_, entry) in part {
            command.add(entry.notBefore.millisecondsSinceEpoch)
            command.add(max(1, (entry.expiresAt - now + Self.spareLife).wholeMilliseconds))
        }
        return try await redis.send(command, ifInterrupted: .sendAgain).integer == 1
    }

    /// Nothing is written over another place than the one expected.
    ///
    /// Where the new one stands already, the command came twice, or another node wrote the same: a new place without a mark
    /// means the same whoever wrote it. Of two moments the later holds, and of two lives the longer.
    private static let script = #"""
        local place = redis.call('GET', KEYS[1])
        if place == ARGV[2] then return 1 end
        if place ~= ARGV[1] then return 0 end
        for n = 2, #KEYS do
          local moment, life = ARGV[2 * n - 1], tonumber(ARGV[2 * n])
          local present = redis.call('GET', KEYS[n])
          if present then
            if tonumber(present) > tonumber(moment) then moment = present end
            life = math.max(life, redis.call('PTTL', KEYS[n]))
          end
          redis.call('SET', KEYS[n], moment, 'PX', string.format('%.0f', life))
        end
        redis.call('SET', KEYS[1], ARGV[2])
        return 1
        """#

    /// Only where Redis still stands where it was found complete: it may have lost everything in between.
    private func beat(at place: DenylistPlace, since began: Int64) async throws -> Bool {
        var command = RedisCommand("EVAL", Self.beatScript, "2", layout.cursor, layout.beat, place.text)
        command.add(began)
        command.add(DenylistLayout.beatLifetime.wholeMilliseconds)
        return try await redis.send(command, ifInterrupted: .sendAgain).integer == 1
    }

    /// However long the reading took, and the way to Redis: what the beat vouches for is as old as its beginning.
    private static let beatScript = #"""
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        local time = redis.call('TIME')
        local age = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(ARGV[2])
        local left = math.min(tonumber(ARGV[3]), tonumber(ARGV[3]) - age)
        if left < 1 then return 0 end
        redis.call('SET', KEYS[2], ARGV[2], 'PX', string.format('%.0f', left))
        return 1
        """#

    // MARK: - Running

    /// Keeps the denylist until its task is cancelled.
    package func run(by time: any TimeSource) async {
        var told: String?
        var looks = 0
        var memory = DenylistMemory.keepsEverything
        // What an earlier process wrote may have been dropped before anybody asked.
        var hasBegun = false
        while !Task.isCancelled {
            var fault: String?
            do {
                if looks.isMultiple(of: looksBetweenChecks) { memory = try await self.memory() }
                looks += 1
                fault = memory.fault
                if memory.isUnfit { hasBegun = false }
                if !hasBegun { try await beginAnew() }
                hasBegun = true
                if !memory.isUnfit { _ = try await tick(now: time.moment().steady) }
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

    /// Has everything written again, by this writer and by others: an eviction takes entries and leaves the place, which has
    /// no end.
    ///
    /// Over whatever stands there: whoever was writing finds another place than his.
    @discardableResult
    private func beginAnew() async throws -> DenylistPlace {
        let place = DenylistPlace(epoch: nil, batch: 0, mark: newMark())
        try await redis.send(RedisCommand("SET", layout.cursor, place.text), ifInterrupted: .sendAgain)
        return place
    }

    /// What Redis does when its memory is full.
    package func memory() async throws -> DenylistMemory {
        let command = RedisCommand("CONFIG", "GET", "maxmemory-policy")
        let answer: RedisValue
        do throws(RedisError) {
            answer = try await redis.send(command, ifInterrupted: .sendAgain)
        } catch {
            // Hosted Redis often hides the command.
            guard case .replied(let reply) = error, reply.code == "NOPERM" || reply.code == "ERR" else { throw error }
            return .unchecked
        }
        let pair = answer.array?.compactMap(\.text) ?? []
        guard pair.count == 2, pair[0] == "maxmemory-policy" else { return .unchecked }
        return pair[1] == "noeviction" ? .keepsEverything : .evicts(policy: String(pair[1].prefix(40)))
    }
}

/// Why the denylist cannot be written.
private struct DenylistFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
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
