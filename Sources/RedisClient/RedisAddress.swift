/// Where a Redis is, who we are to it, and how the way there is protected.
///
/// ```
/// redis://localhost                          plain, for the same machine
/// rediss://signet:password@redis.example:6380/2?ca=/etc/redis/ca.pem
/// redis+unix://signet:password@/run/redis/redis.sock?db=2
/// ```
///
/// It describes itself without the password.
public struct RedisAddress: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// Where it listens.
    public enum Place: Hashable, Sendable {
        case network(host: String, port: Int)
        case socket(path: String)
    }

    /// Where it listens.
    public var place: Place
    /// How the connection is protected; `nil` sends everything in the clear.
    public var tls: RedisTLS?
    /// The ACL user; `nil` is Redis' `default`.
    public var user: String?
    /// The password of the user; never shown.
    public var password: RedisPassword?
    /// The number of the database.
    public var database: Int
    /// What the address says all keys should begin with; for whoever lays keys out.
    public var prefix: String?

    /// The address of these parts.
    public init(
        _ place: Place,
        tls: RedisTLS? = nil,
        user: String? = nil,
        password: RedisPassword? = nil,
        database: Int = 0,
        prefix: String? = nil
    ) {
        self.place = place
        self.tls = tls
        self.user = user
        self.password = password
        self.database = database
        self.prefix = prefix
    }

    /// The address without user and password.
    public var description: String {
        switch place {
        case .network(let host, let port):
            let isIPv6 = host.utf8.contains(UInt8(ascii: ":"))
            return "\(tls == nil ? "redis" : "rediss")://\(isIPv6 ? "[\(host)]" : host):\(port)/\(database)"
        case .socket(let path): return "redis+unix://\(path)?db=\(database)"
        }
    }

    /// Nothing: it holds a password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A password that cannot be printed by accident.
public struct RedisPassword: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    let text: String

    /// The password `text`.
    public init(_ text: String) { self.text = text }

    /// `<secret>`.
    public var description: String { "<secret>" }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How a connection is protected: TLS 1.2 or later, with the server's certificate and name checked.
public struct RedisTLS: Sendable, Hashable {
    /// PEM file of the authorities that are trusted; `nil` trusts those of the system.
    public var authorities: String?
    /// The name that the certificate must be for; `nil` is the host of the address.
    public var serverName: String?
    /// PEM file of our own certificate, where Redis asks for one (`tls-auth-clients`).
    public var certificate: String?
    /// PEM file of its key.
    public var privateKey: String?

    /// Protection of these parts.
    public init(
        authorities: String? = nil,
        serverName: String? = nil,
        certificate: String? = nil,
        privateKey: String? = nil
    ) {
        self.authorities = authorities
        self.serverName = serverName
        self.certificate = certificate
        self.privateKey = privateKey
    }
}

/// What is wrong with the text of an address; never quotes it, for it may hold a password.
public struct RedisAddressError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected.
    public let reason: String

    /// What was expected.
    public var description: String { "The address of Redis is not right: \(reason)." }

    init(_ reason: String) { self.reason = reason }
}

// MARK: - Reading

extension RedisAddress {
    /// The address that `text` spells; see ``RedisAddress``.
    ///
    /// Parameters: `ca`, `server-name`, `cert`, `key` (rediss), `db` (sockets), `prefix`. Others are refused, and so is a
    /// user without a password: Redis would take us for its `default`.
    public init(_ text: String) throws(RedisAddressError) {
        guard let (scheme, rest) = text.cut(at: "://") else {
            throw RedisAddressError("expected redis://, rediss:// or redis+unix://")
        }
        let (main, query) = rest.cut(at: "?") ?? (rest, "")
        var parameters = try Self.parameters(query)
        switch scheme {
        case "redis", "rediss":
            try self.init(network: main)
            if scheme == "rediss" {
                tls = RedisTLS(
                    authorities: parameters.take("ca"),
                    serverName: parameters.take("server-name"),
                    certificate: parameters.take("cert"),
                    privateKey: parameters.take("key")
                )
                guard (tls?.certificate == nil) == (tls?.privateKey == nil) else {
                    throw RedisAddressError("cert and key belong together")
                }
            }
        case "redis+unix":
            let (owner, path) = main.hasPrefix("/") ? ("", main) : main.cut(at: "@") ?? ("", main)
            let decoded = try path.percentDecoded()
            guard decoded.hasPrefix("/"), decoded.utf8.count <= 100 else {
                throw RedisAddressError("expected an absolute path of at most 100 bytes after redis+unix://")
            }
            self.init(.socket(path: decoded))
            if !owner.isEmpty { try logIn(as: owner) }
            if let number = parameters.take("db") { database = try Self.number(ofDatabase: number) }
        default:
            throw RedisAddressError("expected the scheme redis, rediss or redis+unix")
        }
        prefix = parameters.take("prefix")
        guard parameters.values.isEmpty else {
            throw RedisAddressError("parameters are ca, server-name, cert, key (rediss), db (redis+unix), prefix")
        }
    }

    private init(network text: Substring) throws(RedisAddressError) {
        let (authority, path) = text.cut(at: "/") ?? (text, "")
        var server = authority
        var credentials: Substring?
        if let at = authority.lastIndex(of: "@") {
            credentials = authority[..<at]
            server = authority[authority.index(after: at)...]
        }
        let (host, port) = try Self.hostAndPort(server)
        self.init(.network(host: host, port: port))
        if let credentials { try logIn(as: credentials) }
        if !path.isEmpty { database = try Self.number(ofDatabase: String(path)) }
    }

    private mutating func logIn(as credentials: Substring) throws(RedisAddressError) {
        guard let (name, password) = credentials.cut(at: ":"), !password.isEmpty else {
            throw RedisAddressError("expected user:password@ or :password@ before the host or the path")
        }
        user = name.isEmpty ? nil : try name.percentDecoded()
        self.password = RedisPassword(try password.percentDecoded())
    }

    private static func hostAndPort(_ text: Substring) throws(RedisAddressError) -> (String, Int) {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw RedisAddressError("expected ] after an IPv6 address")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw RedisAddressError("expected :port after ]") }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else if let (left, right) = text.cut(at: ":") {
            (host, port) = (left, right)
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "%") }) else {
            throw RedisAddressError("expected a host name after ://")
        }
        guard let port else { return (String(host), 6379) }
        guard let number = Int(port), (1...65_535).contains(number), port.utf8.count <= 5 else {
            throw RedisAddressError("expected a port from 1 to 65535")
        }
        return (String(host), number)
    }

    private static func number(ofDatabase text: String) throws(RedisAddressError) -> Int {
        guard let number = Int(text), (0...65_535).contains(number), text.utf8.count <= 5 else {
            throw RedisAddressError("expected the number of a database, such as /0")
        }
        return number
    }

    private struct Parameters {
        var values: [String: String] = [:]

        mutating func take(_ name: String) -> String? { values.removeValue(forKey: name) }
    }

    private static func parameters(_ query: Substring) throws(RedisAddressError) -> Parameters {
        var parameters = Parameters()
        for part in query.split(separator: "&") {
            guard let (name, value) = part.cut(at: "="), !value.isEmpty else {
                throw RedisAddressError("expected parameters of the form name=value")
            }
            guard parameters.values.updateValue(try value.percentDecoded(), forKey: String(name)) == nil else {
                throw RedisAddressError("a parameter is there twice")
            }
        }
        return parameters
    }
}

extension StringProtocol where SubSequence == Substring {
    /// What is before and after the first `separator`.
    fileprivate func cut(at separator: String) -> (Substring, Substring)? {
        guard let start = indices.first(where: { self[$0...].hasPrefix(separator) }) else { return nil }
        return (self[..<start], self[index(start, offsetBy: separator.count)...])
    }

    fileprivate func percentDecoded() throws(RedisAddressError) -> String {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                throw RedisAddressError("a % that is not followed by two hexadecimal digits; % itself is %25")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RedisAddressError("percent-encoded bytes that are not UTF-8")
        }
        return text
    }
}
