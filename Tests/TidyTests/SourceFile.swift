// The house rules read every source file as three layers of the same length: the text, the code (comments and the
// contents of literals blanked out) and the comments (everything else blanked out). Offsets and lines agree.

import Testing

/// One file of the repository, ready for rules.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// Relative to the repository, with forward slashes.
    let path: String
    let text: [UInt8]
    let code: [UInt8]
    let comments: [UInt8]
    /// Where block comments begin.
    let blockComments: [Int]
    private let lineStarts: [Int]

    var testDescription: String { path }

    init(path: String, text: String) {
        self.path = path
        self.text = Array(text.utf8)
        if path.hasSuffix(".swift") {
            var scanner = SwiftScanner(self.text)
            scanner.scan()
            code = scanner.code
            comments = scanner.comments
            blockComments = scanner.blockComments
        } else {
            code = self.text
            comments = self.text
            blockComments = []
        }
        var starts = [0]
        for (offset, byte) in self.text.enumerated() where byte == UInt8(ascii: "\n") {
            starts.append(offset + 1)
        }
        lineStarts = starts
    }

    /// The room: the folder under Sources or Tests.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && (parts[0] == "Sources" || parts[0] == "Tests") ? String(parts[1]) : nil
    }

    var folder: String {
        path.split(separator: "/").dropLast().joined(separator: "/")
    }

    var name: String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    var lineCount: Int {
        text.last == UInt8(ascii: "\n") ? lineStarts.count - 1 : lineStarts.count
    }

    /// The line (from 1) that holds an offset.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset {
                low = middle
            } else {
                high = middle
            }
        }
        return low + 1
    }

    func lines(of layer: [UInt8]) -> [Substring] {
        String(decoding: layer, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    var textLines: [Substring] { lines(of: text) }
    var codeLines: [Substring] { lines(of: code) }
    var commentLines: [Substring] { lines(of: comments) }
}

/// What a rule found.
struct Violation: Sendable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
