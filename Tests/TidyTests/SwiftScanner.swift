// Separates code from comments and literals, as far as Swift's lexical grammar needs it for counting braces and finding
// words: nested block comments, raw and multi-line strings, interpolation, raw identifiers, regex literals on one line.

struct SwiftScanner {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]
    /// Where block comments begin.
    private(set) var blockComments: [Int] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let newline = UInt8(ascii: "\n")
        let blank = bytes.map { $0 == newline ? newline : UInt8(ascii: " ") }
        code = blank
        comments = blank
    }

    mutating func scan() {
        scanCode(insideInterpolation: false)
    }

    private func byte(_ offset: Int = 0) -> UInt8 {
        let index = position + offset
        return index < bytes.count ? bytes[index] : 0
    }

    private func sees(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { buffer in
            guard position + buffer.count <= bytes.count else { return false }
            return buffer.indices.allSatisfy { bytes[position + $0] == buffer[$0] }
        }
    }

    private mutating func keepAsCode(_ count: Int = 1) {
        for _ in 0..<count where position < bytes.count {
            code[position] = bytes[position]
            position += 1
        }
    }

    private mutating func keepAsComment(_ count: Int = 1) {
        for _ in 0..<count where position < bytes.count {
            comments[position] = bytes[position]
            position += 1
        }
    }

    private mutating func scanCode(insideInterpolation: Bool) {
        var depth = 0
        while position < bytes.count {
            if sees("//") {
                while position < bytes.count, byte() != UInt8(ascii: "\n") { keepAsComment() }
            } else if sees("/*") {
                scanBlockComment()
            } else if let hashes = literalHashes(UInt8(ascii: "\"")) {
                scanString(hashes: hashes)
            } else if let hashes = literalHashes(UInt8(ascii: "/")), hashes > 0 || opensRegex() {
                scanRegex(hashes: hashes)
            } else if byte() == UInt8(ascii: "`") {
                scanRawIdentifier()
            } else {
                if byte() == UInt8(ascii: "(") { depth += 1 }
                if byte() == UInt8(ascii: ")") {
                    depth -= 1
                    if insideInterpolation, depth == 0 {
                        keepAsCode()
                        return
                    }
                }
                keepAsCode()
            }
        }
    }

    private mutating func scanBlockComment() {
        blockComments.append(position)
        var depth = 0
        repeat {
            if sees("/*") {
                depth += 1
                keepAsComment(2)
            } else if sees("*/") {
                depth -= 1
                keepAsComment(2)
            } else {
                keepAsComment()
            }
        } while depth > 0 && position < bytes.count
    }

    private mutating func scanRawIdentifier() {
        keepAsCode()
        while position < bytes.count, byte() != UInt8(ascii: "`"), byte() != UInt8(ascii: "\n") { position += 1 }
        keepAsCode()
    }

    /// How many `#` stand before a delimiter here, or nil if no literal with that delimiter begins here.
    private func literalHashes(_ delimiter: UInt8) -> Int? {
        var count = 0
        while byte(count) == UInt8(ascii: "#") { count += 1 }
        return byte(count) == delimiter ? count : nil
    }

    private func closes(hashes: Int, after offset: Int) -> Bool {
        (0..<hashes).allSatisfy { byte(offset + $0) == UInt8(ascii: "#") }
    }

    private mutating func scanString(hashes: Int) {
        let quote = UInt8(ascii: "\"")
        keepAsCode(hashes)
        let isMultiline = byte(1) == quote && byte(2) == quote
        let width = isMultiline ? 3 : 1
        keepAsCode(width)
        while position < bytes.count {
            let endsHere = (0..<width).allSatisfy { byte($0) == quote } && closes(hashes: hashes, after: width)
            if endsHere {
                keepAsCode(width + hashes)
                return
            }
            if byte() == UInt8(ascii: "\\"), closes(hashes: hashes, after: 1) {
                position += 1 + hashes
                if byte() == UInt8(ascii: "(") {
                    scanCode(insideInterpolation: true)
                } else {
                    position += 1
                }
            } else if byte() == UInt8(ascii: "\n"), !isMultiline {
                return
            } else {
                position += 1
            }
        }
    }

    /// A bare slash opens a regex where an operand is expected and another slash follows on the line.
    private func opensRegex() -> Bool {
        guard byte(1) != UInt8(ascii: " "), byte(1) != UInt8(ascii: "\n") else { return false }
        var before = position - 1
        while before >= 0, bytes[before] == UInt8(ascii: " ") { before -= 1 }
        let expectsOperand = before < 0 || "=(,:[{\n".utf8.contains(bytes[before])
        guard expectsOperand else { return false }
        var offset = 1
        while position + offset < bytes.count, byte(offset) != UInt8(ascii: "\n") {
            if byte(offset) == UInt8(ascii: "/") { return true }
            offset += 1
        }
        return false
    }

    private mutating func scanRegex(hashes: Int) {
        keepAsCode(hashes + 1)
        while position < bytes.count {
            if byte() == UInt8(ascii: "\\") {
                position += 2
            } else if byte() == UInt8(ascii: "/"), closes(hashes: hashes, after: 1) {
                keepAsCode(1 + hashes)
                return
            } else if byte() == UInt8(ascii: "\n"), hashes == 0 {
                return
            } else {
                position += 1
            }
        }
    }
}
