internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Finds the addresses of a name, handed in so that a test can say what a name leads to.
package protocol HostResolver: Sendable {
    /// The addresses, the best first; empty where the name has none.
    func addresses(of name: String) async -> [IPAddress]
}

/// The system's resolver: hosts file, DNS, and whatever else the machine is set up for.
package struct SystemHostResolver: HostResolver {
    /// How long an answer is waited for.
    ///
    /// The system's call cannot be interrupted: when it answers later, nobody listens.
    var patience: Duration = .seconds(5)

    package init() {}

    package func addresses(of name: String) async -> [IPAddress] {
        let waiting = Waiting()
        return await withCheckedContinuation { continuation in
            waiting.begin(continuation)
            DispatchQueue.global().async { waiting.end(Self.lookUp(name)) }
            let (seconds, attoseconds) = patience.components
            let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { waiting.end([]) }
        }
    }

    /// Answers once, whoever is first.
    private final class Waiting: Sendable {
        private let continuation = Mutex<CheckedContinuation<[IPAddress], Never>?>(nil)

        func begin(_ new: CheckedContinuation<[IPAddress], Never>) { continuation.withLock { $0 = new } }

        func end(_ addresses: [IPAddress]) {
            let first = continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }
            first?.resume(returning: addresses)
        }
    }

    private static func lookUp(_ name: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        // One entry an address; nothing is opened by it.
        #if canImport(Darwin) || canImport(Musl)
            hints.ai_socktype = SOCK_STREAM
        #else
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
        defer { if let list { freeaddrinfo(list) } }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = address(entry), !addresses.contains(address) { addresses.append(address) }
            next = entry.ai_next
        }
        return addresses
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let socket = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in>.size:
            let four = socket.loadUnaligned(as: sockaddr_in.self).sin_addr
            return IPAddress(octets: withUnsafeBytes(of: four) { Array($0) })
        case AF_INET6 where Int(entry.ai_addrlen) >= MemoryLayout<sockaddr_in6>.size:
            let sixteen = socket.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            return IPAddress(octets: withUnsafeBytes(of: sixteen) { Array($0) })
        default:
            return nil
        }
    }
}
