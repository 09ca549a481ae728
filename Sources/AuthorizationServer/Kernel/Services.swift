package import JOSE
package import Logging
package import OAuthVocabulary
package import Storage

/// What endpoints and grants work with: handed in, never looked up.
package struct Services: Sendable {
    package let configuration: ProviderConfiguration
    package let store: any Store
    package let endUsers: any EndUsers
    /// The sessions of one client alone.
    package let applicationSessions: any ApplicationSessions
    package let throttle: any AttemptThrottle
    package let keys: DerivedKeys
    package let keyring: Keyring
    package let time: any TimeSource
    package let random: any RandomSource
    package let grants: [GrantType: any Grant]
    package let metadata: [(name: String, value: JSON)]
    package let logger: Logger
    /// What APIs hear of everything that was ended.
    package let feed: FeedPublisher
    /// What verifiers that are not ours are told.
    package let statusLists: StatusLists
    /// What receivers of security events are told.
    package let securityEvents: SecurityEvents
    /// What clients are told of ended sessions.
    package let logoutDeliveries: LogoutDeliveries

    package var clients: Clients { Clients(store: store, issuer: configuration.issuer) }
    package var apis: APIs { APIs(store: store) }
    package var participations: Participations { Participations(store: store) }
    package var revocations: Revocations { Revocations(store: store, configuration: configuration) }
}
