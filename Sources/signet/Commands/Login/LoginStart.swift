import ArgumentParser
import Instants
import IssuerConnection
import JOSE
import OAuthClient
import OAuthVocabulary
import UnixSignals

struct LoginStart: AsyncParsableCommand {
    static let standardScopes = ["openid", "profile", "offline_access"]

    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Sign in: a page, a code, and this command waits.",
        discussion: """
            Open the page that is shown on a phone or any other computer, sign in there and enter the code, or scan it. The \
            tokens are kept in a file that only you can read; the subcommand `token` prints one when a program needs it.

            The issuer must know the client. Its operator registers it with: \
            `signet client create --id signet-cli --device`

            Examples:
              signet login --issuer https://id.example.org
              signet login --scope 'openid profile offline_access orders:read'
            """
    )

    @OptionGroup var options: LoginOptions

    @Option(
        help: ArgumentHelp(
            "What to ask for (standard: \(standardScopes.joined(separator: " "))). Repeat for several.",
            valueName: "scope"
        )
    )
    var scope: [ScopesArgument] = []

    @Option(
        help: ArgumentHelp("The API that the access token is for.", valueName: "audience"),
        transform: Words.resource
    )
    var resource: ResourceIndicator?

    @Flag(name: .customLong("qr"), inversion: .prefixedNo, help: "Whether the code is shown for a camera, too.")
    var showsQRCode = true

    @Flag(help: "Print the access token on standard output.")
    var printToken = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let (issuer, client) = (try options.issuerOrDevelopment(), options.clientID)
        let files = try LoginFiles.standard()
        let device = DeviceLogin(.commandLine(issuer: issuer, client: client))
        let scopes = scope.isEmpty ? Self.standardScopes : scope.flatMap { $0.scopes.map(\.value) }
        let login: Login
        do {
            let started = try await device.start(scopes: scopes, resources: resource.map { [$0.value] } ?? [])
            Prompt(started, showsQRCode: showsQRCode).show(on: .standard)
            login = try await Self.wait(for: started, by: device)
        } catch let error as OAuthClientError {
            throw Failure(login: error, issuer, client: client)
        }
        let party = RelyingParty.commandLine(issuer: issuer, client: client)
        let stored = StoredLogin(
            issuer: issuer,
            clientID: client,
            subject: login.subject,
            name: await Self.name(of: login, by: party),
            tokens: login.tokens
        )
        let file = files.file(issuer: issuer, client: client)
        let before = try? file.read()
        try file.write(stored)
        // What was there before would go on counting without anybody who has it; an issuer that cannot be told ends it later.
        if let before { try? await before.party.session(before.tokens, subject: before.subject).revoke() }
        show(stored, file)
    }

    private func show(_ login: StoredLogin, _ file: LoginFile) {
        let console = Console.standard
        console.note("Signed in to \(login.issuer) as \(login.person).")
        if printToken { return console.say(login.tokens.accessToken) }
        if output.json { console.say(login.json(file: file.path)) }
    }

    /// Waits for the person, or for somebody to give up.
    private static func wait(for started: DeviceAuthorization, by device: DeviceLogin) async throws -> Login {
        try await withThrowingTaskGroup(of: Login?.self) { group in
            group.addTask { try await device.wait(for: started) }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return nil }
                return nil
            }
            defer { group.cancelAll() }
            guard let finished = try await group.next(), let login = finished else {
                throw Failure(.interrupted, "given up: nothing was stored, and the code leads nowhere any more")
            }
            return login
        }
    }

    /// What the issuer calls the person; a login is good without it.
    private static func name(of login: Login, by party: RelyingParty) async -> String? {
        guard let subject = login.subject, login.tokens.scopes.contains("openid") else { return nil }
        let claims = try? await party.userInfo(accessToken: login.tokens.accessToken, expecting: subject)
        let name = claims?["preferred_username"]?.stringValue ?? claims?["name"]?.stringValue
        return name.map { Printable.text($0) }
    }
}

extension RelyingParty {
    /// For what comes after the login: tokens kept fresh, userinfo.
    ///
    /// Nothing ever comes to its redirect URI.
    static func commandLine(issuer: String, client: String) -> RelyingParty {
        RelyingParty(.commandLine(issuer: issuer, client: client), redirectURI: "http://127.0.0.1/unused")
    }
}

extension Failure {
    /// What went wrong with a login, and what to do about it.
    init(login error: OAuthClientError, _ issuer: String, client: String? = nil) {
        let trace = error.traceID.map { " (trace \($0))" } ?? ""
        let said = error.errorDescription.map { ": \($0)" } ?? ""
        switch (error.code, error.error) {
        case (.refused, "access_denied"):
            self.init(.permission, "the request was denied on the page\(trace): nobody is signed in")
        case (.refused, "expired_token"), (.expired, _):
            self.init(.unavailable, "nobody entered the code in time: run `signet login` again")
        case (.refused, "invalid_client") where client != nil:
            self.init(
                .notOnRecord,
                [
                    "\(issuer) does not know the client \(client ?? "")\(trace): name another one with --client, or let its "
                        + "operator register it:", "  signet client create --id \(client ?? "") --device",
                ]
            )
        case (.refused, "unauthorized_client") where client != nil:
            self.init(
                .notOnRecord,
                [
                    "the client \(client ?? "") may not use device codes at \(issuer)\(trace): name another one with "
                        + "--client, or let its operator allow it:",
                    "  signet client update \(client ?? "") --grant device_code --grant refresh_token",
                ]
            )
        case (.refused, "invalid_scope"), (.refused, "invalid_target"):
            self.init(.data, "\(issuer) refuses the scope or resource that was asked for\(said)\(trace)")
        case (.unsupported, _):
            self.init(.data, "\(issuer) does not let devices sign in: \(error.reason)")
        case (.transport, _), (.unavailable, _):
            self.init(
                .unavailable,
                "\(issuer) does not answer (\(error.reason)): is it running, and is --issuer right?"
            )
        default:
            self.init(.data, "\(issuer) did not let this command line sign in (\(error))")
        }
    }
}
