/// One value, or one member name, of a scanned JSON text.
struct JSONNode: Sendable {
    enum Kind: UInt8 {
        case null, bool, integer, number
        /// A string that stands in the text as it is meant.
        case text
        /// A string with escapes, kept decoded beside the text.
        case decodedText
        case array, object
    }

    let kind: Kind
    /// The index of the first node that is no part of this value.
    var next: UInt32
    /// What the kind needs: the value's bits, the index of the decoded text, or where the text begins and ends.
    let bits: UInt64

    init(_ kind: Kind, bits: UInt64 = 0, next: Int) {
        self.kind = kind
        self.bits = bits
        self.next = UInt32(truncatingIfNeeded: next)
    }

    init(textFrom start: Int, to end: Int, next: Int) {
        self.init(.text, bits: UInt64(start) << 32 | UInt64(end), next: next)
    }

    /// Where a ``Kind/text`` stands.
    var range: Range<Int> { Int(bits >> 32)..<Int(bits & 0xFFFF_FFFF) }
}

/// One or more JSON texts in one buffer with the places of their values: read once, nothing copied until it is asked for.
///
/// A value is named by the index of its node. Members are a node for the name, then the nodes of the value.
struct JSONIndex: Sendable {
    let bytes: [UInt8]
    let nodes: [JSONNode]
    let decodedTexts: [[UInt8]]

    /// Scans one JSON text.
    ///
    /// - Throws: `malformed` or `tooLarge`; the reason names the byte at which scanning stopped.
    init(scanning bytes: [UInt8], limits: ParsingLimits) throws(JOSEError) {
        // The places are kept in 32 bits.
        guard bytes.count <= min(limits.maximumBytes, Int(UInt32.max)) else {
            throw JOSEError(.tooLarge, reason: "JSON: \(bytes.count) bytes, the limit is \(limits.maximumBytes)")
        }
        var scanner = JSONScanner(maximumDepth: limits.maximumDepth, expectedBytes: bytes.count)
        _ = try scanner.scan(bytes.span, from: 0, to: bytes.count)
        self.init(bytes, scanner)
    }

    /// Takes the bytes and what was found in them.
    init(_ bytes: [UInt8], _ scanner: consuming JSONScanner) {
        self.bytes = bytes
        nodes = scanner.nodes
        decodedTexts = scanner.decodedTexts
    }

    /// The node of the member `name` of the object at `object`.
    func member(_ name: String, of object: Int) -> Int? {
        var position = object + 1
        let end = Int(nodes[object].next)
        while position < end {
            if isText(position, name) { return position + 1 }
            position = Int(nodes[position + 1].next)
        }
        return nil
    }

    /// Whether the node is a string of exactly these code points.
    func isText(_ node: Int, _ text: String) -> Bool {
        switch nodes[node].kind {
        case .text:
            let range = nodes[node].range
            return range.count == text.utf8.count && PlainText.isEqual(text, to: bytes.span.extracting(range))
        case .decodedText: return decodedTexts[Int(nodes[node].bits)].elementsEqual(text.utf8)
        default: return false
        }
    }

    /// Whether the node is a string.
    func isText(_ node: Int) -> Bool {
        nodes[node].kind == .text || nodes[node].kind == .decodedText
    }

    /// The string at the node, if it is one.
    func text(_ node: Int) -> String? {
        switch nodes[node].kind {
        case .text: String(decoding: bytes[nodes[node].range], as: UTF8.self)
        case .decodedText: String(decoding: decodedTexts[Int(nodes[node].bits)], as: UTF8.self)
        default: nil
        }
    }

    /// The first element of the array at `array` that satisfies the condition.
    func element(of array: Int, where condition: (Int) -> Bool) -> Int? {
        var position = array + 1
        let end = Int(nodes[array].next)
        while position < end {
            if condition(position) { return position }
            position = Int(nodes[position].next)
        }
        return nil
    }

    /// The elements of the array at `array`, in order.
    func elements(of array: Int) -> [Int] {
        var elements: [Int] = []
        _ = element(of: array) {
            elements.append($0)
            return false
        }
        return elements
    }

    /// The value at the node as a tree.
    func value(_ node: Int) -> JSON {
        switch nodes[node].kind {
        case .null: .null
        case .bool: .bool(nodes[node].bits != 0)
        case .integer: .integer(Int64(bitPattern: nodes[node].bits))
        case .number: .number(Double(bitPattern: nodes[node].bits))
        case .text, .decodedText: .string(text(node) ?? "")
        case .array: .array(elements(of: node).map(value))
        case .object: .object(object(node))
        }
    }

    /// The members of the object at the node as a tree.
    func object(_ node: Int) -> JSONObject {
        var members: [(name: String, value: JSON)] = []
        var position = node + 1
        let end = Int(nodes[node].next)
        while position < end {
            members.append((text(position) ?? "", value(position + 1)))
            position = Int(nodes[position + 1].next)
        }
        return JSONObject(uniqueMembers: members)
    }
}
