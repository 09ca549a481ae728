/// One statement of ours: its text never changes, so it is prepared once a connection.
struct Statement: Sendable {
    /// The name under which it is prepared.
    var name: String
    var sql: String
    var types: [ParameterType]

    init(_ name: String, _ sql: String, _ types: [ParameterType] = []) {
        self.name = name
        self.sql = sql
        self.types = types
    }

    /// A statement that runs too rarely to be prepared.
    init(once sql: String) { self.init("", sql) }
}

/// The parameter types that our statements have, by the numbers that PostgreSQL gave them for ever.
enum ParameterType: UInt32, Sendable {
    case boolean = 16
    case bytes = 17
    case integer = 20
    case text = 25
    case booleans = 1000
    case manyBytes = 1001
    case transactions = 1011
    case integers = 1016
}

/// One run of a statement.
struct Command: Sendable {
    var statement: Statement
    var parameters: [Parameter]

    init(_ statement: Statement, _ parameters: [Parameter] = []) {
        self.statement = statement
        self.parameters = parameters
    }

    init(_ sql: String) { self.init(Statement(once: sql)) }
}

/// A value in PostgreSQL's binary format; `nil` is NULL.
struct Parameter: Sendable {
    var bytes: [UInt8]?

    static func boolean(_ value: Bool) -> Parameter { Parameter(bytes: [value ? 1 : 0]) }
    static func text(_ value: String) -> Parameter { Parameter(bytes: Array(value.utf8)) }
    static func bytes(_ value: [UInt8]) -> Parameter { Parameter(bytes: value) }
    static func integer(_ value: Int64) -> Parameter {
        var buffer: [UInt8] = []
        buffer.append(bigEndian: value)
        return Parameter(bytes: buffer)
    }

    static func integers(_ values: [Int64?]) -> Parameter {
        array(of: 20, values) { value, buffer in buffer.append(bigEndian: value) }
    }
    static func transactions(_ values: [UInt32]) -> Parameter {
        array(of: 28, values) { value, buffer in buffer.append(bigEndian: value) }
    }
    static func booleans(_ values: [Bool]) -> Parameter {
        array(of: 16, values) { value, buffer in buffer.append(value ? 1 : 0) }
    }
    static func manyBytes(_ values: [[UInt8]?]) -> Parameter {
        array(of: 17, values) { value, buffer in buffer += value }
    }
    static func texts(_ values: [String?]) -> Parameter {
        array(of: 17, values) { value, buffer in buffer += value.utf8 }
    }

    /// An array of one dimension: how many dimensions, whether there is a NULL, the type, the count, the first
    /// position, and the elements with their lengths.
    private static func array<Value>(
        of type: Int32,
        _ values: [Value?],
        append: (Value, inout [UInt8]) -> Void
    ) -> Parameter {
        var buffer: [UInt8] = []
        buffer.append(bigEndian: Int32(values.isEmpty ? 0 : 1))
        buffer.append(bigEndian: Int32(values.contains { $0 == nil } ? 1 : 0))
        buffer.append(bigEndian: type)
        guard !values.isEmpty else { return Parameter(bytes: buffer) }
        buffer.append(bigEndian: Int32(values.count))
        buffer.append(bigEndian: Int32(1))
        for value in values {
            guard let value else {
                buffer.append(bigEndian: Int32(-1))
                continue
            }
            let start = buffer.count
            buffer.append(bigEndian: Int32(0))
            append(value, &buffer)
            let length = Int32(truncatingIfNeeded: buffer.count - start - 4)
            withUnsafeBytes(of: length.bigEndian) { buffer.replaceSubrange(start..<start + 4, with: $0) }
        }
        return Parameter(bytes: buffer)
    }
}

extension [UInt8] {
    mutating func append(bigEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

/// The answer to one command, read by one thread.
final class Rows {
    private let library: LibPQ
    private let handle: LibPQ.Handle

    init(_ handle: LibPQ.Handle, library: LibPQ) {
        self.handle = handle
        self.library = library
    }

    deinit { library.clear(handle) }

    var count: Int { Int(library.rowCount(handle)) }
    /// What was done, as the server says it: `COMMIT`, or `ROLLBACK` where a commit was asked for and refused.
    var tag: String { library.commandTag(handle).map { String(cString: $0) } ?? "" }

    func bytes(_ row: Int, _ column: Int) -> [UInt8]? {
        guard library.valueIsNull(handle, Int32(row), Int32(column)) == 0 else { return nil }
        guard let start = library.value(handle, Int32(row), Int32(column)) else { return [] }
        let length = Int(library.valueLength(handle, Int32(row), Int32(column)))
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }

    func integer(_ row: Int, _ column: Int) -> Int64? {
        guard let bytes = bytes(row, column), bytes.count <= 8 else { return nil }
        let unsigned = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return bytes.count == 4 ? Int64(Int32(truncatingIfNeeded: unsigned)) : Int64(bitPattern: unsigned)
    }

    func text(_ row: Int, _ column: Int) throws(PostgresFault) -> String? {
        guard let bytes = bytes(row, column) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unreadable("a stored text is not UTF-8")
        }
        return text
    }
}
