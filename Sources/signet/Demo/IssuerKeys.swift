import AsyncHTTPClient
import AuthorizationServer
import Instants
import JOSE
import NIOCore
import NIOHTTP1

/// Fetches public documents by their address.
protocol DocumentSource: Sendable {
    /// The body of a successful answer.
    func document(at address: String) async throws -> [UInt8]
}

/// Fetches over HTTP.
struct HTTPDocumentSource: DocumentSource {
    static let timeout = TimeAmount.seconds(5)
    static let maximumBytes = 256 * 1024

    func document(at address: String) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: address)
        request.headers.add(name: "Accept", value: "application/json")
        let response = try await HTTPClient.shared.execute(request, timeout: Self.timeout)
        guard response.status == .ok else { throw KeysUnavailable("\(address) answered \(response.status.code)") }
        let body = try await response.body.collect(upTo: Self.maximumBytes)
        return Array(body.readableBytesView)
    }
}

/// The issuer's keys cannot be had.
struct KeysUnavailable: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The issuer's published keys, kept for a while and fetched again when a token names one that is not among them.
actor IssuerKeys {
    /// How long keys are trusted without asking again; a retired key is accepted no longer than this.
    static let lifetime = Duration.seconds(300)
    /// How often an unknown key may make us ask: anyone can invent key names.
    static let pause = Duration.seconds(10)
    /// How soon a failed attempt is repeated.
    static let retryPause = Duration.seconds(1)

    private let issuer: String
    private let documents: any DocumentSource
    private let time: any TimeSource
    private var keys: KeySet?
    private var fetchedAt: Instant?
    private var triedAt: Instant?
    private var fetching: Task<KeySet, any Error>?

    init(issuer: String, documents: any DocumentSource, time: any TimeSource) {
        self.issuer = issuer
        self.documents = documents
        self.time = time
    }

    /// The keys, with the named one among them if the issuer publishes it.
    func keySet(with keyID: String?) async throws -> KeySet {
        let now = time.moment().steady
        if let keys, let fetchedAt, now - fetchedAt < Self.lifetime {
            if keyID == nil || keys.keys.contains(where: { $0.keyID == keyID }) { return keys }
            if let triedAt, now - triedAt < Self.pause { return keys }
            // The keys at hand are still good, so a failure to ask says only that the named one is unknown.
            return (try? await fetch(at: now)) ?? keys
        }
        if fetching == nil, let triedAt, now - triedAt < Self.retryPause {
            throw KeysUnavailable("the last attempt failed a moment ago")
        }
        return try await fetch(at: now)
    }

    /// Everybody who waits shares one request.
    private func fetch(at now: Instant) async throws -> KeySet {
        if let fetching { return try await fetching.value }
        triedAt = now
        let task = Task { [issuer, documents] in try await Self.read(issuer, from: documents) }
        fetching = task
        defer { fetching = nil }
        let fetched = try await task.value
        keys = fetched
        fetchedAt = now
        return fetched
    }

    private static func read(_ issuer: String, from documents: any DocumentSource) async throws -> KeySet {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let address = "\(base)/.well-known/openid-configuration"
        let metadata = try JSONObject(parsing: try await documents.document(at: address))
        // OIDC Discovery §4.3: "The issuer value returned MUST be identical to the Issuer URL that was used as the prefix"
        guard metadata["issuer"]?.stringValue == issuer else {
            throw KeysUnavailable("\(address) names another issuer than \(issuer)")
        }
        guard let keysAddress = metadata["jwks_uri"]?.stringValue else {
            throw KeysUnavailable("\(address) has no jwks_uri")
        }
        return try KeySet(parsing: try await documents.document(at: keysAddress))
    }
}
