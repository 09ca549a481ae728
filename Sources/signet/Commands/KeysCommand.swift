import ArgumentParser
import AuthorizationServer
import JOSE
import OAuthVocabulary

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List, rotate and retire the keys that sign tokens.",
        subcommands: [List.self, Rotate.self, Retire.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the signing keys.",
            discussion: "Example:\n  signet keys list --json"
        )

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let bench = try await Workbench.open(try store.configuration().settings)
            let keys = try await bench.signingKeys.list(now: bench.now)
            await bench.close()
            keys.show(output: output)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make new signing keys.",
            discussion: """
                A new key is published at once and signs after the publication lead, so that APIs with a cached key set \
                know it by then. The key before it stays published until the last token that it signed has expired.

                Examples:
                  signet keys rotate
                  signet keys rotate --algorithm ES256 --now
                """
        )

        @Option(help: "Only the key of this algorithm: ES256, RS256 or EdDSA.") var algorithm: String?
        @Flag(name: .customLong("now"), help: "Sign with the new key at once, without publishing it ahead.")
        var isImmediate = false
        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let chosen = try algorithm.map { name throws(Failure) in
                guard let known = Keyring.algorithms.first(where: { $0.name == name }) else {
                    let names = Keyring.algorithms.map(\.name)
                    throw Failure(.usage, "there are no \(name) keys" + DidYouMean.suffix(name, among: names))
                }
                return known
            }
            let bench = try await Workbench.open(try store.configuration().settings)
            let made = try await bench.signingKeys.rotate(
                algorithm: chosen,
                immediately: isImmediate ? .atOnce : .afterPublication,
                now: bench.now
            )
            await bench.close()
            made.show(output: output)
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a key out of use now; what it signed is refused from here on.",
            discussion: """
                APIs that follow the revocation feed refuse what the key signed within a second; others when they read the \
                key set again.

                Example:
                  signet keys retire 9kF2…
                """
        )

        @Argument(help: "The key's kid.") var keyID: String
        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let bench = try await Workbench.open(try store.configuration().settings)
            try await bench.signingKeys.retire(keyID, now: bench.now)
            // A running server makes the successor within a second; without one the next start does.
            await bench.close()
            output.confirm("signing key \(keyID) is retired; what it signed is refused", ["kid": .string(keyID)])
        }
    }
}

extension [SigningKeySummary] {
    fileprivate func show(output: OutputOptions, on console: Console = .standard) {
        guard !output.json else {
            let keys: [JSON] = map { key in
                [
                    "kid": .string(key.keyID), "alg": .string(key.algorithm), "state": .string(key.state.rawValue),
                    "created_at": .string(key.createdAt.text), "active_from": .string(key.activeFrom.text),
                    "retired_at": JSON(key.retiredAt?.text),
                ]
            }
            return console.say(.array(keys))
        }
        var table = Table("KID", "ALG", "STATE", "SIGNS FROM", "UNTIL")
        for key in self {
            table.rows.append([
                key.keyID, key.algorithm, key.state.rawValue, key.activeFrom.text, key.retiredAt?.text ?? "-",
            ])
        }
        table.show(on: console)
    }
}
