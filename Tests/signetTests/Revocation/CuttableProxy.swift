import NIOCore
import NIOPosix
import Synchronization

/// A wire between an API and its issuer that can be cut in the ways in which wires are.
final class CuttableProxy: Sendable {
    enum Condition: Sendable {
        case whole
        /// Connections stand, and new ones come about; nothing comes through until it is whole again.
        case silent
        /// Nobody listens, and what was connected is closed.
        case refusing
        /// What was connected is forgotten without a word to the API; new connections are as ever.
        case halfOpen
    }

    private struct State {
        var condition = Condition.whole
        var listener: (any Channel)?
        var relays: [Relay] = []
        var connections = 0
    }

    let port: Int
    private let target: Int
    private let state = Mutex(State())

    private init(port: Int, target: Int) {
        self.port = port
        self.target = target
    }

    /// How many connections came about.
    var connections: Int { state.withLock(\.connections) }

    /// Stands between while the body runs.
    static func with(to target: Int, _ body: (CuttableProxy) async throws -> Void) async throws {
        let proxy = CuttableProxy(port: Executable.freePort(), target: target)
        try await proxy.listen()
        do {
            try await body(proxy)
        } catch {
            await proxy.set(.refusing)
            throw error
        }
        await proxy.set(.refusing)
    }

    /// What the server sends after this has returned does not arrive, unless the wire is whole.
    func set(_ condition: Condition) async {
        let (listener, relays) = state.withLock { state in
            state.condition = condition
            return (state.listener, state.relays)
        }
        switch condition {
        case .silent: break
        case .whole:
            if listener == nil { try? await listen() }
            for relay in relays { relay.flush() }
        case .refusing:
            state.withLock {
                $0.listener = nil
                $0.relays = []
            }
            try? await listener?.close()
            for relay in relays { try? await relay.peer.close() }
        case .halfOpen:
            // The relays that write to the API lose their issuer, and say nothing of it.
            for relay in relays { relay.forget() }
            state.withLock { $0.relays = [] }
        }
    }

    private var isSilent: Bool {
        state.withLock { if case .silent = $0.condition { true } else { false } }
    }

    private func listen() async throws {
        let target = target
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [self] near in
                ClientBootstrap(group: near.eventLoop).channelInitializer { [self] far in
                    far.pipeline.addHandler(relay(to: near))
                }
                .connect(host: "127.0.0.1", port: target)
                .flatMap { [self] far in
                    near.pipeline.addHandler(relay(to: far)).flatMap { near.setOption(.autoRead, value: true) }
                }
            }
            .bind(host: "127.0.0.1", port: port)
            .get()
        state.withLock { $0.listener = listener }
    }

    private func relay(to peer: any Channel) -> Relay {
        let relay = Relay(peer: peer) { [weak self] in self?.isSilent ?? false }
        state.withLock { state in
            state.relays.append(relay)
            state.connections += 1
        }
        return relay
    }

    /// One direction of one connection; everything happens on the loop that both ends share.
    private final class Relay: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        let peer: any Channel
        private let isSilent: @Sendable () -> Bool
        private let state = Mutex((held: [ByteBuffer](), isForgotten: false))

        init(peer: any Channel, isSilent: @escaping @Sendable () -> Bool) {
            self.peer = peer
            self.isSilent = isSilent
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            let isHeld = state.withLock { state in
                guard !state.isForgotten else { return true }
                guard isSilent() || !state.held.isEmpty else { return false }
                state.held.append(buffer)
                return true
            }
            if !isHeld { peer.writeAndFlush(buffer, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            if !state.withLock(\.isForgotten) { peer.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func flush() {
            peer.eventLoop.execute { [self] in
                let held = state.withLock { state in
                    defer { state.held = [] }
                    return state.held
                }
                for buffer in held { peer.writeAndFlush(buffer, promise: nil) }
            }
        }

        func forget() { state.withLock { $0 = ([], true) } }
    }
}
