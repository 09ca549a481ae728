import Accounts
import ArgumentParser
import JOSE
import UpstreamLogin

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check the configuration, or show what is in effect.",
        discussion: """
            A flag wins over the environment, the environment over the file. The file is named with --config or \
            SIGNET_CONFIG.

            Providers by which people may sign in stand in the file under `upstreams`: see signet upstream --help.

            SETTINGS (key in the file; environment variable; standard value):
            \(Setting.all.map(\.help).joined(separator: "\n"))
            """,
        subcommands: [Check.self, Show.self]
    )

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report every fault of the configuration at once.",
            discussion: "Example:\n  signet config check --config /etc/signet.yaml"
        )

        @OptionGroup var store: StoreOptions

        func run() throws {
            _ = try store.configuration().settings.upstreamProviders()
            Console.standard.say("the configuration is sound")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting, its value and where it came from.",
            discussion: "Example:\n  SIGNET_LISTEN=0.0.0.0:8443 signet config show --json"
        )

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let effective = try store.configuration()
            let console = Console.standard
            guard !output.json else {
                var object = JSONObject()
                for setting in Setting.all {
                    object[setting.key] = [
                        "value": .string(effective.settings.text(of: setting)),
                        "source": .string(effective.source(of: setting).description),
                    ]
                }
                for (name, value) in effective.settings.upstreams.shown {
                    object[name] = ["value": .string(value), "source": "file"]
                }
                return console.say(.object(object))
            }
            var table = Table("SETTING", "VALUE", "SOURCE")
            for setting in Setting.all {
                let value = effective.settings.text(of: setting)
                table.rows.append([setting.key, value.isEmpty ? "-" : value, effective.source(of: setting).description])
            }
            for (name, value) in effective.settings.upstreams.shown { table.rows.append([name, value, "file"]) }
            table.show(on: console)
        }
    }
}

extension ConfiguredUpstreams {
    /// Every field of every provider; secrets are not among them, only where they are.
    fileprivate var shown: [(name: String, value: String)] {
        descriptions.sorted { $0.key.value < $1.key.value }.flatMap { name, description in
            UpstreamField.allCases.compactMap { field in
                description.fields[field].map {
                    (name: "upstreams.\(name).\(field.rawValue)", value: $0.joined(separator: ","))
                }
            }
        }
    }
}

extension Setting {
    fileprivate var help: String {
        "  \(key)\n      \(about)\n      \(environmentName)" + (standard.isEmpty ? "" : "; \(standard)")
    }
}
