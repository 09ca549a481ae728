import NIOCore
import NIOSSL

/// What TLS connections are made with; the files are read once.
struct RedisEncryption: Sendable {
    let context: NIOSSLContext
    /// `nil` where Redis is addressed by a number: the certificate must then name that number.
    let serverName: String?

    init(_ tls: RedisTLS, place: RedisAddress.Place) throws(RedisError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        do {
            if let authorities = tls.authorities {
                // Read here, so that a wrong path is told now and by its name.
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
            }
            if let certificate = tls.certificate, let privateKey = tls.privateKey {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate)
                    .map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKey, format: .pem))
            }
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            let files = [tls.authorities, tls.certificate, tls.privateKey].compactMap(\.self).joined(separator: ", ")
            throw .refused(reason: "the PEM files for TLS cannot be used: \(files)")
        }
        if let name = tls.serverName {
            serverName = name
        } else if case .network(let host, _) = place, (try? SocketAddress(ipAddress: host, port: 0)) == nil {
            serverName = host
        } else {
            serverName = nil
        }
    }

    func handler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: serverName)
    }
}
