package import Instants
import JOSE
package import OAuthVocabulary
package import Storage

extension RecordKind {
    /// Which person somebody at another provider is.
    package static let upstreamLink = RecordKind("upstream-link")
}

/// That a person can sign in as somebody at an upstream provider.
package struct UpstreamLink: Hashable, Sendable {
    static let payloadVersion: Int64 = 1

    package let identity: UpstreamIdentity
    package let subject: Subject
    package let linkedAt: Instant
    package internal(set) var usedAt: Instant
    /// What the person knows the account there by: an address or a name, as the provider said it last.
    package internal(set) var label: String?
    /// The groups that came by this link: what the provider takes back goes, and nothing else.
    package internal(set) var groups: [String]
    package internal(set) var version: Int64 = 1

    init(identity: UpstreamIdentity, subject: Subject, linkedAt: Instant) {
        self.identity = identity
        self.subject = subject
        self.linkedAt = linkedAt
        usedAt = linkedAt
        groups = []
    }

    /// Names the link in forms of ours: the hash under which it is stored.
    package var reference: String { Base64URL.encode(recordKey.identifier.bytes) }

    package var recordKey: RecordKey { Self.recordKey(of: identity) }

    /// Each part is hashed on its own first, so that no two lists of parts run together to the same bytes.
    static func recordKey(of identity: UpstreamIdentity) -> RecordKey {
        let parts = [identity.provider.value, identity.issuer, identity.subject]
        let digests = parts.flatMap { IdentifierHash.sha256(of: $0).bytes }
        return RecordKey(kind: .upstreamLink, identifier: .sha256(of: digests))
    }

    var record: Record {
        var object: JSONObject = ["v": .integer(Self.payloadVersion)]
        object["provider"] = .string(identity.provider.value)
        object["iss"] = .string(identity.issuer)
        object["upstream_sub"] = .string(identity.subject)
        object["sub"] = .string(subject.value)
        object["linked_at"] = .instant(linkedAt)
        object["used_at"] = .instant(usedAt)
        object["label"] = label.map(JSON.string)
        if !groups.isEmpty { object["groups"] = .texts(groups) }
        return Record(key: recordKey, subject: subject.value, version: version, payload: object.serialized())
    }

    /// The link that a record holds; throws `StoreError.corrupt` if it holds none.
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        let provider = try payload.made("provider") { UpstreamName($0) }
        let issuer = try payload.text("iss")
        let identity = try payload.made("upstream_sub") { subject in
            UpstreamIdentity(provider: provider, issuer: issuer, subject: subject)
        }
        self.init(
            identity: identity,
            subject: try payload.made("sub") { Subject($0) },
            linkedAt: try payload.instant("linked_at")
        )
        usedAt = try payload.instant("used_at")
        label = try payload.optionalText("label")
        groups = try payload.texts("groups")
        version = record.version
    }
}
