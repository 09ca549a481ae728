// Listening: sockets, TLS (RFC 8446; TLS 1.2 at least, RFC 9325 §3.1.1), ALPN between HTTP/2 and HTTP/1.1 (RFC 7301),
// draining at shutdown. Keeps the current certificate in memory; stores nothing.

import Hummingbird
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The listening socket as a service: binds, serves, drains, and says in one sentence why it could not.
struct Listener: Service {
    let application: Application<FrontDoor>
    let address: ListenAddress
    let drainTimeout: Duration

    func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.run() }
                group.addTask {
                    try await gracefulShutdown()
                    try await Task.sleep(for: drainTimeout)
                }
                // Whichever ends first: everything was answered, or the time for it is over.
                _ = try await group.next()
                group.cancelAll()
            }
        } catch {
            throw ListenFault(binding: address, error) ?? error
        }
    }
}

/// Why the server cannot listen, in a sentence for the operator.
package enum ListenFault: Error, Hashable, Sendable, CustomStringConvertible {
    case portTaken(ListenAddress)
    case notPermitted(ListenAddress)
    case addressNotAvailable(ListenAddress)
    case unknownHost(ListenAddress)
    /// What is wrong with the TLS files.
    case certificate(String)

    package var description: String {
        switch self {
        case .portTaken(let address):
            "cannot listen on \(address): another process has the port; stop it or choose another with --listen"
        case .notPermitted(let address):
            "cannot listen on \(address): not permitted; ports below 1024 need a privilege, choose a higher one"
        case .addressNotAvailable(let address):
            "cannot listen on \(address): this machine does not have that address"
        case .unknownHost(let address):
            "cannot listen on \(address): the host name does not resolve"
        case .certificate(let reason):
            "cannot use the TLS files: \(reason)"
        }
    }

    /// The fault behind an error of binding; `nil` if it is another one.
    init?(binding address: ListenAddress, _ error: any Error) {
        switch error {
        case let fault as ListenFault: self = fault
        case let error as IOError:
            switch error.errnoCode {
            case EADDRINUSE: self = .portTaken(address)
            case EACCES, EPERM: self = .notPermitted(address)
            case EADDRNOTAVAIL: self = .addressNotAvailable(address)
            default: return nil
            }
        case is SocketAddressError: self = .unknownHost(address)
        default: return nil
        }
    }
}
