import Accounts
import AuthorizationServer
import Logging
import Pages
import RedisClient
import RedisDenylist
import ServerHTTP
import ServiceLifecycle
import Storage
import UpstreamLogin

/// One run of the server.
struct Serving: Sendable {
    let plan: ServePlan
    let console: Console

    func run() async throws {
        let proxies = try trustedProxies()
        // Before anything is written: a second server on the same folder must not change what the first one serves.
        for address in plan.addresses {
            guard !PortProbe.isTaken(address) else { throw Failure(listening: .portTaken(address)) }
        }
        var bench = try await Workbench.open(plan.settings, missing: .create, provider: plan.provider)
        let logger = logger(time: bench.time)
        let signing = RSASigning(plan.settings.rsaSigner, logger: logger)
        bench.preparation = { signing.prepare($0) }
        for note in plan.notes { console.note("note: \(note)") }
        var demo: DemoRecords?
        switch plan.mode {
        case .development:
            demo = try await DemoRecords.prepare(bench, plan: plan)
        case .production:
            let leftovers = try await bench.demoLeftovers()
            guard leftovers.isEmpty else { throw leftovers.refusal(folder: bench.folder) }
        }
        try await ServedConfiguration(plan.provider).remember(in: bench.store, now: bench.now)
        try await bench.sessions.begin(now: bench.now)
        let keyring = Keyring()
        let health = bench.health(keyring: keyring, logger: logger)
        let http = self.http(bench.folder, demo: demo, proxies: proxies, health: health)
        let services = try await services(bench, keyring: keyring, http: http, demo: demo, logger: logger)
        let stop = StopSignals(delay: plan.settings.shutdownDelay, socket: http.socket, health: health, logger: logger)
        try await serve(services, until: stop, logger: logger)
        await bench.close()
    }

    /// Started in this order, stopped in the reverse one: what answers requests stops first.
    private func services(
        _ bench: Workbench,
        keyring: Keyring,
        http: HTTPConfiguration,
        demo: DemoRecords?,
        logger: Logger
    ) async throws -> [any Service] {
        try await bench.signingKeys.refresh(keyring, now: bench.now)
        let time = RememberedTime(bench.time)
        let assembled = try bench.assemble(keyring: keyring, time: time, logger: logger)
        let upstreams = UpstreamRefresher(
            configured: try plan.settings.upstreamProviders(),
            records: bench.upstreamRecords,
            register: assembled.upstreams.providers,
            time: time,
            logger: logger
        )
        var none: [Record]?
        await upstreams.refresh(&none)
        let feed = assembled.provider.services.feed
        try await feed.prepare()
        let server = SignetServer(
            provider: assembled.provider,
            people: assembled.people,
            sessions: assembled.sessions,
            throttle: assembled.throttle,
            upstreams: assembled.upstreams,
            configuration: http,
            logger: logger
        )
        var services: [any Service] = [
            StartPages(),
            MoveWatch(store: bench.store, time: bench.time, logger: logger),
            Sweeper(store: bench.store, clock: { [time = bench.time] in time.moment().steady }, logger: logger),
            KeyRefresher(signingKeys: bench.signingKeys, keyring: keyring, time: bench.time, logger: logger),
            upstreams,
            ClockKeeper(
                time: time,
                follow: { [time = bench.time] in time.follow($0) },
                store: bench.store,
                logger: logger
            ),
            FeedService(feed: feed, announcements: bench.store.announcements()),
            ProjectionService(projectors: assembled.provider.projectors),
            EventPushService(events: assembled.provider.services.securityEvents),
            LogoutService(deliveries: assembled.provider.services.logoutDeliveries),
        ]
        if let redis = bench.redis {
            let prefix = plan.settings.redis.address?.prefix ?? "signet-denylist:"
            let source = DenylistSource(store: bench.store, keys: bench.keys, configuration: plan.provider)
            let random = assembled.provider.services.random
            let writer = DenylistWriter(redis, prefix: prefix, source: source, random: random, logger: logger)
            services.append(DenylistService(writer: writer, time: bench.time))
        }
        do {
            services += try server.services()
        } catch {
            throw Failure(listening: error)
        }
        guard let demo else { return services }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        return services + [
            DemoApplication(configuration: demo.configuration, logger: quiet),
            DemoAPI(configuration: demo.configuration, credentials: demo.apiCredentials, logger: quiet),
        ]
    }

    private func http(
        _ folder: DataFolder,
        demo: DemoRecords?,
        proxies: TrustedProxies,
        health: Health
    ) -> HTTPConfiguration {
        let settings = plan.settings
        var http = HTTPConfiguration(listen: settings.listen)
        if let certificate = settings.tlsCertificate, let key = settings.tlsKey {
            http.tls = TLSFiles(certificate: certificate, privateKey: key)
        }
        http.trustedProxies = proxies
        http.limits.streams = settings.feed.streams
        http.limits.streamsPerGroup = settings.feed.streamsPerAPI
        http.health = health
        http.explainLog = ExplainLog(folder: folder.path)
        if let demo {
            http.development = .init(
                demoURL: demo.configuration.applicationOrigin,
                username: DemoRecords.username,
                password: DemoRecords.password
            )
        }
        let banner = Banner(plan: plan, folder: folder, demo: demo)
        http.onListening = { [console] address in banner.show(on: console, listening: address) }
        return http
    }

    private func serve(_ services: [any Service], until stop: StopSignals, logger: Logger) async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .critical)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services.map { .init(service: $0, serviceName: "\(type(of: $0))") },
                logger: quiet
            )
        )
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                tasks.addTask {
                    await stop.wait()
                    await group.triggerGracefulShutdown()
                    // The services end the run, not this.
                    try await Task.sleep(for: .seconds(86_400))
                }
                defer { tasks.cancelAll() }
                try await tasks.next()
            }
        } catch let fault as ListenFault {
            throw Failure(listening: fault)
        }
    }

    private func trustedProxies() throws(Failure) -> TrustedProxies {
        do {
            return try TrustedProxies(plan.settings.trustedProxies)
        } catch {
            throw Failure(.configuration, "\(error)")
        }
    }

    private func logger(time: any TimeSource) -> Logger {
        let level = plan.settings.logLevel
        let console = console
        LoggingSystem.bootstrap { _ in ConsoleLogHandler(logLevel: level, console: console, time: time) }
        return Logger(label: "signet")
    }
}

extension Failure {
    /// Why the server cannot listen.
    fileprivate init(listening fault: ListenFault) {
        let status: ExitStatus =
            switch fault {
            case .portTaken, .addressNotAvailable, .unknownHost: .unavailable
            case .notPermitted: .permission
            case .certificate: .configuration
            }
        self.init(status, "\(fault)")
    }
}
