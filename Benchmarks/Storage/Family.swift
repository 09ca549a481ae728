internal import AuthorizationServer
internal import Instants
internal import Storage

/// Refresh families as the server stores them: same kind, same columns, payloads of the same size.
enum Family {
    static let start = Instant(secondsSinceEpoch: 1_800_000_000)
    /// A family of a browser application after some rotations has some 760 bytes.
    private static let filler = String(repeating: "s6BhdRkqt3-5ba552d6-7f0e-4c2b-93c4.", count: 19)

    static func key(_ number: Int) -> RecordKey { RecordKey(RefreshFamily.kind, "family-\(number)") }

    static func payload(_ number: Int, generation: Int64) -> [UInt8] {
        Array("{\"body\":{\"f\":\"\(filler)\",\"generation\":\(generation),\"id\":\"family-\(number)\"},\"v\":1}".utf8)
    }

    static func record(_ number: Int, version: Int64 = 1, expiresAt: Instant = start + .seconds(30 * 86_400)) -> Record
    {
        Record(
            key: key(number),
            family: "family-\(number)",
            subject: "5ba552d6-7f0e-4c2b-93c4-\(number / 3)",
            client: "client-\(number % 50)",
            version: version,
            expiresAt: expiresAt,
            payload: payload(number, generation: version)
        )
    }
}
