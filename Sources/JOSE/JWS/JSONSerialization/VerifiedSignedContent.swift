/// Which of the signatures over content must be good.
public struct SignaturePolicy: Sendable {
    enum Requirement {
        case all
        case any
        case signers([String])
    }

    let requirement: Requirement

    /// Every signature that came must be good.
    ///
    /// Whoever passes the content on can take signatures away, so this does not say that a certain signer signed.
    public static let all = SignaturePolicy(requirement: .all)

    /// At least one signature must be good; the others need only be well formed.
    ///
    /// Fits a sender that signs with an old and a new algorithm for readers that know one of them.
    public static let any = SignaturePolicy(requirement: .any)

    /// The keys of all these identifiers must have signed; other signatures need only be well
    /// formed.
    ///
    /// An empty list refuses everything.
    public static func signedByEach(of keyIDs: [String]) -> SignaturePolicy {
        SignaturePolicy(requirement: .signers(keyIDs))
    }

    /// Checks the signers of what was found good.
    func check(_ signatures: [VerifiedSignature]) throws(JOSEError) {
        guard case .signers(let wanted) = requirement else { return }
        guard !wanted.isEmpty else {
            throw JOSEError(.keyUnknown, claim: "kid", reason: "the policy names no signer")
        }
        for keyID in wanted
        where !signatures.contains(where: { $0.keyID.map { isSameText($0, keyID) } == true }) {
            throw JOSEError(.keyUnknown, claim: "kid", reason: "there is no good signature by \(quoted(keyID))")
        }
    }
}

/// Content with good signatures of trusted keys, as many as the policy asked for.
///
/// Only ``UnverifiedSignedContent/verified(by:algorithms:requiring:)`` makes one.
public struct VerifiedSignedContent: Sendable {
    /// The bytes that were signed.
    public let payload: [UInt8]
    /// The good signatures, at least one, each by another key: of several by one key, the first.
    public let signatures: [VerifiedSignature]
}

/// A signature of a trusted key.
public struct VerifiedSignature: Sendable {
    /// The header that was signed.
    public let protectedHeader: JSONObject
    /// The header that nobody signed: anybody on the way may have written it.
    public let unprotectedHeader: JSONObject
    /// The key that signed.
    public let key: VerificationKey
    /// The algorithm of the signature.
    public let algorithm: SignatureAlgorithm

    /// The `kid` of the key that signed.
    public var keyID: String? { key.keyID }

    /// Whether the key set found one key for both: it refuses to choose among keys of the same name and algorithm.
    func isBySameKey(as other: VerifiedSignature) -> Bool {
        guard key.algorithm == other.key.algorithm else { return false }
        switch (keyID, other.keyID) {
        case (nil, nil): return true
        case (let left?, let right?): return isSameText(left, right)
        default: return false
        }
    }
}
