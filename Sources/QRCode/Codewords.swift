/// From bytes to the codewords that are drawn: ISO/IEC 18004 §7.4 and §7.5.
enum Codewords {
    /// Data and error correction of all blocks, in the order in which they are drawn.
    static func interleaved(_ bytes: [UInt8], _ version: Version) -> [UInt8] {
        let data = encoded(bytes, version)
        let generator = ReedSolomon.generator(degree: version.correctionPerBlock)
        // The last blocks are a codeword longer where the data cannot be divided evenly.
        let short = data.count / version.blocks
        let longBlocks = data.count % version.blocks
        var blocks: [[UInt8]] = []
        var start = 0
        for block in 0..<version.blocks {
            let length = short + (block >= version.blocks - longBlocks ? 1 : 0)
            blocks.append(Array(data[start..<start + length]))
            start += length
        }
        let corrections = blocks.map { ReedSolomon.remainder(of: $0, by: generator) }
        var result: [UInt8] = []
        for index in 0...short {
            for block in blocks where index < block.count { result.append(block[index]) }
        }
        for index in 0..<version.correctionPerBlock {
            for correction in corrections { result.append(correction[index]) }
        }
        return result
    }

    /// Byte mode: mode, count, bytes, terminator, padding.
    private static func encoded(_ bytes: [UInt8], _ version: Version) -> [UInt8] {
        var bits: [Bool] = []
        func append(_ value: Int, _ count: Int) {
            for shift in (0..<count).reversed() { bits.append(value >> shift & 1 == 1) }
        }
        append(0b0100, 4)
        append(bytes.count, version.countBits)
        for byte in bytes { append(Int(byte), 8) }
        append(0, min(4, 8 * version.dataCodewords - bits.count))
        append(0, (8 - bits.count % 8) % 8)
        var codewords = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
        }
        var pad: UInt8 = 0xEC
        while codewords.count < version.dataCodewords {
            codewords.append(pad)
            pad ^= 0xEC ^ 0x11
        }
        return codewords
    }
}

/// Error correction over GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1.
enum ReedSolomon {
    /// The coefficients below the leading one of (x - 1)(x - 2)(x - 4)…, highest first.
    static func generator(degree: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: degree - 1) + [1]
        var root: UInt8 = 1
        for _ in 0..<degree {
            for index in result.indices {
                result[index] = product(result[index], root)
                if index + 1 < result.count { result[index] ^= result[index + 1] }
            }
            root = product(root, 2)
        }
        return result
    }

    static func remainder(of data: [UInt8], by generator: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: generator.count)
        for byte in data {
            let factor = byte ^ result[0]
            result = result.dropFirst() + [0]
            for index in result.indices { result[index] ^= product(generator[index], factor) }
        }
        return result
    }

    static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var result: UInt8 = 0
        for shift in (0..<8).reversed() {
            let carry = result & 0x80 != 0
            result = result << 1 ^ (carry ? 0x1D : 0)
            if right >> UInt8(shift) & 1 == 1 { result ^= left }
        }
        return result
    }
}
