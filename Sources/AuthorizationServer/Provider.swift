// AuthorizationServer: every protocol decision of OAuth 2.1 and OpenID Connect, one folder a feature, no I/O of its own.
// Provider is the front door: what a host makes, mounts and calls. Features.swift is the list of what the server can do;
// each feature's folder says which RFC sections it serves and what it stores.

package import JOSE
package import Logging
package import OAuthVocabulary
package import Storage

/// The authorization server: every protocol decision behind one front door.
///
/// It does no I/O but through its store, and knows nothing of HTTP beyond methods, parameters and status codes.
package struct Provider: Sendable {
    package let services: Services
    /// Every endpoint that the features contribute, to be mounted.
    package let endpoints: [any Endpoint]

    /// What keeps status lists, event queues and logout orders up with the log of endings: to be run as long as the server runs.
    package var projectors: LogProjectors {
        LogProjectors(
            store: services.store,
            projections: [
                StatusListProjection(store: services.store), SecurityEventProjection(services.securityEvents),
                LogoutProjection(store: services.store),
            ],
            time: services.time,
            logger: services.logger
        )
    }

    package init(
        configuration: ProviderConfiguration,
        store: any Store,
        endUsers: any EndUsers,
        applicationSessions: any ApplicationSessions = NoApplicationSessions(),
        throttle: any AttemptThrottle,
        keys: DerivedKeys,
        keyring: Keyring,
        time: any TimeSource,
        random: any RandomSource,
        logger: Logger,
        features: [any Feature] = Features.all,
        feedSignal: FeedSignal = FeedSignal(),
        feedLimits: FeedLimits = FeedLimits()
    ) throws(AssemblyError) {
        let assembly = try Assembly(features, configuration: configuration)
        endpoints = assembly.endpoints
        let feed = FeedPublisher(
            configuration: configuration,
            limits: feedLimits,
            store: store,
            keys: keys,
            keyring: keyring,
            time: time,
            random: random,
            logger: logger,
            signal: feedSignal
        )
        services = Services(
            configuration: configuration,
            store: FeedSignallingStore(store, signal: feedSignal),
            endUsers: endUsers,
            applicationSessions: applicationSessions,
            throttle: throttle,
            keys: keys,
            keyring: keyring,
            time: time,
            random: random,
            grants: assembly.grants,
            metadata: assembly.metadata,
            logger: logger,
            issuedTokens: IssuedTokens(configuration),
            feed: feed,
            statusLists: StatusLists(store: store, configuration: configuration, keys: keys, keyring: keyring),
            securityEvents: SecurityEvents(
                store: store,
                configuration: configuration,
                keys: keys,
                keyring: keyring,
                time: time,
                random: random,
                logger: logger
            ),
            logoutDeliveries: LogoutDeliveries(
                store: store,
                configuration: configuration,
                keyring: keyring,
                time: time,
                random: random,
                logger: logger
            )
        )
    }
}
