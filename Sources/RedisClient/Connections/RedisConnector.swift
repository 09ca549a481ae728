import NIOCore
import NIOPosix

/// Makes connections and logs in.
struct RedisConnector: Sendable {
    let address: RedisAddress
    let settings: RedisSettings
    let encryption: RedisEncryption?

    /// Connects on `eventLoop`; the conversation is not logged in yet.
    func connect(on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<RedisConversation>> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(settings.connectTimeout.nanoseconds))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: address.isNetwork ? 1 : 0)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let encryption { try channel.pipeline.syncOperations.addHandler(encryption.handler()) }
                    try channel.pipeline.syncOperations.addHandler(RedisConversation(settings: settings))
                }
            }
        let channel =
            switch address.place {
            case .network(let host, let port): bootstrap.connect(host: host, port: port)
            case .socket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        return channel.flatMapThrowing { channel in
            let conversation = try channel.pipeline.syncOperations.handler(type: RedisConversation.self)
            return NIOLoopBound(conversation, eventLoop: channel.eventLoop)
        }
    }

    /// The commands that log in and choose the database.
    var logIn: [RedisCommand] {
        var hello = RedisCommand("HELLO", "3")
        // A user without a password is refused or let in as himself, and never as `default`.
        if address.user != nil || address.password != nil {
            hello.add("AUTH")
            hello.add(address.user ?? "default")
            hello.add(address.password?.text ?? "")
        }
        return address.database == 0 ? [hello] : [hello, RedisCommand("SELECT", String(address.database))]
    }

    /// What the answers to ``logIn`` mean; of an error only the code is used, since its text may repeat the password.
    func fault(in answers: [RedisValue]) -> RedisError? {
        for (position, answer) in answers.enumerated() {
            guard case .error(let error) = answer else { continue }
            guard position == 0 else {
                return .refused(reason: "the database \(address.database) cannot be selected: \(error.code)")
            }
            switch error.code {
            case "WRONGPASS": return .refused(reason: "the user or the password is wrong, or the user is off")
            case "NOAUTH": return .refused(reason: "it asks for a password, and the address has none")
            case "NOPERM": return .refused(reason: "the user may not log in with HELLO")
            case "LOADING", "MASTERDOWN", "BUSY": return .unreachable(reason: error.code)
            case "NOPROTO": return .refused(reason: "it does not speak RESP3; Redis 6 or later is needed")
            case "ERR" where error.message.hasPrefix("max number of clients"):
                return .unreachable(reason: "it has as many clients as it may have")
            case "ERR" where error.message.hasPrefix("unknown command"):
                return .refused(reason: "it does not know HELLO; Redis 6 or later is needed")
            default: return .refused(reason: "it answered the log-in with \(error.code)")
            }
        }
        return nil
    }
}

extension RedisAddress {
    var isNetwork: Bool {
        if case .network = place { return true }
        return false
    }
}

extension Duration {
    /// Rounded towards zero; saturates.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : nanoseconds + attoseconds / 1_000_000_000
    }
}
