// The token endpoint, RFC 6749 §3.2: its phases, and the seam that grants fill.
// Phases: parse, authenticate the client, load, decide, mint, apply, render. A grant is load and decide; it cannot
// forget the others. Stores nothing itself.

package import Instants
package import OAuthVocabulary
package import Storage

/// One way to obtain tokens: RFC 6749 §4.
package protocol Grant: Sendable {
    associatedtype Material: Sendable

    var grantType: GrantType { get }
    /// The only parameters that it may read; others never reach it.
    var parameters: Set<String> { get }
    /// Reads what the decision needs. Read-only.
    func load(_ request: GrantRequest, from reader: Reader) async throws(OAuthError) -> Material
    /// Decides. No clock, no randomness, no I/O.
    func decide(_ request: GrantRequest, _ material: Material) -> GrantDecision
}

/// What a grant decides upon.
package struct GrantRequest: Sendable {
    package var client: Stored<RegisteredClient>
    package var parameters: Parameters
    package var moment: Moment
    package var configuration: ProviderConfiguration
    package var keys: DerivedKeys
}

/// What a grant decided.
package enum GrantDecision: Sendable {
    /// Mint this and apply these changes; nothing is answered unless they were applied.
    case issue(Issuance, changes: [Change])
    /// Refuse. What a replay shows to be stolen is ended before the refusal is answered; what the next request must know
    /// of this one is applied before it.
    case refuse(OAuthError, ending: Ending? = nil, changes: [Change] = [])
}
