import Instants
import JOSE
import RevocationFeed
import Testing

/// What stands on the wire, octet by octet, and what of it is believed.
@Suite struct WireTests {
    static let moment = Instant(millisecondsSinceEpoch: 1_800_000_000_123)
    static let handle = RevocationHandle(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)

    static func entry(_ number: UInt64, kind: FeedEntry.Kind = .handle) -> FeedEntry {
        FeedEntry(
            kind: kind,
            notBefore: moment + .milliseconds(Int64(number)),
            expiresAt: moment + .seconds(930),
            handle: RevocationHandle(high: number, low: ~number)
        )
    }

    // MARK: - Entries and claims

    @Test func `An entry has 32 octets: kind, not before, expiry, handle`() throws {
        let entry = FeedEntry(
            kind: .handle,
            notBefore: Instant(millisecondsSinceEpoch: 0x01_0203_0405_0607),
            expiresAt: Instant(millisecondsSinceEpoch: 0x1112_1314_1516_1718),
            handle: Self.handle
        )
        let expected: [UInt8] =
            [1, 1, 2, 3, 4, 5, 6, 7, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18] + Array(1...16)
        #expect(entry.bytes == expected)
        #expect(FeedEntry(expected) == entry)
    }

    @Test func `Octets that are not whole entries are none`() {
        let bytes = Self.entry(1).bytes + Self.entry(2).bytes
        #expect(FeedEntry.entries(in: bytes) == [Self.entry(1), Self.entry(2)])
        #expect(FeedEntry.entries(in: bytes.dropLast()) == nil)
        #expect(FeedEntry(bytes) == nil)
        #expect(FeedEntry([UInt8](repeating: 0, count: 31)) == nil)
    }

    @Test func `A claim says when its token was issued and by which handles it can be revoked`() {
        let claim = RevocationClaim(issuedAt: Self.moment, handles: [Self.handle, RevocationHandle(high: 7, low: 9)])
        #expect(RevocationClaim(claim.text) == claim)
        #expect(RevocationClaim(RevocationClaim(issuedAt: Self.moment, handles: []).text)?.handles == [])
    }

    @Test(arguments: ["", "A", "AgAAAAAAAAA", "AQAAAAAAAAAA", "AQAAAAAAAA!", String(repeating: "A", count: 400)])
    func `Text that is no claim of this version is none`(_ text: String) {
        #expect(RevocationClaim(text) == nil)
    }

    @Test func `The claim of version 1 with no handles is one`() {
        #expect(RevocationClaim("AQAAAAAAAAA")?.handles == [])
    }

    // MARK: - Chain

    @Test func `The chain tells apart what was left out, changed, put elsewhere, or is of another audience or epoch`() {
        let entries = (1...5).map { Self.entry($0) }
        func end(_ entries: [FeedEntry], epoch: String = "e", audience: String = "a") -> FeedPosition {
            var position = FeedPosition.beginning(epoch: epoch, audience: audience)
            for entry in entries { position.advance(over: entry) }
            return position
        }
        let whole = end(entries)
        #expect(whole.sequence == 5)
        #expect(end(entries) == whole)
        var changed = entries
        changed[2].notBefore = changed[2].notBefore + .milliseconds(1)
        var swapped = entries
        swapped.swapAt(1, 2)
        let others = [
            end(Array(entries.dropLast())), end(Array(entries.dropFirst()) + [Self.entry(6)]), end(changed),
            end(swapped),
            end(entries, audience: "b"), end(entries, epoch: "f"),
        ]
        for other in others { #expect(other.hash != whole.hash) }
    }

    // MARK: - Messages

    struct Sealed {
        let key: SigningKey
        let keys: KeySet

        init(_ algorithm: SignatureAlgorithm = .edDSA) throws {
            key = try SigningKey.generate(algorithm)
            keys = KeySet([key.verificationKey])
        }
    }

    static func message(_ content: FeedMessage.Content) -> FeedMessage {
        var to = FeedPosition.beginning(epoch: "epoch", audience: "https://api.example")
        if case .delta(_, let entries) = content { for entry in entries { to.advance(over: entry) } }
        return FeedMessage(
            issuer: "https://id.example",
            audience: "https://api.example",
            asOf: moment,
            position: to,
            keySetDigest: FeedMessage.digest(ofKeySet: [1, 2, 3]),
            content: content
        )
    }

    static let contents: [FeedMessage.Content] = [
        .hello(nonce: "n"), .heartbeat, .keys(document: [1, 2, 3]),
        .snapshot(nonce: "n", count: 2, digest: FeedMessage.digest(ofSnapshot: entry(1).bytes)),
        .delta(from: .beginning(epoch: "epoch", audience: "https://api.example"), entries: [entry(1), entry(2)]),
    ]

    static func read(
        _ text: String,
        _ keys: KeySet,
        issuer: String = "https://id.example",
        audience: String = "https://api.example"
    ) throws(JOSEError) -> FeedMessage {
        try FeedMessage(verifying: text, by: keys, issuer: issuer, audience: audience)
    }

    @Test(arguments: contents)
    func `A message is read as it was signed`(_ content: FeedMessage.Content) throws {
        let sealed = try Sealed()
        let message = Self.message(content)
        #expect(try Self.read(message.signed(by: sealed.key), sealed.keys) == message)
    }

    @Test(arguments: contents)
    func `FIELD R48: a message of another issuer, audience or key is refused`(_ content: FeedMessage.Content) throws {
        let sealed = try Sealed()
        let text = try Self.message(content).signed(by: sealed.key)
        #expect(throws: Never.self) { try Self.read(text, sealed.keys) }
        #expect(throws: JOSEError.self) { try Self.read(text, sealed.keys, issuer: "https://id.example/") }
        #expect(throws: JOSEError.self) { try Self.read(text, sealed.keys, audience: "https://other.example") }
        #expect(throws: JOSEError.self) { try Self.read(text, Sealed().keys) }
    }

    @Test func `FIELD R48: a forged or truncated delta is refused`() throws {
        let sealed = try Sealed()
        let text = try Self.message(Self.contents[4]).signed(by: sealed.key)
        let parts = text.split(separator: ".").map(String.init)
        let payload = try String(decoding: Base64URL.decode(parts[1]), as: UTF8.self)
        let entries = Base64URL.encode(Self.entry(1).bytes + Self.entry(2).bytes)
        let shorter = payload.replacing(entries, with: Base64URL.encode(Self.entry(1).bytes))
        let forged = [parts[0], Base64URL.encode(Array(shorter.utf8)), parts[2]].joined(separator: ".")
        #expect(forged != text)
        #expect(throws: JOSEError.self) { try Self.read(forged, sealed.keys) }
        #expect(throws: JOSEError.self) { try Self.read(String(text.dropLast(4)), sealed.keys) }
        #expect(throws: JOSEError.self) { try Self.read("", sealed.keys) }
    }

    @Test(arguments: [SignatureAlgorithm.es256, .rs256])
    func `Whatever is not signed with EdDSA is refused, even by a key in the set`(_ algorithm: SignatureAlgorithm)
        throws
    {
        let sealed = try Sealed(algorithm)
        let text = try Self.message(.heartbeat).signed(by: sealed.key)
        #expect(throws: JOSEError.self) { try Self.read(text, sealed.keys) }
    }

    @Test(arguments: ["at+jwt", "JWT", "secevent+jwt", "revocation-hello"])
    func `FIELD F22: a token of another type is no message`(_ type: String) throws {
        let sealed = try Sealed()
        let good = try UnverifiedToken(Self.message(.heartbeat).signed(by: sealed.key))
        let claims = good.unverifiedClaims
        #expect(throws: Never.self) {
            try Self.read(JWT.signed(claims, type: "revocation-heartbeat+jwt", by: sealed.key), sealed.keys)
        }
        #expect(throws: JOSEError.self) { try Self.read(JWT.signed(claims, type: type, by: sealed.key), sealed.keys) }
    }

    @Test(arguments: ["epoch", "seq", "chain", "as_of", "jwks", "from", "from_chain", "entries"])
    func `A delta that lacks a claim is refused`(_ name: String) throws {
        let sealed = try Sealed()
        var claims = try UnverifiedToken(Self.message(Self.contents[4]).signed(by: sealed.key)).unverifiedClaims
        claims[name] = nil
        let text = try JWT.signed(claims, type: "revocation-delta+jwt", by: sealed.key)
        #expect(throws: JOSEError.self) { try Self.read(text, sealed.keys) }
    }

    @Test func `A delta holds 1 to 500 entries`() throws {
        let sealed = try Sealed()
        func delta(_ count: Int) throws -> String {
            let from = FeedPosition.beginning(epoch: "epoch", audience: "https://api.example")
            let entries = (0..<count).map { Self.entry(UInt64($0)) }
            return try Self.message(.delta(from: from, entries: entries)).signed(by: sealed.key)
        }
        for count in [1, 500] { #expect(throws: Never.self) { try Self.read(delta(count), sealed.keys) } }
        for count in [0, 501] { #expect(throws: JOSEError.self) { try Self.read(delta(count), sealed.keys) } }
    }
}
