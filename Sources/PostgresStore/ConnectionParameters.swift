import Instants
import Synchronization

/// What libpq makes of an address: its parameters, with ours where the address leaves them out.
final class ConnectionParameters: Sendable {
    let values: [(name: String, value: String)]
    /// The hosts of the address in its order, with their ports.
    private let places: [Place]
    /// Which of them was connected to last: the next connection is tried there first, so that one that has gone without a
    /// word costs the others its time-out once.
    private let first = Atomic<Int>(0)

    private struct Place: Equatable {
        var host: String
        var port: String
    }

    /// Parameters of which each host has its own, in the order of the hosts.
    private static let lists: Set = ["host", "hostaddr", "port"]

    init(_ address: PostgresAddress, settings: PostgresStoreSettings, library: LibPQ) throws(PostgresStoreError) {
        var values = try Self.parsed(address, library: library)
        // Nobody may wait for ever.
        values.removeAll { $0.name == "connect_timeout" && (Int($0.value) ?? 0) < 1 }
        for (name, value) in [
            // Several hosts: the one that takes writes, also after a failover.
            ("target_session_attrs", "read-write"), ("fallback_application_name", "signet"),
            // In whole seconds, for each address of each host; libpq makes two of one.
            ("connect_timeout", "\(max(1, settings.connectTimeout.wholeMilliseconds / 1000))"),
            // A peer that vanished without a word is noticed within seconds, idle or not.
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"), ("client_encoding", "UTF8"),
        ] where !values.contains(where: { $0.name == name }) {
            values.append((name, value))
        }
        self.values = values
        places = Self.places(in: values)
    }

    private static func parsed(
        _ address: PostgresAddress,
        library: LibPQ
    ) throws(PostgresStoreError) -> [(name: String, value: String)] {
        var problem: UnsafeMutablePointer<CChar>?
        guard let options = library.parseAddress(address.uri, &problem) else {
            // The message can quote the password.
            library.freeMemory(problem)
            throw .badAddress(
                location: address.location,
                reason: "libpq cannot read it; is something not percent-encoded?"
            )
        }
        defer { library.freeAddress(options) }
        // PQconninfoOption: keyword, envvar, compiled, val, label, dispchar, dispsize.
        let size = 6 * MemoryLayout<UnsafeRawPointer?>.stride
        let stride = size + MemoryLayout<UnsafeRawPointer?>.stride
        var values: [(name: String, value: String)] = []
        var option = options
        while let keyword = option.load(as: UnsafePointer<CChar>?.self) {
            let value = option.load(fromByteOffset: 3 * MemoryLayout<Int>.stride, as: UnsafePointer<CChar>?.self)
            if let value { values.append((String(cString: keyword), String(cString: value))) }
            option += stride
        }
        return values
    }

    private static func split(_ list: String) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    private static func places(in values: [(name: String, value: String)]) -> [Place] {
        func list(_ name: String) -> [String]? { values.first { $0.name == name }.map { split($0.value) } }
        // What `PQhost` says: the name, and the address where there is none.
        guard let hosts = list("host") ?? list("hostaddr") else { return [] }
        let ports = list("port") ?? []
        return hosts.indices.map { index in
            let port = ports.count == hosts.count ? ports[index] : ports.first ?? ""
            return Place(host: hosts[index], port: port.isEmpty ? "5432" : port)
        }
    }

    /// `values`, beginning with the host that was connected to last.
    var ordered: [(name: String, value: String)] {
        let first = first.load(ordering: .relaxed)
        guard first > 0 else { return values }
        return values.map { name, value in
            guard Self.lists.contains(name) else { return (name, value) }
            let list = Self.split(value)
            // One port may be that of all hosts.
            guard list.count == places.count else { return (name, value) }
            return (name, (list[first...] + list[..<first]).joined(separator: ","))
        }
    }

    /// Remembers where the last connection led to, as `PQhost` and `PQport` tell.
    func noteConnected(host: String, port: String) {
        guard let place = places.firstIndex(of: Place(host: host, port: port)) else { return }
        first.store(place, ordering: .relaxed)
    }
}
