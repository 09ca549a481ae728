// Room: the executable. Subcommands in Commands/, what an operator can set in Configuration/, the folder of a server in
// DataFolder/, the wiring of a running server in Serving/, and what is printed in Console/. Decides nothing about OAuth.

import ArgumentParser

@main
enum Entry {
    static func main() async {
        do {
            var command = try SignetCommand.parseAsRoot(Identifiers.apart(Array(CommandLine.arguments.dropFirst())))
            if command is ServeCommand { ProcessorShare.prepare() }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = Failure(error) else { SignetCommand.exit(withError: error) }
            failure.show(on: .standard)
            SignetCommand.exit(withError: ExitCode(failure.status.code))
        }
    }
}
