// What the tests of the system's library share: the library itself, where there is one, keys, and a table of functions
// that does what a test wants.

import JOSE
import Synchronization
import Testing

@testable import SystemCrypto

enum TestLibrary {
    /// The table of the real library; absent on systems without OpenSSL 3.
    static let functions: LibraryFunctions? = try? LibraryFunctions(loading: SystemLibrary.standardName)
    static var isPresent: Bool { functions != nil }
    static let condition: Comment = "needs OpenSSL 3 on this system"

    static func open(onFault: @escaping @Sendable () -> Void = {}) throws -> SystemLibrary {
        try SystemLibrary(try #require(functions), onFault: onFault)
    }
}

enum TestKeys {
    private static let drawn: [String: Result<SigningKey, JOSEError>] = {
        var keys: [String: Result<SigningKey, JOSEError>] = [:]
        for algorithm in rsaAlgorithms {
            keys[algorithm.name] = Result { () throws(JOSEError) in try SigningKey.generate(algorithm) }
        }
        return keys
    }()

    static let rsaAlgorithms = SignatureAlgorithm.all.filter { $0.name.hasPrefix("RS") || $0.name.hasPrefix("PS") }

    static func key(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        try #require(drawn[algorithm.name]).get()
    }
}

/// Messages on both sides of the block boundaries of the hashes, and one of a token's size.
let messages: [[UInt8]] = [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 600, 10_000].map { count in
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ count) }
}

/// Counts.
final class Counter: Sendable {
    private let value = Atomic(0)

    var count: Int { value.load(ordering: .sequentiallyConsistent) }

    func increment() { value.add(1, ordering: .sequentiallyConsistent) }
}

/// Passes on to the library, and keeps what it was given and what was made of it.
final class CapturingProvider: RSASignerProvider {
    private struct State {
        var privateKey: [UInt8] = []
        var made: (any RSASigner)?
    }

    private let library: SystemLibrary
    private let state = Mutex(State())

    init(library: SystemLibrary) { self.library = library }

    var made: (any RSASigner)? { state.withLock { $0.made } }
    var privateKey: [UInt8] { state.withLock { $0.privateKey } }

    func signer(for algorithm: SignatureAlgorithm, privateKey: Span<UInt8>) throws -> any RSASigner {
        let copy = privateKey.indices.map { privateKey[$0] }
        let made = try library.signer(for: algorithm, privateKey: privateKey)
        state.withLock { $0 = State(privateKey: copy, made: made) }
        return made
    }
}
