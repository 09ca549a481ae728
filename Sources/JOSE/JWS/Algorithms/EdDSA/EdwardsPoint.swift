/// What must not come as a public key of Ed25519, by its 32 bytes: swift-crypto takes any.
enum EdwardsPoint {
    /// The y of the points whose order divides 8, little-endian, without the sign of x.
    ///
    /// The last two are those of order 8 (Chalkias, Garillot and Nikolaenko, "Taming the many EdDSAs", table 3).
    private static let smallOrder: [[UInt8]] = [
        [0x01] + [UInt8](repeating: 0, count: 31),
        [UInt8](repeating: 0, count: 32),
        [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F],
        [
            0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
            0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05,
        ],
        [
            0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
            0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A,
        ],
    ]

    /// Whether y is p = 2^255 - 19 or more, so that a smaller y names the same point.
    static func isBeyondField(_ point: [UInt8]) -> Bool {
        let y = withoutSign(point)
        return y.last == 0x7F && y.dropFirst().dropLast().allSatisfy { $0 == 0xFF }
            && y.first.map { $0 >= 0xED } == true
    }

    /// Whether the order of the point divides 8, whichever sign x is said to have.
    static func hasSmallOrder(_ point: [UInt8]) -> Bool {
        smallOrder.contains(withoutSign(point))
    }

    private static func withoutSign(_ point: [UInt8]) -> [UInt8] {
        point.dropLast() + point.suffix(1).map { $0 & 0x7F }
    }
}
