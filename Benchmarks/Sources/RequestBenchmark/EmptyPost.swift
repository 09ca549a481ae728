internal import Hummingbird

/// What Hummingbird alone costs: a POST is read whole and answered with as many bytes as a server's answer would have.
///
/// A row's composed limit (Benchmarks/README.md) is made of this and of a signature.
enum EmptyPost {
    /// The longest body that is read.
    private static let longestBody = 64 * 1024

    static func add(to router: Router<Contenders.Context>, bytes: [Int]) {
        for count in bytes {
            let answer = String(repeating: "x", count: count)
            router.post("/post-\(count)") { request, _ in
                _ = try await request.body.collect(upTo: longestBody)
                return answer
            }
        }
    }
}
