import ServerHTTP

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Asks whether a port is taken before anything is opened or written.
///
/// Only for a better moment to say so: between the question and the listening somebody else may come, and then the
/// listener says it.
enum PortProbe {
    static func isTaken(_ address: ListenAddress) -> Bool {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        // As the listener has it: one socket, so that `localhost` must mean one address.
        let host = address.host == "localhost" ? "127.0.0.1" : address.host
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(address.port)", &hints, &list) == 0, let first = list else { return false }
        defer { freeaddrinfo(list) }
        let info = first.pointee
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return bind(descriptor, info.ai_addr, info.ai_addrlen) != 0 && errno == EADDRINUSE
    }
}
