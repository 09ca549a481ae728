/// The patterns that every code of a version has, and where its codewords go: ISO/IEC 18004 §6.3 and §7.7.
struct Template {
    let size: Int
    private(set) var dark: [Bool]
    /// Modules that no codeword is drawn on.
    private(set) var isFixed: [Bool]
    private let version: Version

    init(_ version: Version) {
        self.version = version
        size = version.size
        dark = [Bool](repeating: false, count: size * size)
        isFixed = dark
        drawTiming()
        for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] { drawFinder(row, column) }
        drawAlignment()
        drawVersion()
        drawFormat(0)
    }

    /// This template with the codewords under a mask.
    func filled(with codewords: [UInt8], _ mask: Mask) -> Template {
        var copy = self
        copy.drawFormat(mask.rawValue)
        copy.draw(codewords, mask)
        return copy
    }

    private mutating func fix(_ row: Int, _ column: Int, _ isDark: Bool) {
        dark[row * size + column] = isDark
        isFixed[row * size + column] = true
    }

    private mutating func drawTiming() {
        for index in 0..<size {
            fix(6, index, index % 2 == 0)
            fix(index, 6, index % 2 == 0)
        }
    }

    /// With the separator around it, as far as there is room.
    private mutating func drawFinder(_ row: Int, _ column: Int) {
        for down in -4...4 {
            for right in -4...4 where contains(row + down) && contains(column + right) {
                let ring = max(abs(down), abs(right))
                fix(row + down, column + right, ring != 2 && ring != 4)
            }
        }
    }

    private mutating func drawAlignment() {
        let last = version.alignment.count - 1
        for (i, row) in version.alignment.enumerated() {
            for (j, column) in version.alignment.enumerated() {
                // Three corners have finders.
                if (i, j) == (0, 0) || (i, j) == (0, last) || (i, j) == (last, 0) { continue }
                for down in -2...2 {
                    for right in -2...2 { fix(row + down, column + right, max(abs(down), abs(right)) != 1) }
                }
            }
        }
    }

    /// From version 7 on: 6 bits and 12 of a BCH code, twice.
    private mutating func drawVersion() {
        guard version.number >= 7 else { return }
        let bits = version.number << 12 | Self.remainder(version.number, by: 0x1F25, bits: 12)
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            let (far, near) = (size - 11 + index % 3, index / 3)
            fix(far, near, isDark)
            fix(near, far, isDark)
        }
    }

    /// Level M (00) and the mask, with 10 bits of a BCH code, twice.
    private mutating func drawFormat(_ mask: Int) {
        let bits = (mask << 10 | Self.remainder(mask, by: 0x537, bits: 10)) ^ 0x5412
        func isDark(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0...5 { fix(index, 8, isDark(index)) }
        fix(7, 8, isDark(6))
        fix(8, 8, isDark(7))
        fix(8, 7, isDark(8))
        for index in 9..<15 { fix(8, 14 - index, isDark(index)) }
        for index in 0..<8 { fix(8, size - 1 - index, isDark(index)) }
        for index in 8..<15 { fix(size - 15 + index, 8, isDark(index)) }
        fix(size - 8, 8, true)
    }

    /// Upwards and downwards in columns of two from the right, around what is fixed.
    private mutating func draw(_ codewords: [UInt8], _ mask: Mask) {
        var bit = 0
        for pair in stride(from: size - 1, through: 1, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) {
            for step in 0..<size {
                let row = (pair + 1) & 2 == 0 ? size - 1 - step : step
                for column in [pair, pair - 1] where !isFixed[row * size + column] {
                    var isDark = false
                    if bit < codewords.count * 8 { isDark = codewords[bit / 8] >> UInt8(7 - bit % 8) & 1 == 1 }
                    dark[row * size + column] = isDark != mask.inverts(row, column)
                    bit += 1
                }
            }
        }
    }

    private func contains(_ index: Int) -> Bool { (0..<size).contains(index) }

    private static func remainder(_ value: Int, by polynomial: Int, bits: Int) -> Int {
        var result = value
        for _ in 0..<bits { result = result << 1 ^ (result >> (bits - 1)) * polynomial }
        return result
    }
}

/// What is laid over the codewords, so that no large area is of one colour: ISO/IEC 18004 §7.8.
enum Mask: Int, CaseIterable {
    case checkers, rows, columns, diagonals, blocks, products, productsEven, sums

    func inverts(_ row: Int, _ column: Int) -> Bool {
        let product = row * column
        return switch self {
        case .checkers: (row + column) % 2 == 0
        case .rows: row % 2 == 0
        case .columns: column % 3 == 0
        case .diagonals: (row + column) % 3 == 0
        case .blocks: (row / 2 + column / 3) % 2 == 0
        case .products: product % 2 + product % 3 == 0
        case .productsEven: (product % 2 + product % 3) % 2 == 0
        case .sums: ((row + column) % 2 + product % 3) % 2 == 0
        }
    }
}

extension Template {
    /// How hard to read it is: runs, squares, what looks like a finder, too much of one colour.
    var penalty: Int {
        var sum = 0
        for line in 0..<size {
            sum += linePenalty(from: line * size, step: 1)
            sum += linePenalty(from: line, step: size)
        }
        for row in 0..<size - 1 {
            for index in row * size..<row * size + size - 1 {
                let corner = dark[index]
                if dark[index + 1] == corner, dark[index + size] == corner, dark[index + size + 1] == corner {
                    sum += 3
                }
            }
        }
        let count = dark.count { $0 }
        return sum + abs(count * 20 - dark.count * 10) / dark.count * 10
    }

    /// Dark and light as 1:1:3:1:1 with four light modules before or after.
    private static let finderLike = [0b101_1101_0000, 0b000_0101_1101]

    private func linePenalty(from start: Int, step: Int) -> Int {
        var sum = 0
        var run = 0
        var window = 0
        var index = start
        for position in 0..<size {
            let isDark = dark[index]
            run = position > 0 && isDark == (window & 1 == 1) ? run + 1 : 1
            if run == 5 { sum += 3 } else if run > 5 { sum += 1 }
            window = (window << 1 | (isDark ? 1 : 0)) & 0x7FF
            if position >= 10, window == Self.finderLike[0] || window == Self.finderLike[1] { sum += 40 }
            index += step
        }
        return sum
    }
}
