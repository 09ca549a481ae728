// `signet login`: signs this command line in at an issuer, by the device authorization grant (RFC 8628) and with the client
// library that everybody else has. Stores the tokens of each login in a file of mode 0600 below the user's configuration.

import ArgumentParser
import FoundationEssentials
import IssuerConnection
import JOSE
import OAuthClient
import OAuthVocabulary
import ServerHTTP

struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Sign this command line in, and get its access tokens.",
        subcommands: [LoginStart.self, LoginToken.self, LoginStatus.self],
        defaultSubcommand: LoginStart.self
    )

    static let standardClient = "signet-cli"
}

/// Which login a command means.
struct LoginOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The issuer to sign in at.", valueName: "url"))
    var issuer: String?

    @Option(
        help: ArgumentHelp("The client to sign in as (standard: \(LoginCommand.standardClient)).", valueName: "client")
    )
    var client: String?

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp("A configuration file that names the issuer.", valueName: "file")
    )
    var configurationFile: String?

    /// The issuer that was named: by the option, SIGNET_ISSUER or the configuration file.
    func namedIssuer() throws -> String? {
        if let issuer { return try Self.checked(issuer) }
        return try settings().issuer?.value
    }

    /// The issuer to sign in at: without a name, the one that `signet serve --dev` has on this machine.
    func issuerOrDevelopment() throws -> String {
        if let named = try namedIssuer() { return named }
        return "http://localhost:\(try settings().listen.port)"
    }

    private func settings() throws -> Settings {
        try StoreOptions.configuration(file: configurationFile).settings
    }

    private static func checked(_ text: String) throws(Failure) -> String {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let issuer = IssuerURL(trimmed), issuer.isHTTPS || issuer.parts.isLoopback else {
            throw Failure(
                .usage,
                "--issuer must be an https URL without query and fragment (http on this machine only)"
            )
        }
        return issuer.value
    }

    var clientID: String { client ?? LoginCommand.standardClient }
}

extension ClientRegistration {
    /// A command line keeps no secret.
    static func commandLine(issuer: String, client: String) -> ClientRegistration {
        ClientRegistration(issuer: issuer, clientID: client, authentication: .none)
    }
}

struct LoginToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print an access token, refreshed if need be.",
        discussion: """
            Whoever reads it can act as you until it expires: give it to a program ("Authorization: Bearer $(…)"), not to a \
            screen.

            Examples:
              signet login token
              signet login token --issuer https://id.example.org
            """
    )

    @OptionGroup var options: LoginOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = try LoginFiles.standard().only(options)
        let login = try file.read()
        let session = login.party.session(login.tokens, subject: login.subject, store: file)
        do {
            let token = try await session.accessToken()
            let console = Console.standard
            if !session.isSaved {
                console.note(
                    "note: the refreshed tokens could not be kept in \(file.path): the next call has to sign in again"
                )
            }
            guard output.json else { return console.say(token) }
            let expiry = session.tokens.expiresAt
            console.say(
                .object(["access_token": .string(token), "expires_at": expiry.map { .string($0.text) } ?? .null])
            )
        } catch {
            guard error.isInvalidGrant || error.code == .expired else { throw Failure(login: error, login.issuer) }
            try file.remove()
            throw Failure(
                .permission,
                "the login at \(login.issuer) has ended (signed out, revoked or too old): sign in again with "
                    + "`signet login --issuer \(login.issuer)`"
            )
        }
    }
}

struct LoginStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show where this command line is signed in.",
        discussion: """
            Nothing is asked of an issuer: what it has revoked meanwhile shows when the next token is wanted.

            Example:
              signet login status
            """
    )

    @OptionGroup var options: LoginOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let console = Console.standard
        let files = try LoginFiles.standard().matching(options)
        let logins = try files.map { (file: $0, login: try $0.read()) }
        guard !output.json else { return console.say(.array(logins.map { $0.login.json(file: $0.file.path) })) }
        guard !logins.isEmpty else { throw LoginFiles.none }
        for (index, entry) in logins.enumerated() {
            if index > 0 { console.say() }
            entry.login.card(file: entry.file.path).show(on: console)
        }
    }
}

struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout",
        abstract: "Sign this command line out: revoke its tokens and delete them.",
        discussion: """
            The grant ends at the issuer, and with it every token that it paid for.

            Examples:
              signet logout
              signet logout --issuer https://id.example.org
            """
    )

    @OptionGroup var options: LoginOptions
    @Flag(help: "Delete the tokens although the issuer cannot be told: they go on counting until they expire.")
    var local = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let file = try LoginFiles.standard().only(options)
        let login = try file.read()
        if !local {
            do {
                try await login.party.session(login.tokens, subject: login.subject).revoke()
            } catch {
                throw Failure(
                    .unavailable,
                    "the tokens could not be revoked at \(login.issuer) (\(error)); they are still in \(file.path). "
                        + "Try again, or delete them with `signet logout --local`"
                )
            }
        }
        try file.remove()
        output.confirm("signed out of \(login.issuer)", ["issuer": .string(login.issuer)])
    }
}
