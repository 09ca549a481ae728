package import JOSE
package import Logging
package import OAuthVocabulary
package import Storage

/// What endpoints and grants work with: handed in, never looked up.
package final class Services: Sendable {
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
    /// Clients and APIs, decoded.
    package let memo = PayloadMemo()
    /// Access tokens of ours that were verified lately.
    package let issuedTokens: IssuedTokens
    /// What APIs hear of everything that was ended.
    package let feed: FeedPublisher
    /// What verifiers that are not ours are told.
    package let statusLists: StatusLists
    /// What receivers of security events are told.
    package let securityEvents: SecurityEvents
    /// What clients are told of ended sessions.
    package let logoutDeliveries: LogoutDeliveries

    init(
        configuration: ProviderConfiguration,
        store: any Store,
        endUsers: any EndUsers,
        applicationSessions: any ApplicationSessions,
        throttle: any AttemptThrottle,
        keys: DerivedKeys,
        keyring: Keyring,
        time: any TimeSource,
        random: any RandomSource,
        grants: [GrantType: any Grant],
        metadata: [(name: String, value: JSON)],
        logger: Logger,
        issuedTokens: IssuedTokens,
        feed: FeedPublisher,
        statusLists: StatusLists,
        securityEvents: SecurityEvents,
        logoutDeliveries: LogoutDeliveries
    ) {
        self.configuration = configuration
        self.store = store
        self.endUsers = endUsers
        self.applicationSessions = applicationSessions
        self.throttle = throttle
        self.keys = keys
        self.keyring = keyring
        self.time = time
        self.random = random
        self.grants = grants
        self.metadata = metadata
        self.logger = logger
        self.issuedTokens = issuedTokens
        self.feed = feed
        self.statusLists = statusLists
        self.securityEvents = securityEvents
        self.logoutDeliveries = logoutDeliveries
    }

    package var clients: Clients { Clients(store: store, issuer: configuration.issuer) }
    package var apis: APIs { APIs(store: store, memo: memo) }
    package var participations: Participations { Participations(store: store) }
    package var revocations: Revocations { Revocations(store: store, configuration: configuration) }
}
