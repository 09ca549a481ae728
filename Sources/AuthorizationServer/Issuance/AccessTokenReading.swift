import Instants
import JOSE
import OAuthVocabulary
import Storage

/// What the claims of an access token of ours say, as values: read once, and kept with a remembered token.
final class AccessTokenReading: Sendable {
    /// A claim is missing or is not what it should be.
    struct Malformed: Error {}

    let clientID: ClientID
    let subject: Subject
    /// `nil` for a token of the client's own.
    let session: SessionID?
    let scope: ScopeSet
    let audience: [String]
    /// To the millisecond where the token says it, on the clock that never steps back.
    let issuedAt: Instant
    let expiresAt: Instant
    /// Whether it has claims of its own that are named like what introspection adds.
    let namesIntrospectionMembers: Bool
    /// By what everything that can end it is stored, the key that signed it first.
    private let endings: [IdentifierHash]
    private let hasKey: Bool

    init(keyID: String?, _ claim: (String) -> JSON?) throws(Malformed) {
        func text(_ name: String) -> String? { claim(name)?.stringValue }
        guard let clientID = text("client_id").flatMap({ ClientID($0) }), let name = text("jti"),
            let token = TokenID(name), let iat = claim("iat")?.integerValue, let exp = claim("exp")?.integerValue,
            let scope = text("scope").flatMap(ScopeSet.init(parameter:)),
            let subject = text("sub").flatMap({ Subject($0) })
        else { throw Malformed() }
        self.clientID = clientID
        self.subject = subject
        self.scope = scope
        session = text("sid").flatMap { SessionID($0) }
        audience = claim("aud")?.strings ?? []
        issuedAt = TokenIdentifier.moment(of: name) ?? Instant(secondsSinceEpoch: iat)
        let lifetime = Instant(secondsSinceEpoch: exp) - Instant(secondsSinceEpoch: iat)
        expiresAt = Instant(secondsSinceEpoch: issuedAt.secondsSinceEpoch) + lifetime
        var targets: [RevocationTarget] = keyID.map { [.signingKey($0)] } ?? []
        targets += [.token(token), .client(clientID), .everything]
        if let session { targets += [.session(session), .subject(subject)] }
        if let grant = text(AccessTokenClaims.grantID).flatMap({ FamilyID($0) }) { targets.append(.grant(grant)) }
        endings = targets.map(\.key.identifier)
        hasKey = keyID != nil
        namesIntrospectionMembers = ["active", "token_type", "username"].contains { claim($0) != nil }
    }

    /// Without what is allocated apart.
    private static let ownBytes = 256

    /// What it takes, in bytes, at most.
    var footprint: Int {
        let texts = [clientID.value, subject.value, session?.value ?? ""] + scope.map(\.value) + audience
        let allocation = 32
        return texts.reduce(Self.ownBytes + endings.count * (2 * allocation + MemoryLayout<[UInt8]>.size)) {
            $0 + MemoryLayout<String>.size + ($1.utf8.count > 15 ? $1.utf8.count + allocation : 0)
        }
    }

    /// Why it does not count any more, if something was ended; read at one moment.
    func ending(from reader: Reader) async throws(OAuthError) -> String? {
        let found = try await reader.find(endings.map { .key(RecordKey(kind: RevocationRecord.kind, identifier: $0)) })
        guard found.contains(where: { $0 != nil }) else { return nil }
        return try decoded { () throws(StoreError) in
            // Whoever stole a key chooses the moment inside a token: a retired key counts for none.
            if hasKey, try Revocations.cutOff(in: [found[0]]) != nil { return "the signing key is retired" }
            guard let cutOff = try Revocations.cutOff(in: Array(found.dropFirst(hasKey ? 1 : 0))) else { return nil }
            return issuedAt <= cutOff ? "revoked" : nil
        }
    }
}
