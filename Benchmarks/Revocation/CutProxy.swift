internal import Foundation

/// A TCP proxy that can stop forwarding: connections stay open, and nothing comes through any more.
final class CutProxy: @unchecked Sendable {
    /// Where it listens, on loopback.
    let port: UInt16

    private let target: UInt16
    private let listener: Int32
    private let lock = NSLock()
    private var isCut = false
    private var open: Set<Int32> = []

    init(to target: UInt16) throws {
        self.target = target
        let listener = socket(AF_INET, Sockets.stream, 0)
        var address = Wire.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw Fault("the proxy cannot listen") }
        self.listener = listener
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in accept() }
    }

    /// From when this returns, no byte is passed on.
    func cut() { lock.withLock { isCut = true } }

    /// Lets bytes through again, on new connections: the old ones are closed.
    func mend() {
        lock.withLock {
            for each in open { shutdown(each, Int32(SHUT_RDWR)) }
            isCut = false
        }
    }

    private func accept() {
        while true {
            let near = Foundation.accept(listener, nil, nil)
            guard near >= 0, let far = try? Wire.connected(to: target) else { return }
            var forever = timeval()
            setsockopt(far, SOL_SOCKET, SO_RCVTIMEO, &forever, socklen_t(MemoryLayout<timeval>.size))
            var one: Int32 = 1
            setsockopt(near, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            lock.withLock {
                _ = open.insert(near)
                _ = open.insert(far)
            }
            let pair = Pair(near: near, far: far, proxy: self)
            Thread.detachNewThread { self.pump(near, far, pair) }
            Thread.detachNewThread { self.pump(far, near, pair) }
        }
    }

    private func pump(_ source: Int32, _ sink: Int32, _ pair: Pair) {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = recv(source, &bytes, bytes.count, 0)
            guard count > 0 else { break }
            // The bytes of a connection that was cut are gone with it.
            guard !lock.withLock({ isCut }) else { continue }
            var sent = 0
            while sent < count {
                let more = bytes[sent..<count].withUnsafeBytes {
                    send(sink, $0.baseAddress, $0.count, Sockets.noSignal)
                }
                guard more > 0 else { break }
                sent += more
            }
        }
        shutdown(sink, Int32(SHUT_RDWR))
        withExtendedLifetime(pair) {}
    }

    /// Closes both ends when both directions are done with them.
    private final class Pair: Sendable {
        let near: Int32
        let far: Int32
        let proxy: CutProxy

        init(near: Int32, far: Int32, proxy: CutProxy) {
            self.near = near
            self.far = far
            self.proxy = proxy
        }

        deinit {
            proxy.lock.withLock {
                proxy.open.subtract([near, far])
                close(near)
                close(far)
            }
        }
    }
}
