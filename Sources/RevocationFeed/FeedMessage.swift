import Crypto
public import Instants
public import JOSE

/// One signed statement of the server about the feed of one audience: a JWS whose `typ` says which.
///
/// Every statement says as of when it holds (`as_of`, milliseconds on a clock of the server's that never steps back),
/// where the feed stands (`epoch`, `seq`, `chain`), and what the issuer's JWK Set hashes to (`jwks`).
public struct FeedMessage: Hashable, Sendable {
    /// What is stated.
    public enum Content: Hashable, Sendable {
        /// The first message of every connection and poll: it was made after the reader drew `nonce`.
        case hello(nonce: String)
        /// The head of a snapshot: the entries follow outside of the signature, `count` of them, hashing to `digest`.
        case snapshot(nonce: String, count: Int, digest: [UInt8])
        /// The entries after the place `from`, in their order.
        case delta(from: FeedPosition, entries: [FeedEntry])
        /// Nothing happened: everything that was committed before `as_of` is covered by the position.
        case heartbeat
        /// The issuer's JWK Set (RFC 7517 §5), as it is now.
        case keys(document: [UInt8])
    }

    /// The most entries in one delta; more come as several.
    public static let maximumEntries = 500
    /// The longest message, in bytes.
    public static let maximumBytes = 64 * 1024
    /// The algorithm of the feed's keys, which are no token keys.
    public static let algorithm = SignatureAlgorithm.edDSA

    /// Who signed.
    public var issuer: String
    /// For whom: the audience of the API that reads.
    public var audience: String
    /// As of when it holds, on the server's steady clock.
    public var asOf: Instant
    /// Where the feed stands after this message.
    public var position: FeedPosition
    /// SHA-256 of the issuer's JWK Set document, base64url.
    public var keySetDigest: String
    /// What is stated.
    public var content: Content

    /// A statement of these parts.
    public init(
        issuer: String,
        audience: String,
        asOf: Instant,
        position: FeedPosition,
        keySetDigest: String,
        content: Content
    ) {
        self.issuer = issuer
        self.audience = audience
        self.asOf = asOf
        self.position = position
        self.keySetDigest = keySetDigest
        self.content = content
    }

    /// The digest of a JWK Set document, as messages name it.
    public static func digest(ofKeySet document: [UInt8]) -> String {
        Base64URL.encode(Array(SHA256.hash(data: document)))
    }

    /// The digest of what follows the head of a snapshot.
    public static func digest(ofSnapshot bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

    // MARK: - Signing

    /// The message as compact JWS.
    ///
    /// - Throws: what signing throws.
    public func signed(by key: SigningKey) throws(JOSEError) -> String {
        var claims: JSONObject = [
            "iss": .string(issuer), "aud": .string(audience), "as_of": .integer(asOf.millisecondsSinceEpoch),
            "epoch": .string(position.epoch), "seq": .integer(Int64(clamping: position.sequence)),
            "chain": .string(Base64URL.encode(position.hash)), "jwks": .string(keySetDigest),
        ]
        switch content {
        case .hello(let nonce):
            claims["nonce"] = .string(nonce)
        case .snapshot(let nonce, let count, let digest):
            claims["nonce"] = .string(nonce)
            claims["count"] = .integer(Int64(count))
            claims["digest"] = .string(Base64URL.encode(digest))
        case .delta(let from, let entries):
            claims["from"] = .integer(Int64(clamping: from.sequence))
            claims["from_chain"] = .string(Base64URL.encode(from.hash))
            claims["entries"] = .string(Base64URL.encode(entries.flatMap(\.bytes)))
        case .heartbeat:
            break
        case .keys(let document):
            claims["document"] = .string(Base64URL.encode(document))
        }
        return try JWT.signed(claims, type: type, by: key)
    }

    private enum MessageType: String, CaseIterable {
        case hello = "revocation-hello+jwt"
        case snapshot = "revocation-snapshot+jwt"
        case delta = "revocation-delta+jwt"
        case heartbeat = "revocation-heartbeat+jwt"
        case keys = "revocation-keys+jwt"
    }

    private var type: String {
        switch content {
        case .hello: MessageType.hello.rawValue
        case .snapshot: MessageType.snapshot.rawValue
        case .delta: MessageType.delta.rawValue
        case .heartbeat: MessageType.heartbeat.rawValue
        case .keys: MessageType.keys.rawValue
        }
    }

    // MARK: - Verifying

    /// Reads a message that must be signed by one of the feed's `keys`, of this issuer and for this audience.
    ///
    /// Freshness is the reader's to judge: `asOf` and, where there is one, the nonce.
    /// - Throws: `JOSEError` of the signature or the claim that is wrong.
    public init(verifying text: String, by keys: KeySet, issuer: String, audience: String) throws(JOSEError) {
        let limits = TokenLimits(maximumBytes: Self.maximumBytes, maximumDepth: 4)
        let token = try UnverifiedToken(text, limits: limits).verified(
            by: keys,
            expecting: Expectations(
                issuer: .exactly(issuer),
                audience: .exactly(audience),
                type: .anyOf(MessageType.allCases.map(\.rawValue)),
                algorithms: [Self.algorithm],
                // A message says as of when it holds, which is finer than the seconds of `exp`.
                now: Instant(millisecondsSinceEpoch: 0),
                expiry: .unchecked
            )
        )
        let claims = FeedClaims(token)
        let epoch = try claims.text("epoch")
        self.init(
            issuer: issuer,
            audience: audience,
            asOf: Instant(millisecondsSinceEpoch: Int64(clamping: try claims.number("as_of"))),
            position: FeedPosition(
                epoch: epoch,
                sequence: try claims.number("seq"),
                hash: try claims.octets("chain", count: FeedPosition.hashLength)
            ),
            keySetDigest: try claims.text("jwks"),
            content: try Self.content(of: token, claims, epoch: epoch)
        )
    }

    private static func content(
        of token: VerifiedToken,
        _ claims: FeedClaims,
        epoch: String
    ) throws(JOSEError) -> Content {
        // The type was one of the expected ones, however it is written: `typ` may stand with or without "application/".
        let written = token.header["typ"]?.stringValue?.lowercased() ?? ""
        guard let type = MessageType.allCases.first(where: { written.hasSuffix($0.rawValue) }) else {
            throw JOSEError(.typeInvalid, claim: "typ", reason: "not a message of the revocation feed")
        }
        switch type {
        case .hello:
            return .hello(nonce: try claims.text("nonce"))
        case .snapshot:
            return .snapshot(
                nonce: try claims.text("nonce"),
                count: Int(clamping: try claims.number("count")),
                digest: try claims.octets("digest", count: FeedPosition.hashLength)
            )
        case .delta:
            let from = FeedPosition(
                epoch: epoch,
                sequence: try claims.number("from"),
                hash: try claims.octets("from_chain", count: FeedPosition.hashLength)
            )
            guard let entries = FeedEntry.entries(in: try claims.octets("entries")), !entries.isEmpty,
                entries.count <= maximumEntries
            else { throw FeedClaims.fault("entries", "expected 1 to \(maximumEntries) whole entries") }
            return .delta(from: from, entries: entries)
        case .heartbeat:
            return .heartbeat
        case .keys:
            return .keys(document: try claims.octets("document"))
        }
    }
}

/// The claims of a message, read strictly.
private struct FeedClaims {
    let token: VerifiedToken

    init(_ token: VerifiedToken) { self.token = token }

    static func fault(_ claim: String, _ reason: String) -> JOSEError {
        JOSEError(.claimInvalid, claim: claim, reason: reason)
    }

    func text(_ name: String) throws(JOSEError) -> String {
        guard let text = token[name]?.stringValue, !text.isEmpty else { throw Self.fault(name, "expected a text") }
        return text
    }

    func number(_ name: String) throws(JOSEError) -> UInt64 {
        guard let number = token[name]?.integerValue.flatMap({ UInt64(exactly: $0) }) else {
            throw Self.fault(name, "expected an integer that is not negative")
        }
        return number
    }

    func octets(_ name: String, count: Int? = nil) throws(JOSEError) -> [UInt8] {
        let octets = try Base64URL.decode(text(name))
        guard count == nil || octets.count == count else { throw Self.fault(name, "expected \(count ?? 0) octets") }
        return octets
    }
}
