// Room: QR codes (ISO/IEC 18004), for devices that show an address which a phone's camera reads: RFC 8628 §3.3.1. Byte mode,
// error correction level M, versions 1 to 10: 213 bytes, as much as a terminal has room for. Imports and stores nothing.

/// The dark and light modules of a QR code.
///
/// Show it with the quiet zone that ``terminalLines(colors:)`` and ``svg(label:)`` draw around it: cameras need it.
public struct QRCode: Hashable, Sendable {
    /// The longest text that fits, in bytes of UTF-8.
    public static let capacity = 213
    /// How many light modules stand around it on every side.
    public static let quietZone = 4

    /// How many modules a side has: 21 to 57.
    public let size: Int
    private let modules: [Bool]

    /// The smallest code for a text; `nil` if the text is longer than ``capacity``.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let version = Version.smallest(for: bytes.count) else { return nil }
        let codewords = Codewords.interleaved(bytes, version)
        let template = Template(version)
        let masked = Mask.allCases.map { template.filled(with: codewords, $0) }
        guard let best = masked.min(by: { $0.penalty < $1.penalty }) else { return nil }
        size = best.size
        modules = best.dark
    }

    /// Whether a module is dark; those outside are light.
    public subscript(row row: Int, column column: Int) -> Bool {
        let isInside = (0..<size).contains(row) && (0..<size).contains(column)
        return isInside && modules[row * size + column]
    }
}

/// One of the sizes, ISO/IEC 18004 table 1 and table 9 for level M.
struct Version {
    let number: Int
    /// Of all codewords, those of error correction left out.
    let dataCodewords: Int
    let correctionPerBlock: Int
    let blocks: Int
    /// Where the centres of the alignment patterns are.
    let alignment: [Int]

    var size: Int { 17 + 4 * number }
    /// Bits of the character count: longer from version 10 on.
    var countBits: Int { number < 10 ? 8 : 16 }

    static let all = [
        Version(number: 1, dataCodewords: 16, correctionPerBlock: 10, blocks: 1, alignment: []),
        Version(number: 2, dataCodewords: 28, correctionPerBlock: 16, blocks: 1, alignment: [6, 18]),
        Version(number: 3, dataCodewords: 44, correctionPerBlock: 26, blocks: 1, alignment: [6, 22]),
        Version(number: 4, dataCodewords: 64, correctionPerBlock: 18, blocks: 2, alignment: [6, 26]),
        Version(number: 5, dataCodewords: 86, correctionPerBlock: 24, blocks: 2, alignment: [6, 30]),
        Version(number: 6, dataCodewords: 108, correctionPerBlock: 16, blocks: 4, alignment: [6, 34]),
        Version(number: 7, dataCodewords: 124, correctionPerBlock: 18, blocks: 4, alignment: [6, 22, 38]),
        Version(number: 8, dataCodewords: 154, correctionPerBlock: 22, blocks: 4, alignment: [6, 24, 42]),
        Version(number: 9, dataCodewords: 182, correctionPerBlock: 22, blocks: 5, alignment: [6, 26, 46]),
        Version(number: 10, dataCodewords: 216, correctionPerBlock: 26, blocks: 5, alignment: [6, 28, 50]),
    ]

    /// The first whose data codewords hold mode, count and bytes.
    static func smallest(for count: Int) -> Version? {
        all.first { 4 + $0.countBits + 8 * count <= 8 * $0.dataCodewords }
    }
}
