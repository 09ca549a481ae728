import NIOCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The listening socket, for whoever stops the server: it can be closed without breaking a connection.
///
/// A socket that is closed resets what the system has connected and the process has not accepted yet. A proxy in front may
/// have sent its request by then, and may not repeat a POST. So beginnings are turned away first: the system no longer
/// answers them, whoever tries repeats that after a second, and is refused by then or meets the next process.
package final class ListeningSocket: Sendable {
    /// How long the last connections have to say what they want: the request follows its connection at once.
    private static let lastRequests: Duration = .milliseconds(250)
    /// How long they may wait to be accepted; a process that takes longer has other troubles.
    private static let longestWait: Duration = .seconds(2)
    private static let look: Duration = .milliseconds(5)

    private let channel = Mutex<(any Channel)?>(nil)

    package init() {}

    func opened(_ channel: any Channel) { self.channel.withLock { $0 = channel } }

    /// Lets no connection begin any more, and returns when those that had begun were accepted and their requests read.
    ///
    /// Does nothing where the system cannot do it (other than Linux), or while nothing listens.
    package func turnAwayNewConnections() async {
        #if os(Linux)
            guard let socket = channel.withLock({ $0 }) as? any SocketOptionProvider else { return }
            let isTurning: Void? = try? await socket.unsafeSetSocketOption(
                level: .socket,
                name: ConnectionFilter.attach,
                value: ConnectionFilter()
            ).get()
            guard isTurning != nil else { return }
            var waited: Duration = .zero
            // Of a listening socket it is the number of connections that wait to be accepted.
            while waited < Self.longestWait, let info = try? await socket.getTCPInfo().get(), info.tcpi_unacked > 0 {
                try? await Task.sleep(for: Self.look)
                waited += Self.look
            }
            try? await Task.sleep(for: Self.lastRequests)
        #endif
    }
}

#if os(Linux)
    /// Linux's `struct sock_fprog`: a program of the classic packet filter that drops what asks for a new connection.
    private struct ConnectionFilter: Sendable {
        /// `SO_ATTACH_FILTER` of socket(7).
        static let attach = NIOBSDSocket.Option(rawValue: 26)

        /// Linux's `struct sock_filter`.
        private struct Instruction {
            var code: UInt16
            var ifTrue: UInt8 = 0
            var ifFalse: UInt8 = 0
            var operand: UInt32
        }

        private let count = UInt16(Self.program.count)
        private let address = Self.instructions

        /// A listening socket's filter sees packets from their TCP header on; its 14th byte holds the flags.
        private static let program = [
            Instruction(code: 0x30, operand: 13),  // load that byte
            Instruction(code: 0x54, operand: 0x12),  // of it SYN and ACK
            Instruction(code: 0x15, ifFalse: 1, operand: 0x02),  // unless it is SYN alone, skip one
            Instruction(code: 0x06, operand: 0),  // drop
            Instruction(code: 0x06, operand: .max),  // let it through
        ]

        /// Where the program lies, for as long as the process lives.
        private static let instructions: UInt = {
            let memory = UnsafeMutableBufferPointer<Instruction>.allocate(capacity: program.count)
            _ = memory.initialize(from: program)
            return UInt(bitPattern: memory.baseAddress)
        }()
    }
#endif
