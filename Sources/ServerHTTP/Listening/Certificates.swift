import Crypto
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// A certificate chain with its private key, proven to belong together.
struct CertificatePair: Sendable {
    let chain: [NIOSSLCertificate]
    let privateKey: NIOSSLPrivateKey
    /// What was read, so that a change is recognised whatever the file times say.
    let fingerprint: [UInt8]

    static func fingerprint(of files: TLSFiles) throws(ListenFault) -> [UInt8] {
        let certificate = try read(files.certificate)
        let privateKey = try read(files.privateKey)
        return Array(SHA256.hash(data: certificate)) + Array(SHA256.hash(data: privateKey))
    }

    init(_ files: TLSFiles) throws(ListenFault) {
        fingerprint = try Self.fingerprint(of: files)
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(Array(try Self.read(files.certificate)))
        } catch let fault as ListenFault {
            throw fault
        } catch {
            throw .certificate("\(files.certificate) holds no PEM certificate")
        }
        guard !chain.isEmpty else { throw .certificate("\(files.certificate) holds no PEM certificate") }
        do {
            privateKey = try NIOSSLPrivateKey(bytes: Array(try Self.read(files.privateKey)), format: .pem)
        } catch let fault as ListenFault {
            throw fault
        } catch {
            throw .certificate("\(files.privateKey) holds no PEM private key that can be read without a password")
        }
        do {
            // BoringSSL compares the key with the certificate here.
            _ = try NIOSSLContext(configuration: Self.configuration(chain, privateKey))
        } catch {
            throw .certificate("the private key in \(files.privateKey) does not belong to \(files.certificate)")
        }
    }

    static func configuration(_ chain: [NIOSSLCertificate], _ privateKey: NIOSSLPrivateKey) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(privateKey)
        )
        // RFC 9325 §3.1.1: TLS 1.0 and 1.1 must not be negotiated.
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }

    private static func read(_ path: String) throws(ListenFault) -> Data {
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch {
            throw .certificate("\(path) cannot be read")
        }
    }
}

/// The certificate of this moment: handshakes read it, the reloader swaps it.
final class CertificateStore: Sendable {
    let files: TLSFiles
    private let logger: Logger
    private let current: Mutex<CertificatePair>
    /// What was last looked at, good or bad, so that a bad file is reported once.
    private let lastSeen: Mutex<[UInt8]>

    init(files: TLSFiles, logger: Logger) throws(ListenFault) {
        let pair = try CertificatePair(files)
        self.files = files
        self.logger = logger
        current = Mutex(pair)
        lastSeen = Mutex(pair.fingerprint)
    }

    /// TLS for the listener: every handshake takes the pair that is current then.
    var configuration: TLSConfiguration {
        let pair = current.withLock { $0 }
        var configuration = CertificatePair.configuration(pair.chain, pair.privateKey)
        configuration.sslContextCallback = { [self] _, promise in
            let pair = current.withLock { $0 }
            var override = NIOSSLContextConfigurationOverride()
            override.certificateChain = pair.chain.map { .certificate($0) }
            override.privateKey = .privateKey(pair.privateKey)
            promise.succeed(override)
        }
        return configuration
    }

    /// Takes new files if they changed and are good; keeps the old pair otherwise, and says so once.
    func reload() {
        let seen = (try? CertificatePair.fingerprint(of: files)) ?? []
        let isNew = lastSeen.withLock { last in
            defer { last = seen }
            return last != seen
        }
        guard isNew else { return }
        do {
            let pair = try CertificatePair(files)
            current.withLock { $0 = pair }
            logger.notice("the TLS certificate was reloaded", metadata: ["certificate": "\(files.certificate)"])
        } catch {
            logger.error("the new TLS files are not used, the old certificate stays", metadata: ["reason": "\(error)"])
        }
    }
}

/// Looks at the TLS files every few seconds.
struct CertificateReloader: Service {
    let certificates: CertificateStore
    let interval: Duration
    let logger: Logger

    func run() async throws {
        while await slept() {
            try await NIOThreadPool.singleton.runIfActive { certificates.reload() }
        }
    }

    /// Whether the interval passed without a shutdown.
    private func slept() async -> Bool {
        do {
            try await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }
            return !Task.isShuttingDownGracefully
        } catch {
            return false
        }
    }
}
