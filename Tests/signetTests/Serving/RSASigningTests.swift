import Foundation
import JOSE
import Logging
import Synchronization
import SystemCrypto
import Testing

@testable import signet

@Suite("Serving: what makes RSA signatures")
struct RSASigningTests {
    /// The lines of a logger.
    final class Lines: Sendable {
        private struct Handler: LogHandler {
            let lines: Lines
            var metadata: Logger.Metadata = [:]
            var logLevel = Logger.Level.trace

            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                let reason = event.metadata?["reason"].map { ": \($0)" } ?? ""
                lines.state.withLock { $0.append("\(event.level) \(event.message)\(reason)") }
            }
        }

        private let state = Mutex<[String]>([])

        var all: [String] { state.withLock { $0 } }
        var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }
    }

    static let systemHasLibrary = (try? SystemLibrary(onFault: {})) != nil

    @Test("Without the library swift-crypto signs, and the log says why")
    func absentLibrary() throws {
        let lines = Lines()
        let signing = RSASigning(.automatic, library: "libcrypto.so.399", logger: lines.logger)
        let key = try SigningKey.generate(.rs256)
        #expect(try signing.prepare(key).sign([1]) == key.sign([1]))
        #expect(
            lines.all == ["info RSA signatures are made by swift-crypto: libcrypto.so.399 cannot be loaded"]
        )
    }

    @Test("Where the operator turned the library off it is not loaded, and the log says so")
    func turnedOff() throws {
        let lines = Lines()
        let signing = RSASigning(.swiftCrypto, logger: lines.logger)
        let key = try SigningKey.generate(.rs256)
        #expect(try signing.prepare(key).sign([1]) == key.sign([1]))
        #expect(lines.all == ["info RSA signatures are made by swift-crypto: keys.rsa_signer says so"])
    }

    @Test("With the library, the log says for each RSA key what signs", .enabled(if: systemHasLibrary))
    func present() throws {
        let lines = Lines()
        let signing = RSASigning(.automatic, logger: lines.logger)
        for algorithm in [SignatureAlgorithm.rs256, .es256] {
            let key = try SigningKey.generate(algorithm)
            let prepared = signing.prepare(key)
            let token = try JWS.signed([1], by: prepared)
            _ = try UnverifiedJWS(token).verified(by: KeySet([key.verificationKey]), algorithms: [algorithm])
        }
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.hasPrefix("info RS256 signatures are made by ") == true)
    }

    @Test("The server does not read what OPENSSL_CONF names", .enabled(if: systemHasLibrary), .timeLimit(.minutes(5)))
    func configurationIsNotRead() async throws {
        let folder = try TemporaryFolder()
        // Whoever reads a pipe into which nobody writes waits for ever.
        let pipe = folder.path + "/openssl.cnf"
        #expect(mkfifo(pipe, 0o600) == 0)
        let port = Executable.freePort()
        let child = try Child(
            [
                "serve", "--data-dir", folder.path + "/data", "--listen", "127.0.0.1:\(port)", "--issuer",
                "http://localhost:\(port)",
            ],
            environment: ["OPENSSL_CONF": pipe]
        )
        while child.isRunning, !child.text(of: "output").contains("Ctrl-C stops it.") {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(child.isRunning)
        child.terminate()
        let outcome = await child.outcome()
        #expect(outcome.errors.contains("RS256 signatures are made by"), "the library was not asked")
    }

    @Test("A gain of a few per cent is none")
    func gain() {
        #expect(RSASigning.Times(own: 570, other: 258).gain > RSASigning.worthwhileGain)
        #expect(RSASigning.Times(own: 1760, other: 1800).gain < RSASigning.worthwhileGain)
        #expect(RSASigning.Times(own: 105, other: 100).gain < RSASigning.worthwhileGain)
    }
}
