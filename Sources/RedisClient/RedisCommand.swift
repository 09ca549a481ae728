/// One command: its name and arguments, spelled for the wire as they are added.
///
/// It describes itself by its name alone, since arguments may be secrets.
public struct RedisCommand: Sendable, CustomStringConvertible, CustomReflectable {
    /// The name, for messages.
    public let name: String
    private var count = 0
    private var body: [UInt8] = []

    /// A command without arguments.
    public init(_ name: String) {
        self.name = name
        add(name)
    }

    /// A command with these arguments.
    public init(_ name: String, _ arguments: String...) {
        self.init(name)
        for argument in arguments { add(argument) }
    }

    /// Adds an argument.
    public mutating func add(_ text: String) {
        begin(text.utf8.count)
        body.append(contentsOf: text.utf8)
        end()
    }

    /// Adds an argument.
    public mutating func add(_ bytes: some Collection<UInt8>) {
        begin(bytes.count)
        body.append(contentsOf: bytes)
        end()
    }

    /// Adds an argument.
    public mutating func add(_ number: Int64) { add(String(number)) }

    /// Adds an argument that is `prefix` and, without anything between, `bytes`.
    public mutating func add(_ prefix: String, _ bytes: some Collection<UInt8>) {
        begin(prefix.utf8.count + bytes.count)
        body.append(contentsOf: prefix.utf8)
        body.append(contentsOf: bytes)
        end()
    }

    private mutating func begin(_ length: Int) {
        count += 1
        body.append(UInt8(ascii: "$"))
        body.append(contentsOf: String(length).utf8)
        end()
    }

    private mutating func end() {
        body.append(UInt8(ascii: "\r"))
        body.append(UInt8(ascii: "\n"))
    }

    /// The command as Redis reads it.
    var wire: [UInt8] { Array("*\(count)\r\n".utf8) + body }

    /// How many bytes it has on the wire, the count in front left out.
    var byteCount: Int { body.count }

    /// The name.
    public var description: String { "\(name) with \(count - 1) arguments" }
    /// Nothing: arguments may be secrets.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
