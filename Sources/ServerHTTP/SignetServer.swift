// ServerHTTP: the one room that knows HTTP (RFC 9110, 9112, 9113). It mounts every endpoint of the provider, decodes
// what comes in strictly and within limits, keeps the browser's cookies (RFC 6265), renders answers and pages, and
// writes every refusal to the journal under its trace id. Decides nothing of OAuth, and stores nothing but that journal.

package import Accounts
package import AuthorizationServer
import Hummingbird
package import Logging
package import ServiceLifecycle
package import UpstreamLogin

/// The front door of the room: what listens, and what runs beside it.
package struct SignetServer: Sendable {
    let frontDoor: FrontDoor
    let configuration: HTTPConfiguration
    let logger: Logger

    /// - Parameters:
    ///   - provider: Every protocol decision; its endpoints are mounted below its issuer.
    ///   - people: Who can sign in, and how they are called on pages.
    ///   - sessions: Who is signed in in which browser.
    ///   - throttle: What slows down guessing at the sign-in form.
    ///   - upstreams: Other providers by which people sign in; without them there are none.
    package init(
        provider: Provider,
        people: People,
        sessions: Sessions,
        throttle: Throttle,
        upstreams: UpstreamLogins? = nil,
        configuration: HTTPConfiguration,
        logger: Logger
    ) {
        self.configuration = configuration
        self.logger = logger
        frontDoor = FrontDoor(
            provider: provider,
            people: people,
            sessions: sessions,
            throttle: throttle,
            upstreams: upstreams ?? Self.noUpstreams(provider, people),
            configuration: configuration,
            logger: logger
        )
    }

    private static func noUpstreams(_ provider: Provider, _ people: People) -> UpstreamLogins {
        let services = provider.services
        return UpstreamLogins(
            providers: UpstreamRegister(issuer: services.configuration.issuer),
            store: services.store,
            accounts: UpstreamAccounts(people: people),
            randomness: { services.random.bytes($0) }
        )
    }

    /// What a `ServiceGroup` runs: the listener, and with TLS the service that reloads the certificate.
    ///
    /// Throws a `ListenFault` if the TLS files cannot be used. The listener throws one out of `run()` if it cannot bind.
    package func services() throws(ListenFault) -> [any Service] {
        guard let files = configuration.tls else { return [listener(certificates: nil)] }
        let certificates = try CertificateStore(files: files, logger: logger)
        let reloader = CertificateReloader(
            certificates: certificates,
            interval: configuration.certificatePollInterval,
            logger: logger
        )
        return [reloader, listener(certificates: certificates)]
    }

    func listener(certificates: CertificateStore?) -> Listener {
        Listener(
            application: application(certificates: certificates),
            address: configuration.listen,
            drainTimeout: configuration.drainTimeout
        )
    }

    func application(certificates: CertificateStore?) -> Application<FrontDoor> {
        let listen = configuration.listen
        let (socket, onListening) = (configuration.socket, configuration.onListening)
        var quiet = logger
        // Hummingbird announces the address itself; the command that started us does that better.
        quiet.logLevel = max(logger.logLevel, .notice)
        return Application(
            responder: frontDoor,
            server: ChannelSetup.builder(
                limits: configuration.limits,
                certificates: certificates,
                desk: frontDoor.promptDesk
            ),
            configuration: ApplicationConfiguration(
                address: .hostname(listen.bindHost, port: listen.port),
                availableConnectionsDelegate: .maximum(configuration.limits.connections, logger: quiet)
            ),
            onServerRunning: { channel in
                socket.opened(channel)
                await onListening(ListenAddress(host: listen.host, port: channel.localAddress?.port ?? listen.port))
            },
            logger: quiet
        )
    }
}
