// Room: upstream providers as the operator gives them, in the configuration file or by `signet upstream`, their secrets, and how
// a running server hears of changes. What the fields mean is UpstreamLogin's. Owns the record kind `upstream-provider`.

import Accounts
import AuthorizationServer
import Instants
import Logging
import OAuthVocabulary
import ServiceLifecycle
import Storage
import UpstreamLogin

/// The providers of the configuration file.
///
/// Their secrets are read where they are needed: other commands run without them.
struct ConfiguredUpstreams: Hashable, Sendable {
    var descriptions: [UpstreamName: UpstreamDescription] = [:]

    /// Understands all of them; every fault at once.
    func providers(
        environment: [String: String],
        readFile: (String) throws(Failure) -> String
    ) throws -> [UpstreamProvider] {
        var providers: [UpstreamProvider] = []
        var faults: [String] = []
        for (name, description) in descriptions.sorted(by: { $0.key.value < $1.key.value }) {
            do {
                let secrets = try UpstreamSecrets(description, environment: environment, readFile: readFile)
                providers.append(try UpstreamProvider(name, description, secrets: secrets))
            } catch let failure as Failure {
                faults += failure.sentences.map { "upstreams.\(name): \($0)" }
            } catch let error as UpstreamFaults {
                faults += error.faults.map { "upstreams.\(name).\($0)" }
            }
        }
        guard faults.isEmpty else { throw ConfigurationError(faults: faults) }
        return providers
    }
}

extension UpstreamSecrets {
    /// Reads what a description keeps in files and variables.
    init(
        _ description: UpstreamDescription,
        environment: [String: String],
        readFile: (String) throws(Failure) -> String
    ) throws(Failure) {
        self.init()
        if let path = description[.clientSecretFile] {
            let text = try readFile(path)
            clientSecret = String(text.prefix { !$0.isNewline })
        } else if let variable = description[.clientSecretVariable] {
            guard let secret = environment[variable], !secret.isEmpty else {
                throw Failure(.configuration, "client_secret_env: the environment variable \(variable) is not set")
            }
            clientSecret = secret
        }
        if let path = description[.privateKeyFile] { privateKey = try readFile(path) }
    }
}

/// Reads the providers on record every second, so that `signet upstream` in another process takes effect at once: a provider
/// that is switched off signs nobody in any more (CVE-2026-1486, CVE-2026-2603).
struct UpstreamRefresher: Service {
    let configured: [UpstreamProvider]
    let records: UpstreamRecords
    let register: UpstreamRegister
    let time: any TimeSource
    let logger: Logger
    var pause: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var last: [Record]?
            while (try? await Task.sleep(for: pause)) != nil { await refresh(&last) }
        }
    }

    /// Takes what is on record now, if it is not what it was.
    func refresh(_ last: inout [Record]?) async {
        do {
            let now = try await records.page(now: time.moment().steady)
            guard now != last else { return }
            let names = Set(configured.map(\.name))
            var providers = configured
            for record in now {
                do {
                    let stored = try records.open(record)
                    // The file wins: whoever wrote it sees it in front of them.
                    guard !names.contains(stored.name) else { continue }
                    providers.append(try stored.provider)
                } catch {
                    logger.error("an upstream provider on record cannot be used", metadata: ["error": "\(error)"])
                }
            }
            try register.replace(with: providers)
            last = now
        } catch {
            // What was known stays in use.
            logger.warning("the upstream providers could not be read", metadata: ["error": "\(error)"])
        }
    }
}
