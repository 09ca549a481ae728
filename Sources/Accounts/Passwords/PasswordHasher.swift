// Room: passwords. argon2id (RFC 9106) by libargon2 on a few threads of its own that yield to everything else, with a
// bounded queue: memory never exceeds threads × memory cost. NIST SP 800-63B-4 §3.1.1.2. Stores nothing itself.

import CArgon2
import OAuthVocabulary
import Synchronization

/// Hashes and verifies passwords, off the event loop and off Swift's cooperative threads.
package final class PasswordHasher: Sendable {
    /// What one hash costs.
    ///
    /// They stand in the PHC string, so that a stored hash can be verified after they change.
    package struct Parameters: Hashable, Sendable {
        package var memoryKiB: UInt32
        package var iterations: UInt32
        package var lanes: UInt32

        package init(memoryKiB: UInt32, iterations: UInt32, lanes: UInt32) {
            self.memoryKiB = memoryKiB
            self.iterations = iterations
            self.lanes = lanes
        }

        /// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
        package static let standard = Parameters(memoryKiB: 19_456, iterations: 2, lanes: 1)

        /// The most that a stored hash may demand.
        ///
        /// Whoever can write a hash must not be able to take all memory.
        static let ceiling = Parameters(memoryKiB: 1_048_576, iterations: 32, lanes: 16)

        /// Whether libargon2 can work with these and this server is ready to (RFC 9106 §3.1: m ≥ 8p).
        package var isAffordable: Bool {
            lanes >= 1 && lanes <= Self.ceiling.lanes && iterations >= 1 && iterations <= Self.ceiling.iterations
                && memoryKiB >= 8 * lanes && memoryKiB <= Self.ceiling.memoryKiB
        }

        var prefix: String { "$argon2id$v=19$m=\(memoryKiB),t=\(iterations),p=\(lanes)$" }
    }

    /// How much is hashed at once, and which passwords are taken.
    package struct Limits: Hashable, Sendable {
        /// How many hashes are computed at the same time; each holds `Parameters.memoryKiB`.
        package var threads: Int
        /// How many more may wait; the next is refused with `busy`.
        package var waiting: Int
        /// In Unicode code points, as NIST SP 800-63B-4 §3.1.1.2 counts.
        package var minimumCharacters: Int
        /// In bytes of UTF-8.
        ///
        /// Longer ones are refused before any work is done (Kanidm 1.11).
        package var maximumBytes: Int
        /// When somebody who was refused with `busy` should come back.
        package var retryAfter: Duration

        package init(
            threads: Int = 2,
            waiting: Int = 64,
            minimumCharacters: Int = 8,
            maximumBytes: Int = 1024,
            retryAfter: Duration = .seconds(2)
        ) {
            self.threads = threads
            self.waiting = waiting
            self.minimumCharacters = minimumCharacters
            self.maximumBytes = maximumBytes
            self.retryAfter = retryAfter
        }

        package static let standard = Limits()
    }

    /// How much hashing was done since the start: for metrics, and for the proof that two paths do the same work.
    package struct Work: Hashable, Sendable {
        package var computations = 0
        /// Memory cost times passes, summed over the computations.
        package var blocks: UInt64 = 0
    }

    /// What came of verifying a password.
    enum Verification: Hashable, Sendable {
        case right
        /// Right, but the hash was made with other parameters than today's.
        case rightButOutdated
        case wrong
    }

    package let parameters: Parameters
    package let limits: Limits
    let threads: HashingThreads
    private let randomness: @Sendable (Int) -> [UInt8]
    private let done = Mutex(Work())

    private static let saltLength = 16
    private static let digestLength = 32

    /// - Parameter randomness: as many unpredictable bytes as it is asked for.
    package init(
        parameters: Parameters = .standard,
        limits: Limits = .standard,
        randomness: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.parameters = parameters
        self.limits = limits
        self.randomness = randomness
        threads = HashingThreads(count: limits.threads, waiting: limits.waiting)
    }

    package var work: Work { done.withLock { $0 } }

    /// How many passwords are being hashed or wait for it.
    package var load: Int { threads.load }

    /// The hash of a password that a person wants to have from now on.
    func hash(_ password: Secret) async throws(AccountsError) -> PasswordHash {
        let characters = password.exposed.unicodeScalars.count
        guard characters >= limits.minimumCharacters else {
            throw AccountsError(
                .passwordTooShort,
                "The password must have at least \(limits.minimumCharacters) characters."
            )
        }
        guard accepts(password) else {
            throw AccountsError(
                .passwordTooLong,
                "The password must have at most \(limits.maximumBytes) bytes."
            )
        }
        return try await rehash(password)
    }

    /// The hash of a password that was accepted before, whatever today's minimum.
    func rehash(_ password: Secret) async throws(AccountsError) -> PasswordHash {
        let salt = randomness(Self.saltLength)
        let parameters = parameters
        let made = try await onThreads(parameters) { Self.compute(password, salt: salt, parameters) }
        guard let made else {
            throw AccountsError(.hashing, "The password could not be stored.", detail: "argon2id_hash_encoded failed")
        }
        return made
    }

    /// Whether `password` is the one that `hash` was made of.
    ///
    /// Without a hash the same work is done, and the answer is wrong.
    func verify(_ password: Secret, against hash: PasswordHash?) async throws(AccountsError) -> Verification {
        guard accepts(password) else { return .wrong }
        let compared = hash ?? .matchingNothing(parameters)
        guard let costs = compared.parameters else {
            throw AccountsError(
                .hashing,
                "The password could not be checked.",
                detail: "a stored password hash is not argon2id version 19 or exceeds the ceiling on its cost"
            )
        }
        let isRight = try await onThreads(costs) { Self.matches(password, compared) }
        guard isRight, hash != nil else { return .wrong }
        return costs == parameters ? .right : .rightButOutdated
    }

    /// Whether the password is short enough to be hashed at all.
    func accepts(_ password: Secret) -> Bool { password.exposed.utf8.count <= limits.maximumBytes }

    private func onThreads<Value: Sendable>(
        _ costs: Parameters,
        _ body: @escaping @Sendable () -> Value
    ) async throws(AccountsError) -> Value {
        guard let value = await threads.run(body) else {
            throw AccountsError(
                .busy,
                "Too many people are signing in. Try again in a moment.",
                detail: "\(limits.waiting) passwords are waiting to be hashed",
                retryAfter: limits.retryAfter
            )
        }
        done.withLock { work in
            work.computations += 1
            work.blocks += UInt64(costs.memoryKiB) * UInt64(costs.iterations)
        }
        return value
    }

    private static func compute(_ password: Secret, salt: [UInt8], _ parameters: Parameters) -> PasswordHash? {
        let bytes = Array(password.exposed.utf8)
        let length = argon2_encodedlen(
            parameters.iterations,
            parameters.memoryKiB,
            parameters.lanes,
            UInt32(salt.count),
            UInt32(digestLength),
            Argon2_id
        )
        var encoded = [CChar](repeating: 0, count: length)
        let code = argon2id_hash_encoded(
            parameters.iterations,
            parameters.memoryKiB,
            parameters.lanes,
            bytes,
            bytes.count,
            salt,
            salt.count,
            digestLength,
            &encoded,
            encoded.count
        )
        guard code == ARGON2_OK.rawValue else { return nil }
        return PasswordHash(
            phc: String(decoding: encoded.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        )
    }

    /// libargon2 compares the digests in constant time.
    private static func matches(_ password: Secret, _ hash: PasswordHash) -> Bool {
        let bytes = Array(password.exposed.utf8)
        return argon2id_verify(hash.phc, bytes, bytes.count) == ARGON2_OK.rawValue
    }
}
