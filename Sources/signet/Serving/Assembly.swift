import Accounts
import AuthorizationServer
import Logging
import ServerHTTP
import UpstreamLogin

/// Everything that answers requests, put together over one opened folder.
struct AssembledServer: Sendable {
    let provider: Provider
    let people: People
    let sessions: Sessions
    let throttle: Throttle
    let upstreams: UpstreamLogins
}

extension Workbench {
    /// The one place where the rooms meet: accounts and revocations behind the provider.
    func assemble(keyring: Keyring, time: any TimeSource, logger: Logger) throws -> AssembledServer {
        let people = people
        let sessions = sessions
        let throttle = Throttle(store: store)
        let provider: Provider
        do {
            provider = try Provider(
                configuration: self.provider,
                store: store,
                endUsers: AccountsEndUsers(people: people, sessions: sessions),
                applicationSessions: AccountsApplicationSessions(
                    people: people,
                    sessions: sessions,
                    throttle: throttle,
                    time: time
                ),
                throttle: AccountsThrottle(throttle),
                keys: keys,
                keyring: keyring,
                time: time,
                random: random,
                logger: logger,
                feedSignal: feedSignal,
                feedLimits: settings.feed.limits
            )
        } catch {
            throw Failure(.internalFault, error.faults)
        }
        let upstreams = UpstreamLogins(
            providers: upstreamRegister,
            store: provider.services.store,
            accounts: UpstreamAccounts(people: people),
            randomness: randomness
        )
        return AssembledServer(
            provider: provider,
            people: people,
            sessions: sessions,
            throttle: throttle,
            upstreams: upstreams
        )
    }
}

extension Logger {
    /// For commands, which say what they have to say themselves.
    static var quiet: Logger { Logger(label: "signet") { _ in SwiftLogNoOpLogHandler() } }
}
