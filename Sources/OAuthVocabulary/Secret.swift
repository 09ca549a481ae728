// Where secrets live while the process holds them.

import JOSE

/// Text that must not be seen: a password, a client secret, a token.
///
/// It cannot be printed by accident, is compared in constant time, and is not `Codable`.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// The secret itself.
    ///
    /// Every use is a place to look at in a review.
    package var exposed: String { text }

    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Takes the same time wherever the two differ; the lengths are not hidden.
    package static func == (left: Secret, right: Secret) -> Bool {
        ConstantTime.equal(Array(left.text.utf8), Array(right.text.utf8))
    }
}
