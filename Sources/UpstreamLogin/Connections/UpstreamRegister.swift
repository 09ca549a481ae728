package import Accounts
package import IssuerConnection
package import OAuthVocabulary
internal import Synchronization

/// What the connections need from around them.
package struct UpstreamSurroundings: Sendable {
    package var clock: any ClientClock
    package var randomness: any ClientRandomness
    /// Instead of the guarded one: for tests.
    package var transport: (any HTTPTransport)?
    /// How long a provider may take for one answer.
    package var patience: Duration

    package init(
        clock: any ClientClock = SystemClientClock(),
        randomness: any ClientRandomness = SystemClientRandomness(),
        transport: (any HTTPTransport)? = nil,
        patience: Duration = .seconds(10)
    ) {
        self.clock = clock
        self.randomness = randomness
        self.transport = transport
        self.patience = patience
    }
}

/// The providers of a running server, which an operator may change while it runs.
package final class UpstreamRegister: Sendable {
    private let issuer: IssuerURL
    private let surroundings: UpstreamSurroundings
    private let connections = Mutex<[UpstreamName: UpstreamConnection]>([:])

    /// - Parameter issuer: ours, below which answers come.
    package init(issuer: IssuerURL, surroundings: UpstreamSurroundings = UpstreamSurroundings()) {
        self.issuer = issuer
        self.surroundings = surroundings
    }

    /// Where the answers of a provider come: an address of its own, so that no provider can answer for another (RFC 9700
    /// §4.4.2, where `iss` is not sent).
    package func redirectURI(_ name: UpstreamName) -> String { "\(issuer.value)/upstream/\(name)/callback" }

    /// Puts these providers in the place of all others; a connection stays where nothing of its provider changed.
    package func replace(with providers: [UpstreamProvider]) throws(UpstreamFaults) {
        let old = connections.withLock { $0 }
        var new: [UpstreamName: UpstreamConnection] = [:]
        for provider in providers {
            if let kept = old[provider.name], kept.provider.revision == provider.revision {
                new[provider.name] = kept
            } else {
                new[provider.name] = try UpstreamConnection(
                    provider,
                    redirectURI: redirectURI(provider.name),
                    surroundings: surroundings
                )
            }
        }
        connections.withLock { $0 = new }
    }

    /// The providers that are switched on, by name.
    package var enabled: [UpstreamProvider] {
        connections.withLock { $0.values.map(\.provider) }
            .filter { $0.state == .enabled }
            .sorted { ($0.displayName, $0.name.value) < ($1.displayName, $1.name.value) }
    }

    /// A provider, switched on or not.
    package func provider(_ name: UpstreamName) -> UpstreamProvider? { connection(name)?.provider }

    func connection(_ name: UpstreamName) -> UpstreamConnection? { connections.withLock { $0[name] } }
}
