#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The functions of libpq that this room calls, as the headers of PostgreSQL 14 declare them: a table that is complete
/// or does not exist.
///
/// Nothing is linked: the library, which brings Kerberos, LDAP and a second TLS stack along, is loaded when the first
/// `postgres://` address is opened, and whoever stays with SQLite never pays for it. A type here that differs from the
/// header would be undefined behaviour, which no compiler can see: each line names its function.
struct LibPQ: Sendable {
    typealias Handle = OpaquePointer
    typealias Text = UnsafePointer<CChar>
    typealias NoticeReceiver = @convention(c) (UnsafeMutableRawPointer?, Handle?) -> Void

    /// `PQconninfoParse(conninfo, errmsg)`: an array of `PQconninfoOption`, ended by one without a keyword.
    var parseAddress:
        @Sendable @convention(c) (Text?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?)
            -> UnsafeMutableRawPointer?
    /// `PQconninfoFree(options)`.
    var freeAddress: @Sendable @convention(c) (UnsafeMutableRawPointer?) -> Void
    /// `PQfreemem(pointer)`.
    var freeMemory: @Sendable @convention(c) (UnsafeMutableRawPointer?) -> Void
    /// `PQconnectdbParams(keywords, values, expand_dbname)`.
    var connect: @Sendable @convention(c) (UnsafePointer<Text?>?, UnsafePointer<Text?>?, Int32) -> Handle?
    /// `PQfinish(connection)`.
    var finish: @Sendable @convention(c) (Handle?) -> Void
    /// `PQstatus(connection)`.
    var status: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQhost(connection)`.
    var host: @Sendable @convention(c) (Handle?) -> Text?
    /// `PQport(connection)`.
    var port: @Sendable @convention(c) (Handle?) -> Text?
    /// `PQsocket(connection)`.
    var socket: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQerrorMessage(connection)`.
    var errorMessage: @Sendable @convention(c) (Handle?) -> Text?
    /// `PQserverVersion(connection)`.
    var serverVersion: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQsetnonblocking(connection, on)`.
    var setNonBlocking: @Sendable @convention(c) (Handle?, Int32) -> Int32
    /// `PQsetNoticeReceiver(connection, receiver, context)`.
    var setNoticeReceiver:
        @Sendable @convention(c) (Handle?, NoticeReceiver?, UnsafeMutableRawPointer?) -> NoticeReceiver?
    /// `PQenterPipelineMode(connection)`.
    var enterPipelineMode: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQpipelineSync(connection)`.
    var pipelineSync: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQsendQueryParams(connection, command, count, types, values, lengths, formats, resultFormat)`.
    var sendQuery:
        @Sendable @convention(c) (
            Handle?, Text?, Int32, UnsafePointer<UInt32>?, UnsafePointer<Text?>?, UnsafePointer<Int32>?,
            UnsafePointer<Int32>?, Int32
        ) -> Int32
    /// `PQsendPrepare(connection, name, command, count, types)`.
    var sendPrepare: @Sendable @convention(c) (Handle?, Text?, Text?, Int32, UnsafePointer<UInt32>?) -> Int32
    /// `PQsendQueryPrepared(connection, name, count, values, lengths, formats, resultFormat)`.
    var sendPrepared:
        @Sendable @convention(c) (
            Handle?, Text?, Int32, UnsafePointer<Text?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
        ) -> Int32
    /// `PQflush(connection)`.
    var flush: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQconsumeInput(connection)`.
    var consumeInput: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQisBusy(connection)`.
    var isBusy: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQgetResult(connection)`.
    var nextResult: @Sendable @convention(c) (Handle?) -> Handle?
    /// `PQnotifies(connection)`.
    var nextNotification: @Sendable @convention(c) (Handle?) -> UnsafeMutableRawPointer?
    /// `PQresultStatus(result)`.
    var resultStatus: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQresultErrorField(result, field)`.
    var errorField: @Sendable @convention(c) (Handle?, Int32) -> Text?
    /// `PQcmdStatus(result)`.
    var commandTag: @Sendable @convention(c) (Handle?) -> Text?
    /// `PQntuples(result)`.
    var rowCount: @Sendable @convention(c) (Handle?) -> Int32
    /// `PQgetvalue(result, row, column)`.
    var value: @Sendable @convention(c) (Handle?, Int32, Int32) -> Text?
    /// `PQgetlength(result, row, column)`.
    var valueLength: @Sendable @convention(c) (Handle?, Int32, Int32) -> Int32
    /// `PQgetisnull(result, row, column)`.
    var valueIsNull: @Sendable @convention(c) (Handle?, Int32, Int32) -> Int32
    /// `PQclear(result)`.
    var clear: @Sendable @convention(c) (Handle?) -> Void
}

extension LibPQ {
    /// The names under which loaders know libpq: of Linux, and of macOS with and without Homebrew's folder.
    static let names = ["libpq.so.5", "libpq.5.dylib", "/opt/homebrew/opt/libpq/lib/libpq.5.dylib", "libpq.dylib"]

    /// Loads the first of the libraries that is there; it stays loaded.
    static func load(_ names: [String] = LibPQ.names) throws(PostgresStoreError) -> LibPQ {
        for name in names {
            guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            return try LibPQ(library: library)
        }
        throw .libraryMissing(names.first ?? "libpq")
    }

    private init(library: UnsafeMutableRawPointer) throws(PostgresStoreError) {
        parseAddress = try Self.find("PQconninfoParse", in: library)
        freeAddress = try Self.find("PQconninfoFree", in: library)
        freeMemory = try Self.find("PQfreemem", in: library)
        connect = try Self.find("PQconnectdbParams", in: library)
        finish = try Self.find("PQfinish", in: library)
        status = try Self.find("PQstatus", in: library)
        host = try Self.find("PQhost", in: library)
        port = try Self.find("PQport", in: library)
        socket = try Self.find("PQsocket", in: library)
        errorMessage = try Self.find("PQerrorMessage", in: library)
        serverVersion = try Self.find("PQserverVersion", in: library)
        setNonBlocking = try Self.find("PQsetnonblocking", in: library)
        setNoticeReceiver = try Self.find("PQsetNoticeReceiver", in: library)
        enterPipelineMode = try Self.find("PQenterPipelineMode", in: library)
        pipelineSync = try Self.find("PQpipelineSync", in: library)
        sendQuery = try Self.find("PQsendQueryParams", in: library)
        sendPrepare = try Self.find("PQsendPrepare", in: library)
        sendPrepared = try Self.find("PQsendQueryPrepared", in: library)
        flush = try Self.find("PQflush", in: library)
        consumeInput = try Self.find("PQconsumeInput", in: library)
        isBusy = try Self.find("PQisBusy", in: library)
        nextResult = try Self.find("PQgetResult", in: library)
        nextNotification = try Self.find("PQnotifies", in: library)
        resultStatus = try Self.find("PQresultStatus", in: library)
        errorField = try Self.find("PQresultErrorField", in: library)
        commandTag = try Self.find("PQcmdStatus", in: library)
        rowCount = try Self.find("PQntuples", in: library)
        value = try Self.find("PQgetvalue", in: library)
        valueLength = try Self.find("PQgetlength", in: library)
        valueIsNull = try Self.find("PQgetisnull", in: library)
        clear = try Self.find("PQclear", in: library)
    }

    /// The function of this name, as what the caller assigns it to.
    private static func find<Function>(
        _ name: String,
        in library: UnsafeMutableRawPointer
    ) throws(PostgresStoreError) -> Function {
        guard let address = dlsym(library, name) else { throw .libraryTooOld(function: name) }
        return unsafeBitCast(address, to: Function.self)
    }

    /// What the connection says went wrong, on one line.
    func message(of connection: Handle?) -> String {
        guard let text = errorMessage(connection) else { return "out of memory" }
        let lines = String(cString: text).split(whereSeparator: \.isNewline)
        return lines.map { $0.drop { $0.isWhitespace } }.joined(separator: "; ")
    }

    func field(_ field: Character, of result: Handle?) -> String? {
        guard let code = field.asciiValue, let text = errorField(result, Int32(code)) else { return nil }
        return String(cString: text)
    }
}
