import AuthorizationServer
import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import ProcessTesting
import ServiceLifecycle
import Testing

@testable import ServerHTTP

/// A server on a real socket for the time of a test.
final class RunningServer: Sendable {
    let world: HTTPWorld
    let address: ListenAddress
    let group: ServiceGroup
    private let running: Task<Void, any Error>

    /// Starts it on a free port of the loopback.
    static func start(
        issuer: String = HTTPWorld.loopback,
        features: [any Feature] = [],
        configure: (inout HTTPConfiguration) -> Void = { _ in }
    ) async throws -> RunningServer {
        let (ports, bound) = AsyncStream.makeStream(of: ListenAddress.self)
        let world = try await HTTPWorld(issuer: issuer, features: Features.all + [EchoFeature()] + features) {
            configuration in
            configure(&configuration)
            configuration.onListening = { bound.yield($0) }
        }
        let group = ServiceGroup(
            configuration: .init(services: try world.server.services(), logger: world.log.logger)
        )
        let running = Task {
            defer { bound.finish() }
            try await group.run()
        }
        guard let address = await ports.first(where: { _ in true }) else {
            try await running.value
            throw Stopped()
        }
        return RunningServer(world, address, group, running)
    }

    struct Stopped: Error {}

    private init(
        _ world: HTTPWorld,
        _ address: ListenAddress,
        _ group: ServiceGroup,
        _ running: Task<Void, any Error>
    ) {
        self.world = world
        self.address = address
        self.group = group
        self.running = running
    }

    /// Asks for a shutdown and waits until everything has drained.
    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await running.value
    }

    func connect(tls: TLSConfiguration? = nil, reading: RawConnection.Reading = .always) async throws -> RawConnection {
        try await RawConnection.open(port: address.port, tls: tls, reading: reading)
    }
}

/// What a test wants of its server.
struct ServerSetup {
    var edit: (inout HTTPConfiguration) -> Void

    static func with(_ edit: @escaping (inout HTTPConfiguration) -> Void) -> ServerSetup { ServerSetup(edit: edit) }
    static var standard: ServerSetup { ServerSetup { _ in } }
}

/// Starts a server, and stops it whatever the test does.
func withServer(
    issuer: String = HTTPWorld.loopback,
    _ setup: ServerSetup = .standard,
    test: (RunningServer) async throws -> Void
) async throws {
    let server = try await RunningServer.start(issuer: issuer, configure: setup.edit)
    do {
        try await test(server)
    } catch {
        try? await server.stop()
        throw error
    }
    try await server.stop()
}

/// A connection that sends bytes as it likes, as no client library would.
final class RawConnection: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
        var negotiated: String?
        var isSecure = false
        var failure: String?
    }

    private let state = MutexBox(State())
    private let channel = MutexBox<(any Channel)?>(nil)

    enum Reading: Sendable { case always, never }

    static func open(port: Int, tls: TLSConfiguration?, reading: Reading) async throws -> RawConnection {
        let connection = RawConnection()
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: "localhost")
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .channelOption(.autoRead, value: reading == .always)
            .connect(host: "127.0.0.1", port: port).get()
        connection.channel.change { $0 = channel }
        return connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        state.change { $0.bytes += bytes }
    }

    func channelInactive(context: ChannelHandlerContext) { state.change { $0.isClosed = true } }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated) = event as? TLSUserEvent {
            state.change {
                $0.negotiated = negotiated
                $0.isSecure = true
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let text = "\(error)"
        state.change { $0.failure = text }
        context.close(promise: nil)
    }

    var text: String { String(decoding: state.value.bytes, as: UTF8.self) }
    var isClosed: Bool { state.value.isClosed }
    var negotiated: String? { state.value.negotiated }
    var isSecure: Bool { state.value.isSecure }

    func send(_ text: String) async throws {
        guard let channel = channel.value else { return }
        try await channel.writeAndFlush(ByteBuffer(string: text)).get()
    }

    /// Waits until the condition holds; `false` if it never does.
    @discardableResult
    func wait(_ limit: Duration = .seconds(60), until condition: (RawConnection) -> Bool) async throws -> Bool {
        let rounds = Int(limit / .milliseconds(10))
        for _ in 0..<rounds {
            if condition(self) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return condition(self)
    }

    /// Closes the side that sends.
    func finishSending() async throws { try await channel.value?.close(mode: .output).get() }

    func close() async throws { try? await channel.value?.close().get() }
}

/// Certificates made for a test.
enum TestCertificates {
    /// Writes a self-signed certificate and its key into the folder.
    static func make(in folder: String, name: String) async throws -> TLSFiles {
        let files = TLSFiles(certificate: "\(folder)/\(name).crt", privateKey: "\(folder)/\(name).key")
        try await runProgram(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                files.privateKey, "-out", files.certificate,
            ]
        )
        return files
    }

    /// A client that trusts exactly this certificate.
    static func client(
        trusting files: TLSFiles,
        offering protocols: [String] = [],
        maximum: TLSVersion? = nil
    ) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(files.certificate))
        configuration.applicationProtocols = protocols
        configuration.maximumTLSVersion = maximum
        configuration.minimumTLSVersion = .tlsv1
        return configuration
    }
}
