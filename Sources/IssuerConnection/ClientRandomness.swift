internal import JOSE

/// Where the SDKs draw what others must not guess, handed in so that a test can repeat itself.
public protocol ClientRandomness: Sendable {
    /// So many bytes that cannot be predicted.
    func bytes(_ count: Int) -> [UInt8]
}

/// The operating system's generator.
public struct SystemClientRandomness: ClientRandomness {
    /// The operating system's generator.
    public init() {}

    /// Bytes from the system.
    public func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 7)
        while bytes.count < count {
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
        }
        return Array(bytes.prefix(count))
    }
}

extension ClientRandomness {
    /// `count` bytes in base64url.
    package func text(_ count: Int) -> String { Base64URL.encode(bytes(count)) }

    /// A number from 0 up to but not including 1.
    package func fraction() -> Double {
        let number = bytes(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return Double(number) / 4_294_967_296
    }

    /// A duration from zero up to `maximum`, drawn evenly.
    package func duration(upTo maximum: Duration) -> Duration { maximum * fraction() }
}
