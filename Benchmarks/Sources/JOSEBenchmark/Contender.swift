// The three contenders that are written in Swift, behind one shape: Signet's JOSE, jwt-kit, and swift-crypto on the same
// bytes (`raw`), which is the limit for both. They run in processes of their own, of the same executable.

/// Something whose tokens are measured.
protocol Contender {
    /// What is measured for an algorithm, with its keys parsed; nil where the contender does not know the algorithm.
    func operations(for algorithm: String, with material: Material) async throws -> Operations?
}

/// The operations of one contender for one algorithm.
struct Operations {
    /// Verifies a token: signature, algorithm, `iss`, `aud`, `exp`.
    ///
    /// It throws for what is refused.
    let verify: (String) -> Operation
    /// Signs the claims.
    let sign: Operation
    /// Verifies a token that was seen before.
    var verifyCached: ((String) -> Operation)?
    /// The token that ``sign`` makes.
    let signedToken: () async throws -> String
}

/// One measured operation, prepared so that its repetition does nothing else.
///
/// The result is returned, and looked at, so that no work can be left out.
enum Operation {
    case synchronous(() throws -> Int)
    case asynchronous(() async throws -> Int)

    /// Does it so many times.
    ///
    /// - Returns: the sum of the results.
    @inline(never)
    func repeated(_ count: Int) async throws -> Int {
        var sum = 0
        switch self {
        case .synchronous(let operation):
            for _ in 0..<count { sum &+= try operation() }
        case .asynchronous(let operation):
            for _ in 0..<count { sum &+= try await operation() }
        }
        return sum
    }
}
