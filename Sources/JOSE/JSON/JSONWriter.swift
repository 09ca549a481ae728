/// Writes compact JSON (RFC 8259): the same value always gives the same bytes.
struct JSONWriter {
    private(set) var output: [UInt8] = []

    /// - Parameter expectedBytes: about how much will be written, so that the output is allocated once.
    init(expectedBytes: Int = 0) {
        output.reserveCapacity(expectedBytes)
    }

    mutating func write(_ value: JSON) {
        switch value {
        case .null: output += "null".utf8
        case .bool(let value): output += (value ? "true" : "false").utf8
        case .integer(let value): output += String(value).utf8
        case .number(let value): output += (value.isFinite ? String(value) : "null").utf8
        case .string(let value): write(value)
        case .array(let elements): write(elements)
        case .object(let object): write(object)
        }
    }

    private mutating func write(_ elements: [JSON]) {
        output.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(element)
        }
        output.append(UInt8(ascii: "]"))
    }

    mutating func write(_ object: JSONObject) {
        output.append(UInt8(ascii: "{"))
        for (index, member) in object.members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(member.name)
            output.append(UInt8(ascii: ":"))
            write(member.value)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Writes the parts of a header or of claims one after another, for which no object need be made.
    mutating func writeMember(_ name: String, _ value: JSON, isFirst: Bool = false) {
        output.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
        write(name)
        output.append(UInt8(ascii: ":"))
        write(value)
    }

    /// Ends the object that ``writeMember(_:_:isFirst:)`` began.
    mutating func endObject() {
        output.append(UInt8(ascii: "}"))
    }

    private mutating func write(_ text: String) {
        output.append(UInt8(ascii: "\""))
        defer { output.append(UInt8(ascii: "\"")) }
        let isWritten = unsafe text.utf8.withContiguousStorageIfAvailable { buffer in
            let bytes = unsafe buffer.span
            guard PlainText.end(in: bytes, from: 0, to: bytes.count) == bytes.count else { return false }
            unsafe output.append(contentsOf: buffer)
            return true
        }
        if isWritten == true { return }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output += "\\\"".utf8
            case UInt8(ascii: "\\"): output += "\\\\".utf8
            case 0x0A: output += "\\n".utf8
            case 0x0D: output += "\\r".utf8
            case 0x09: output += "\\t".utf8
            case 0x00..<0x20:
                output += "\\u00".utf8
                output.append(Self.hexDigits[Int(byte >> 4)])
                output.append(Self.hexDigits[Int(byte & 0x0F)])
            default: output.append(byte)
            }
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}
