/// How much token is accepted.
public struct TokenLimits: Sendable {
    /// The longest token, in bytes.
    public var maximumBytes: Int
    /// How deep the JSON of header and claims may nest.
    public var maximumDepth: Int

    /// Sets both limits.
    public init(maximumBytes: Int, maximumDepth: Int) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
    }

    /// 16 KiB, 16 deep.
    public static let `default` = TokenLimits(maximumBytes: 16 * 1024, maximumDepth: 16)
}

extension TokenLimits {
    /// The limits of the JSON inside.
    var parsing: ParsingLimits { ParsingLimits(maximumBytes: maximumBytes, maximumDepth: maximumDepth) }

    /// Refuses a text that is too long, before anything of it is looked at.
    func check(_ text: String) throws(JOSEError) {
        // Places in a token are kept in 32 bits.
        guard text.utf8.count <= min(maximumBytes, Int(UInt32.max)) else {
            throw JOSEError(.tooLarge, reason: "token: \(text.utf8.count) bytes, the limit is \(maximumBytes)")
        }
    }
}
