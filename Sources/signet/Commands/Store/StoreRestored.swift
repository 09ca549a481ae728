import Accounts
import ArgumentParser
import AuthorizationServer
import Instants
import JOSE
import OAuthVocabulary
import Storage

struct StoreRestored: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restored",
        abstract: "Say that the store was put back to an earlier state by other means than restore.",
        discussion: """
            For PostgreSQL, after pg_restore, a recovery to a point in time, or a failover to a standby that had not received \
            everything: run it once, before the first server is started. Every server must be stopped.

            Nobody knows from the store what was ended in the time that it lost. So everything that was issued ends: people \
            sign in again, clients get new tokens. With --keep-grants it stays, and so comes back to life whatever was \
            revoked, signed out or withdrawn in that time. APIs that follow the revocation feed read it from the beginning: \
            its epoch is a new one. What `restore` puts back needs no such word.

            Examples:
              signet store restored
              signet store restored --keep-grants --config /etc/signet.json
            """
    )

    @Flag(name: .customLong("keep-grants"), help: "Do not end what was issued before.") var keepGrants = false
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        var settings = try store.configuration().settings
        // Of what lies there, nothing counts on what the store says.
        settings.redis = Settings.Redis()
        let location = try await Returned(settings: settings, clock: { SystemNow.wall }).run(keepGrants ? .keep : .end)
        let fate = keepGrants ? "what was issued before stays" : "everything that was issued before has ended"
        output.confirm(
            "\(location) begins anew; \(fate), the revocation feed begins a new epoch",
            ["store": .string(location), "grants": keepGrants ? "kept" : "ended"]
        )
    }
}

/// A store that went back to an earlier state where it is.
struct Returned {
    let settings: Settings
    let clock: @Sendable () -> Instant

    /// Makes it fit to be served from; returns where it is.
    func run(_ grants: Restoration.Grants) async throws -> String {
        let folder = DataFolder(settings.dataDirectory)
        let random = SystemRandomSource()
        try folder.prepare(.refuse)
        let lock = try folder.lock(.exclusive)
        defer { withExtendedLifetime(lock) {} }
        let store = try await folder.open(settings, missing: .refuse, random: random, now: clock()).store
        do {
            try await Standstill(store: store, clock: clock).require("nothing was changed")
            // Later than anything that was issued from it, if the clock was set back.
            let now = try await ClockRecord.beginning(from: store, clock: clock)
            try await settings.restoration(of: store, now: now).run(grants, now: now)
            if grants == .end { try await Sessions.endApart(in: store, now: now) }
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        return store.location
    }
}

extension Settings {
    /// What a store that went back to an earlier state has to go through, with the lifetimes that it says it was served with.
    func restoration(of store: any StoreBackend, now: Instant) async throws -> Restoration {
        let served = try await ServedConfiguration.find(in: store, now: now)?.provider
        guard let placeholder = issuer ?? IssuerURL("https://issuer.invalid") else {
            throw Failure(.internalFault, "the placeholder of the issuer is not a URL")
        }
        return Restoration(
            store: store,
            configuration: served ?? provider(issuer: placeholder),
            random: SystemRandomSource()
        )
    }
}
