import ArgumentParser
import Foundation
import Testing

@testable import signet

@Suite("Command line: every command")
struct CommandTreeTests {
    static func leaves(
        of command: any ParsableCommand.Type = SignetCommand.self,
        path: [String] = []
    ) -> [(path: [String], command: any ParsableCommand.Type)] {
        let subcommands = command.configuration.subcommands
        guard !subcommands.isEmpty else { return [(path, command)] }
        return subcommands.flatMap { leaves(of: $0, path: path + [$0._commandName]) }
    }

    @Test("Every command has an abstract and examples")
    func examples() {
        let all = Self.leaves()
        #expect(all.count == 60)
        for (path, command) in all where path != ["version"] {
            let name = path.joined(separator: " ")
            #expect(!command.configuration.abstract.isEmpty, "\(name)")
            #expect(command.configuration.discussion.contains("Example"), "\(name)")
            #expect(command.configuration.discussion.contains("signet \(path[0])"), "\(name)")
        }
    }

    @Test("Every command that prints a result has --json, and every one that works on a store --data-dir and --config")
    func sharedOptions() {
        for (path, command) in Self.leaves() {
            let name = path.joined(separator: " ")
            let help = SignetCommand.helpMessage(for: command, columns: 200)
            // What jwt prints is a token, a key or JSON already, and it works on files of its own.
            guard path[0] != "jwt" else { continue }
            if name != "serve" && name != "config check" { #expect(help.contains("--json"), "\(name)") }
            // A login is somebody else's server and lies in a folder of its own.
            guard name != "version", !["login", "logout"].contains(path[0]) else { continue }
            #expect(help.contains("--data-dir"), "\(name)")
            #expect(help.contains("--config"), "\(name)")
        }
    }

    @Test("An identifier that begins with a hyphen is no option; options stay what and where they are")
    func identifiers() {
        let key = "-K9l4yfw9z8zV31nIyhYNDNrofRyRSoFw5OS0Oo-ObE"
        #expect(Identifiers.apart(["keys", "retire", key, "--json"]) == ["keys", "retire", "--json", "--", key])
        #expect(Identifiers.apart(["keys", "retire", "--json", key]) == ["keys", "retire", "--json", "--", key])
        let twice = "--" + key.dropFirst(2)
        #expect(Identifiers.apart(["keys", "retire", twice]) == ["keys", "retire", "--", twice])
        let client = "-4hEq2hbcXnK7_Qd"
        #expect(Identifiers.apart(["client", "update", client, "--disable"]).suffix(2) == ["--", client])
        #expect(Identifiers.apart(["revoke", "--jti", key, "--json"]) == ["revoke", "--jti=\(key)", "--json"])
        #expect(Identifiers.apart(["login", "--client", client]) == ["login", "--client=\(client)"])
        for untouched in [
            ["serve", "--authorization-code-lifetime", "30s"], ["keys", "retire", "--", key], ["keys", "list", "-h"],
            ["token", "show", "-"], ["jwt", "verify", "-unchecked-issuer"],
            ["client", "update", "app", "--name", "-K"],
        ] { #expect(Identifiers.apart(untouched) == untouched) }
        for option in Self.leaves().flatMap({ Self.options(of: $0.command) }) {
            #expect(Identifiers.apart([option]) == [option], "taken for an identifier")
        }
    }

    private static func options(of command: any ParsableCommand.Type) -> [String] {
        SignetCommand.helpMessage(for: command, columns: 200).matches(of: #/(?:^|[ \[(])(--?[a-zA-Z][\w-]*)/#).map {
            String($0.1)
        }
    }

    @Test("The examples of the help are accepted by the parser")
    func examplesParse() throws {
        var count = 0
        for (path, command) in Self.leaves() {
            let lines = command.configuration.discussion.split(separator: "\n").filter {
                $0.contains("signet \(path[0])")
            }
            for line in lines {
                let text = line[(line.range(of: "signet ")?.lowerBound ?? line.startIndex)...]
                let words = Self.words(String(text.prefix { $0 != "<" && $0 != "|" }))
                _ = try SignetCommand.parseAsRoot(Array(words.dropFirst()))
                count += 1
            }
        }
        #expect(count > 40)
    }

    /// Words as a shell splits them, with single quotes.
    static func words(_ line: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isQuoted = false
        for character in line {
            switch character {
            case "'": isQuoted.toggle()
            case " " where !isQuoted:
                if !word.isEmpty { words.append(word) }
                word = ""
            default: word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }
}
