/// An address as the operator gives it: libpq's own connection URI, and parameters of ours, whose names begin with
/// `signet_`.
struct PostgresAddress: Sendable {
    /// What libpq is given.
    var uri: String
    /// What messages may show: no password, and of the parameters only those that cannot hold a secret.
    var location: String
    /// `signet_schema`: the schema that the tables are in.
    var schema = "signet"
    /// `signet_prepared=off`: a pooler in transaction mode is in between, so nothing may outlive a transaction.
    var isPooled = false
    /// `signet_direct`: the server itself, for LISTEN and migrations.
    var direct: String?

    private static let shownParameters: Set = [
        "host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert", "target_session_attrs",
        "application_name", "connect_timeout", "load_balance_hosts", "signet_schema", "signet_prepared",
    ]

    init(_ address: String, behind direct: String?) throws(PostgresStoreError) {
        try self.init(address)
        guard let direct else { return }
        self.direct = direct
        isPooled = true
    }

    init(_ address: String) throws(PostgresStoreError) {
        let parts = AddressParts(address)
        guard !parts.scheme.isEmpty else {
            throw .badAddress(location: "What was given", reason: "it does not begin with postgres://")
        }
        location = parts.shown(parameters: Self.shownParameters)
        uri = String(parts.scheme + parts.hierarchy)
        try readParameters(parts.parameters)
    }

    private mutating func readParameters(_ parameters: [Substring]) throws(PostgresStoreError) {
        var kept: [Substring] = []
        for pair in parameters {
            let name = String(pair.prefix { $0 != "=" })
            let value = pair.dropFirst(name.count + 1)
            switch name {
            case "signet_schema": schema = String(value)
            case "signet_prepared":
                guard value == "on" || value == "off" else {
                    throw .badAddress(location: location, reason: "signet_prepared is on or off")
                }
                isPooled = value == "off"
            case "signet_direct":
                guard let decoded = Self.decoded(value), decoded.hasPrefix("postgres") else {
                    throw .badAddress(
                        location: location,
                        reason: "signet_direct is a percent-encoded postgres:// address"
                    )
                }
                direct = decoded
            default:
                guard !name.hasPrefix("signet_") else {
                    throw .badAddress(location: location, reason: "there is no parameter \(name)")
                }
                kept.append(pair)
            }
        }
        if !kept.isEmpty { uri += "?" + kept.joined(separator: "&") }
        let isName = schema.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard isName, (1...40).contains(schema.utf8.count), !schema.hasPrefix("pg_"), schema != "information_schema"
        else {
            throw .badAddress(
                location: location,
                reason: "signet_schema is 1 to 40 of a-z, 0-9 and _, and not PostgreSQL's own"
            )
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let digits = String(rest.prefix(2)), digits.utf8.count == 2, let value = UInt8(digits, radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
