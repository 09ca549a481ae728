// Our side of the QR tests: reads texts in hexadecimal, one a line, and answers each with the modules of its code, rows of 0
// and 1 with the quiet zone, an empty line after each; a text that does not fit is answered by the empty line alone.

import QRCode

@main
enum QRPeer {
    static func main() {
        while let line = readLine() {
            let digits = Array(line.utf8)
            let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
            }
            if let code = QRCode(String(decoding: bytes, as: UTF8.self)) {
                let range = -QRCode.quietZone..<code.size + QRCode.quietZone
                for row in range {
                    print(range.map { code[row: row, column: $0] ? "1" : "0" }.joined())
                }
            }
            print()
        }
    }
}
