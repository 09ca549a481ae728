import Instants

/// Writes JSON as the general encoder of payloads does, for payloads that spell themselves: keys in their order.
struct PayloadWriter {
    private var bytes: [UInt8] = []
    private var isPlain = true

    /// What was written; `nil` if a text needs escapes, which only the general encoder writes.
    var spelled: [UInt8]? { isPlain ? bytes : nil }

    init(reserving count: Int = 256) { bytes.reserveCapacity(count) }

    mutating func add(_ literal: StaticString) { literal.withUTF8Buffer { bytes += $0 } }

    mutating func add(_ number: Int64) {
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        let first = bytes.endIndex
        var rest = number.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[first...].reverse()
    }

    mutating func add(text: String) {
        bytes.append(UInt8(ascii: "\""))
        let first = bytes.endIndex
        bytes += text.utf8
        for byte in bytes[first...] where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            isPlain = false
        }
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func add(texts: [String]) {
        add("[")
        for (index, text) in texts.enumerated() {
            if index > 0 { add(",") }
            add(text: text)
        }
        add("]")
    }

    /// A member, of which `literal` is everything before its value.
    mutating func add(_ literal: StaticString, _ number: Int64) {
        add(literal)
        add(number)
    }

    /// A member; nothing if there is no value.
    mutating func add(_ literal: StaticString, _ text: String?) {
        guard let text else { return }
        add(literal)
        add(text: text)
    }

    /// A member that is an array of octets; nothing if there is no value.
    mutating func add(_ literal: StaticString, _ octets: [UInt8]?) {
        guard let octets else { return }
        add(literal)
        add("[")
        for (index, octet) in octets.enumerated() {
            if index > 0 { add(",") }
            add(Int64(octet))
        }
        add("]")
    }

    /// What another payload spelled; what it could not spell, this one cannot either.
    mutating func add(body: [UInt8]?) {
        if let body { bytes += body } else { isPlain = false }
    }
}

/// Reads JSON that is spelled exactly as ``PayloadWriter`` does: whatever differs is not read, and no fault.
package struct PayloadScanner {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    /// Whether this came next; it is passed over then.
    mutating func take(_ literal: StaticString) -> Bool {
        let isNext = literal.withUTF8Buffer { literal in
            rest.prefix(literal.count).withUnsafeBytes { $0.hasSameBytes(as: UnsafeRawBufferPointer(literal)) }
        }
        if isNext { rest = rest.dropFirst(literal.utf8CodeUnitCount) }
        return isNext
    }

    /// A whole number of at most eighteen digits; longer ones are none of ours.
    mutating func number() -> Int64? {
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }
        var number: Int64 = 0
        var count = 0
        while let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            count += 1
            guard count <= 18 else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
            rest = rest.dropFirst()
        }
        return count == 0 ? nil : isNegative ? -number : number
    }

    mutating func text() -> String? {
        guard rest.first == UInt8(ascii: "\"") else { return nil }
        let content = rest.dropFirst().prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 >= 0x20 }
        guard content.endIndex < rest.endIndex, rest[content.endIndex] == UInt8(ascii: "\"") else { return nil }
        rest = rest[(content.endIndex + 1)...]
        let isASCII = content.allSatisfy { $0 < 0x80 }
        return isASCII ? String(decoding: content, as: UTF8.self) : String(validating: content, as: UTF8.self)
    }

    mutating func instant() -> Instant? { number().map { Instant(millisecondsSinceEpoch: $0) } }

    /// An array of octets.
    mutating func bytes() -> [UInt8]? {
        take("[") ? elements { $0.number().flatMap { UInt8(exactly: $0) } } : nil
    }

    /// A member, of which `literal` is everything before its value.
    mutating func value<Value>(_ literal: StaticString, _ read: (inout PayloadScanner) -> Value?) -> Value? {
        take(literal) ? read(&self) : nil
    }

    /// A member that may be missing: within, `nil`; a value that cannot be read is `nil` without.
    mutating func optional<Value>(_ literal: StaticString, _ read: (inout PayloadScanner) -> Value?) -> Value?? {
        guard take(literal) else { return .some(nil) }
        return read(&self).map { .some($0) }
    }

    /// Elements of an array, whose opening bracket was passed over.
    mutating func elements<Element>(_ element: (inout PayloadScanner) -> Element?) -> [Element]? {
        if take("]") { return [] }
        var elements: [Element] = []
        repeat {
            guard let next = element(&self) else { return nil }
            elements.append(next)
        } while take(",")
        return take("]") ? elements : nil
    }
}
