import Foundation
import Instants
import ProcessTesting
import Storage
import Synchronization
import Testing

@testable import PostgresStore

@Suite(.serialized)
struct LostAnswerTests {
    @Test(.timeLimit(.minutes(2)))
    func `A commit whose answer is lost is unavailable, stands, and is not sent a second time`() async throws {
        let cluster = try await Cluster.shared
        let relay = try Relay(to: cluster.port)
        defer { relay.end() }
        let address = "postgres://postgres@127.0.0.1:\(relay.port)/postgres?sslmode=disable"
        let store = try await PostgresStore.opened("\(address)&signet_schema=\(TestServer.freshSchema())")
        var record = Record(number: 1)
        #expect(try await store.apply([.insert(record)], now: .testTime) == .applied)
        record.payload = [7]
        relay.cutAtNextCommit()
        // Repeated, it would meet its own first run and answer a conflict.
        await #expect(throws: StoreError.self) {
            try await store.apply([.replace(record, ifVersion: 1)], now: .testTime)
        }
        #expect(relay.hasCut)
        let found = try await store.find(record.key, now: .testTime)
        #expect(found?.version == 2 && found?.payload == [7])
        #expect(try await store.apply([.consume(record.key)], now: .testTime) == .applied)
        try await store.close()
    }
}

/// Passes bytes on between a store and a server, and cuts a connection when it is told to.
private final class Relay: Sendable {
    private enum Cut { case none, atNextCommit, done }

    let port: Int
    private let server: Int
    private let listener: Int32
    private let cut = Mutex(Cut.none)

    init(to server: Int) throws {
        self.server = server
        listener = socket(AF_INET, Self.stream, 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(listener, pointer, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, pointer, &length) == 0
            }
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else { throw ProgramFailure("the relay has no port") }
        Thread.detachNewThread { self.run() }
    }

    var hasCut: Bool { cut.withLock { $0 == .done } }
    func cutAtNextCommit() { cut.withLock { $0 = .atNextCommit } }
    func end() { shutdown(listener, Int32(SHUT_RDWR)) }

    #if canImport(Glibc)
        private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
        private static let stream = SOCK_STREAM
    #endif

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private func run() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            let server = socket(AF_INET, Self.stream, 0)
            var address = Self.loopback(self.server)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    connect(server, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            let isDoomed = Flag()
            Thread.detachNewThread { self.pass(from: client, to: server, isDoomed, isRequest: true) }
            Thread.detachNewThread { self.pass(from: server, to: client, isDoomed, isRequest: false) }
        }
        close(listener)
    }

    /// Passes on until one side is done, or the answer to the doomed commit has come, which is not passed on.
    private func pass(from: Int32, to: Int32, _ isDoomed: Flag, isRequest: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(from, &buffer, buffer.count)
            if count <= 0 || (!isRequest && isDoomed.value.load(ordering: .acquiring)) { break }
            if isRequest, Data(buffer[..<count]).range(of: Data("COMMIT\0".utf8)) != nil {
                cut.withLock { cut in
                    guard cut == .atNextCommit else { return }
                    cut = .done
                    isDoomed.value.store(true, ordering: .releasing)
                }
            }
            guard write(to, buffer, count) == count else { break }
        }
        // The numbers stay taken until the process ends: two threads use them.
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
    }
}

private final class Flag: Sendable {
    let value = Atomic(false)
}
