/// Rules about the size of things.
enum ShapeRules {
    static let all = [fileLength, functionLength]

    static let longestFile = 400
    static let longestFunction = 70

    static let fileLength = HouseRule(
        "A file has at most 400 lines",
        why: "a file that cannot be read in one sitting holds two things"
    ) { file in
        let limit = Ratchets.fileLengths[file.path] ?? longestFile
        guard file.lineCount > limit else { return [] }
        return [Violation(path: file.path, line: limit + 1, message: "\(file.lineCount) lines; split it by subject")]
    }

    static let functionLength = HouseRule(
        "A function has at most 70 lines",
        why: "what does not fit on a screen is not checked by eye"
    ) { file in
        functions(in: file).compactMap { function in
            let limit = Ratchets.functionLengths["\(file.path) \(function.name)"] ?? longestFunction
            guard function.lineCount > limit else { return nil }
            return Violation(
                path: file.path,
                line: function.line,
                message: "\(function.name) has \(function.lineCount) lines; push ifs up and fors down"
            )
        }
    }

    struct Function: Sendable {
        let name: String
        let line: Int
        let lineCount: Int
    }

    /// The functions, initialisers, subscripts and computed properties with a body.
    static func functions(in file: SourceFile) -> [Function] {
        var found: [Function] = []
        for keyword in ["func", "init", "subscript", "var", "deinit"] {
            for offset in file.occurrences(of: keyword, in: file.code) {
                guard let body = body(after: offset + keyword.utf8.count, keyword, in: file.code) else { continue }
                let first = file.line(at: offset)
                let name = file.code[(offset + keyword.utf8.count)...].drop { $0.isSpace }.prefix { $0.isWord }
                found.append(
                    Function(
                        name: name.isEmpty ? keyword : String(decoding: name, as: UTF8.self),
                        line: first,
                        lineCount: file.line(at: body.upperBound - 1) - first + 1
                    )
                )
            }
        }
        return found.sorted { $0.line < $1.line }
    }

    /// The braces that follow a declaration's keyword, or nil when it has no body (a requirement, a call, a stored
    /// property).
    private static func body(after start: Int, _ keyword: String, in code: [UInt8]) -> Range<Int>? {
        var position = start
        var depth = 0
        var sawParameters = keyword == "var" || keyword == "deinit"
        while position < code.count {
            let byte = code[position]
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                depth -= 1
                guard depth >= 0 else { return nil }
                if depth == 0 { sawParameters = true }
            case UInt8(ascii: "{") where depth == 0:
                return sawParameters ? position..<closingBrace(from: position, in: code) : nil
            case UInt8(ascii: "}") where depth == 0:
                return nil
            case UInt8(ascii: "=") where depth == 0 && keyword == "var":
                return nil
            case UInt8(ascii: ".") where depth == 0 && keyword == "init" && position == start:
                return nil
            case UInt8(ascii: "\n") where depth == 0 && sawParameters:
                guard continues(after: position, in: code) else { return nil }
            default:
                break
            }
            position += 1
        }
        return nil
    }

    /// Whether the declaration goes on in the next line.
    private static func continues(after newline: Int, in code: [UInt8]) -> Bool {
        let rest = code[newline...].drop { $0.isSpace }
        return ["{", "->", "async", "throws", "rethrows", "where"].contains { rest.starts(with: $0.utf8) }
    }

    private static func closingBrace(from opening: Int, in code: [UInt8]) -> Int {
        var depth = 0
        for position in opening..<code.count {
            if code[position] == UInt8(ascii: "{") { depth += 1 }
            if code[position] == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return position + 1 }
            }
        }
        return code.count
    }
}
