import Accounts
import AuthorizationServer
import Crypto
import Instants
import JOSE
import OAuthVocabulary
import Storage
import UpstreamLogin

extension RecordKind {
    /// Providers that were made by `signet upstream create`.
    static let upstreamProvider = RecordKind("upstream-provider")
}

/// A provider on record, its secrets opened.
struct StoredUpstream: Sendable {
    var name: UpstreamName
    var description: UpstreamDescription
    var secrets: UpstreamSecrets
    var version: Int64 = 1

    var provider: UpstreamProvider {
        get throws(UpstreamFaults) { try UpstreamProvider(name, description, secrets: secrets) }
    }
}

/// The register of providers; secrets are sealed under the master key.
struct UpstreamRecords: Sendable {
    static let payloadVersion: Int64 = 1
    /// More providers than any sign-in page can show.
    static let maximumCount = 100

    let store: any Store
    let keys: DerivedKeys

    static func key(_ name: UpstreamName) -> RecordKey {
        let digest = SHA256.hash(data: Array(name.value.utf8))
        return RecordKey(kind: .upstreamProvider, identifier: IdentifierHash(bytes: Array(digest)))
    }

    func page(now: Instant) async throws(StoreError) -> [Record] {
        try await store.page(.upstreamProvider, filter: .all, after: nil, limit: Self.maximumCount, now: now)
    }

    func find(_ name: UpstreamName, now: Instant) async throws -> StoredUpstream? {
        guard let record = try await store.find(Self.key(name), now: now) else { return nil }
        return try open(record)
    }

    func list(now: Instant) async throws -> [StoredUpstream] {
        try await page(now: now).map { try open($0) }.sorted { $0.name.value < $1.name.value }
    }

    /// Writes a new one; `false` if there is one of this name.
    func insert(_ upstream: StoredUpstream, now: Instant) async throws -> Bool {
        try await store.apply([.insert(try record(upstream))], now: now) == .applied
    }

    /// Writes a changed one; `false` if it changed meanwhile.
    func replace(_ upstream: StoredUpstream, now: Instant) async throws -> Bool {
        try await store.apply([.replace(try record(upstream), ifVersion: upstream.version)], now: now) == .applied
    }

    func delete(_ name: UpstreamName, now: Instant) async throws {
        _ = try await store.apply([.delete(Self.key(name))], now: now)
    }

    private func record(_ upstream: StoredUpstream) throws -> Record {
        var fields: JSONObject = [:]
        for (field, texts) in upstream.description.fields {
            fields[field.rawValue] = .array(texts.map { .string($0) })
        }
        var secrets: JSONObject = [:]
        secrets["client_secret"] = upstream.secrets.clientSecret.map { .string($0) }
        secrets["private_key"] = upstream.secrets.privateKey.map { .string($0) }
        let sealed = try keys.sealUpstreamSecrets(secrets.serialized(), provider: upstream.name.value)
        let payload: JSONObject = [
            "v": .integer(Self.payloadVersion), "name": .string(upstream.name.value), "fields": .object(fields),
            "secrets": .string(Base64URL.encode(sealed)),
        ]
        return Record(key: Self.key(upstream.name), version: upstream.version, payload: payload.serialized())
    }

    /// The provider that a record holds; throws `StoreError.corrupt` if it holds none.
    func open(_ record: Record) throws(StoreError) -> StoredUpstream {
        let corrupt = StoreError.corrupt(reason: "an upstream provider on record cannot be read")
        guard let object = try? JSONObject(parsing: record.payload),
            object["v"]?.integerValue == Self.payloadVersion,
            let name = object["name"]?.stringValue.flatMap({ UpstreamName($0) }),
            let fields = object["fields"]?.objectValue,
            let sealed = object["secrets"]?.stringValue.flatMap({ try? Base64URL.decode($0) }),
            let plain = keys.openUpstreamSecrets(sealed, provider: name.value),
            let secrets = try? JSONObject(parsing: plain)
        else { throw corrupt }
        var description = UpstreamDescription()
        for (key, value) in fields {
            guard let field = UpstreamField(rawValue: key), let texts = value.arrayValue?.compactMap(\.stringValue)
            else {
                throw corrupt
            }
            description.fields[field] = texts
        }
        return StoredUpstream(
            name: name,
            description: description,
            secrets: UpstreamSecrets(
                clientSecret: secrets["client_secret"]?.stringValue,
                privateKey: secrets["private_key"]?.stringValue
            ),
            version: record.version
        )
    }
}

extension Workbench {
    var upstreamRecords: UpstreamRecords { UpstreamRecords(store: store, keys: keys) }
}
