// The command line: one type a command, one folder a noun. A command opens the data folder through the Workbench, does
// one thing to the store, and says what it did, to people or with --json to programs.

import ArgumentParser
import JOSE

struct SignetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signet",
        abstract: "An OAuth 2.1 and OpenID Connect server in one command.",
        discussion: """
            `signet serve --dev` starts a provider with a demo on http://localhost:8080. Every other command works on the \
            same data folder, also while the server runs.

            EXIT CODES:
            \(ExitStatus.table)
            """,
        version: Version.text,
        subcommands: [
            ServeCommand.self, ClientCommand.self, UserCommand.self, UpstreamCommand.self, APICommand.self,
            RevokeCommand.self,
            StreamCommand.self, LogoutDeliveriesCommand.self, KeysCommand.self, TokenCommand.self, JWTCommand.self,
            StoreCommand.self, ExplainCommand.self, LoginCommand.self, LogoutCommand.self, ConfigCommand.self,
            VersionCommand.self,
        ]
    )
}

/// The version of this program.
enum Version {
    static let number = "0.1.0"
    static let text = "signet \(number)"
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    @OptionGroup var output: OutputOptions

    func run() {
        let console = Console.standard
        output.json ? console.say(.object(["version": .string(Version.number)])) : console.say(Version.text)
    }
}
