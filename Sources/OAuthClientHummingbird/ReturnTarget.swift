/// Where a person goes after signing in: a place of this application, and of no other.
struct ReturnTarget: Hashable, Sendable {
    /// The path, with query and fragment if it has them: what a `Location` may name.
    let path: String

    /// The front page.
    static let root = ReturnTarget(checked: "/")
    /// The longest target that is carried through a login; longer ones lead to the front page.
    static let maximumBytes = 1024

    /// The target of a request's own address or of a `return_to`; nil for what could lead elsewhere.
    ///
    /// Browsers take `/\` for `//`, which begins a host, and skip tabs and line ends before they look: whatever is no
    /// visible ASCII, and every backslash, is refused rather than cleaned.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.first == UInt8(ascii: "/"), bytes.count <= Self.maximumBytes,
            bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") })
        else { return nil }
        let path = bytes.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        // Decoded, because a proxy may decode it before the browser sees it; a dot segment could uncover a double slash.
        guard let decoded = Self.decoded(path), !decoded.contains(UInt8(ascii: "\\")),
            decoded.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            !(decoded.count > 1 && decoded[1] == UInt8(ascii: "/")),
            !decoded.split(separator: UInt8(ascii: "/")).contains(where: { $0 == [0x2E] || $0 == [0x2E, 0x2E] })
        else { return nil }
        self.path = text
    }

    private init(checked path: String) { self.path = path }

    /// The octets that percent-encoding stands for; nil where it is malformed.
    private static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "%") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.endIndex, let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            else { return nil }
            result.append(high << 4 | low)
            index += 3
        }
        return result
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
