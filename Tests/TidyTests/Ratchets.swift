/// Where the house does not yet, or for a good reason cannot, keep its own rules. These lists only shrink: an entry that
/// is no longer needed fails the tests until it is removed, and a new one needs a reason that convinces a reviewer.
enum Ratchets {
    /// Path -> how many lines it has today.
    static let fileLengths: [String: Int] = [:]

    /// "Path name" -> how many lines the function has today.
    static let functionLengths: [String: Int] = [:]

    static let timeAndRandomness = [
        Exemption("Sources/AuthorizationServer/Kernel/", "where the clock and randomness of the server are defined"),
        Exemption("Sources/IssuerConnection/ClientClock.swift", "where the clock of the SDKs is defined"),
        Exemption("Sources/IssuerConnection/ClientRandomness.swift", "where the randomness of the SDKs is defined"),
        Exemption("Sources/signet/", "the executable hands out the real clock and the real randomness"),
        Exemption("Sources/JOSE/JWS/", "new keys are drawn by swift-crypto, which takes no generator"),
        Exemption("Sources/JOSE/JWE/", "new keys are drawn by swift-crypto, which takes no generator"),
    ]

    static let uncheckedSendable = [
        Exemption("Sources/JOSE/JWE/KeyManagement/RSAOAEP.swift", "swift-crypto forgot to mark one of its RSA keys"),
        Exemption(
            "Sources/SystemCrypto/SharedHandle.swift",
            "the compiler cannot see which objects of a C library threads may share; its manual says so"
        ),
    ]

    static let mayEndTheProcess: [Exemption] = []

    static let mayExport = [
        Exemption("Sources/JOSE/Exports.swift", "who verifies a token hands in a moment, and needs its type")
    ]

    static let mayImportFoundation: [Exemption] = []

    static let mayCompareSecrets = [
        Exemption(
            "Sources/AuthorizationServer/Clients/Clients.swift",
            "compares two stored records, not a guess with one"
        ),
        Exemption(
            "Sources/signet/Commands/Client/ClientCreate.swift",
            "a command of the operator, who may read the record"
        ),
    ]

    static let mayNameUnfinishedWork = [
        Exemption("Tests/TidyTests/", "the rule has to name what it forbids"),
        Exemption("CONTRIBUTING.md", "says what is forbidden"),
    ]

    /// Sections that a comment in Sources quotes and no test names yet.
    static let citedWithoutTest: Set<String> = []
}
