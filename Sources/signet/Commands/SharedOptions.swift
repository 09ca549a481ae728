import ArgumentParser
import FoundationEssentials
import JOSE

/// `--json`, of every command that prints a result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON with stable keys instead of text.")
    var json = false
}

/// Which server a command works on.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp("The folder with the database and the master key (standard: signet-data).", valueName: "dir")
    )
    var dataDirectory: String?

    @Option(
        name: .customLong("store"),
        help: ArgumentHelp(
            "Where records are kept: sqlite, or postgres://user@host/database without a password.",
            valueName: "address"
        )
    )
    var address: String?

    @Option(name: .customLong("config"), help: ArgumentHelp("A configuration file in YAML.", valueName: "file"))
    var configurationFile: String?

    /// The configuration in effect, with more flags than these.
    func configuration(flags: [Setting: [String]] = [:]) throws -> EffectiveConfiguration {
        var flags = flags
        if let dataDirectory { flags[.dataDirectory] = [dataDirectory] }
        if let address { flags[.storeAddress] = [address] }
        return try Self.configuration(flags: flags, file: configurationFile)
    }

    /// The configuration in effect for a command that works on no store.
    static func configuration(flags: [Setting: [String]] = [:], file: String?) throws -> EffectiveConfiguration {
        do {
            return try EffectiveConfiguration.load(
                flags: flags,
                file: file,
                environment: ProcessInfo.processInfo.environment,
                readFile: { path throws(Failure) in try TextFile.read(path, what: "the configuration file") }
            )
        } catch let error as ConfigurationError {
            throw error.failure
        }
    }
}

/// Files that the operator names.
enum TextFile {
    static let largest = 1024 * 1024

    static func read(_ path: String, what: String) throws(Failure) -> String {
        do {
            let bytes = try Files.read(path, limit: largest)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw Failure(.noInput, "\(what) \(path) is not UTF-8 text")
            }
            return text
        } catch let error as Files.SystemError {
            throw Failure(.noInput, "\(what) \(path) cannot be read (\(error)): check the path and its mode")
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.noInput, "\(what) \(path) cannot be read")
        }
    }
}

extension Console {
    /// JSON whose strings may be anybody's: nothing in it steers the terminal.
    func say(_ value: JSON) { say(JSON.withoutControls(value.pretty)) }
}

extension OutputOptions {
    /// Says that something was done: a sentence, or JSON with what it was done to.
    func confirm(_ sentence: String, _ object: JSONObject, on console: Console = .standard) {
        json ? console.say(.object(object)) : console.say(sentence)
    }
}
