private import Synchronization

/// What somebody has read out of one verified token, kept with it: the same for all its copies, gone with the last.
///
/// For those who ask the same of a remembered token at every request.
package final class TokenAnnotation: Sendable {
    /// The most that is kept, in bytes; every remembered token is counted with so much.
    package static let largestFootprint = 1024

    private let kept = Mutex<(any AnyObject & Sendable)?>(nil)

    /// What is kept, or else what `make` makes, which is kept unless it takes more than ``largestFootprint``.
    ///
    /// It must not hold the token itself, which would never go.
    package func value<Value: AnyObject & Sendable, Failure: Error>(
        taking footprint: (Value) -> Int,
        _ make: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        if let known = kept.withLock({ $0 }), let value = known as? Value { return value }
        let made = try make()
        if footprint(made) <= Self.largestFootprint { kept.withLock { $0 = made } }
        return made
    }
}
