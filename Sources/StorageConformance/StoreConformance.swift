// What every store promises, as checks that any backend can run (no RFC). Depends on no test framework, so that a
// backend outside this package can use it too. Stores nothing but what it writes into the stores that it is given.

public import Storage

/// The suite.
///
/// A backend's test file is short:
///
/// ```swift
/// @Test(arguments: StoreConformance.checks)
/// func `keeps every promise of a store`(check: ConformanceCheck) async throws {
///     try await check.run { MyStore() }
/// }
/// ```
public enum StoreConformance {
    /// Every check, in an order that shows the simplest fault first.
    public static let checks: [ConformanceCheck] =
        recordChecks + textChecks + guardChecks + atomicityChecks + indexChecks + familyChecks + pagingChecks
        + sweepChecks + concurrencyChecks
}

/// One promise and how it is put to the test.
public struct ConformanceCheck: Sendable, CustomStringConvertible {
    /// The promise, as a sentence.
    public let name: String
    private let body: @Sendable (Trial) async throws -> Void

    init(_ name: String, body: @escaping @Sendable (Trial) async throws -> Void) {
        self.name = name
        self.body = body
    }

    /// The promise, as a sentence.
    public var description: String { name }

    /// Runs the check on an empty store of its own.
    ///
    /// Throws `ConformanceFailure` where the store breaks the promise, and whatever the store or `makeStore` throws.
    public func run(makeStore: () async throws -> any Store) async throws {
        try await body(Trial(store: try await makeStore(), check: name))
    }
}

/// How a store broke a promise.
public struct ConformanceFailure: Error, Sendable, CustomStringConvertible {
    /// The name of the check.
    public let check: String
    /// What was expected and what happened instead.
    public let reason: String

    /// The check and what went wrong in it.
    public var description: String { "\(check): \(reason)" }
}
