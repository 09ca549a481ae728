// Room: one client's talk with its issuer: metadata kept and renewed, requests authenticated and repeated where that is
// safe, answers and errors read (RFC 6749 §5). Stores the metadata in memory.

internal import Instants
internal import IssuerConnection
internal import JOSE
internal import Logging
internal import OAuthVocabulary
internal import Synchronization

final class IssuerDialogue: Sendable {
    /// How long metadata is used before it is asked for again.
    static let metadataAge: Duration = .seconds(3600)
    /// How long old metadata goes on being used after asking again failed.
    static let metadataRetry: Duration = .seconds(60)

    let registration: ClientRegistration
    let environment: ClientEnvironment
    let source: MetadataSource
    private let known = Mutex<(metadata: IssuerMetadata, until: Duration)?>(nil)
    private let discovery = SingleFlight<String, IssuerMetadata, OAuthClientError>(cancelled: .cancelled)

    init(
        _ registration: ClientRegistration,
        _ environment: ClientEnvironment,
        source: MetadataSource = .discovered
    ) {
        self.registration = registration
        self.environment = environment
        self.source = source
    }

    var clock: any ClientClock { environment.clock }

    /// The issuer's metadata, discovered once for all who wait; what is known goes on being used where asking again fails.
    func metadata() async throws(OAuthClientError) -> IssuerMetadata {
        if case .known(let metadata) = source { return metadata }
        let kept = known.withLock { $0 }
        if let kept, clock.uptime < kept.until { return kept.metadata }
        return try await discovery.value(for: registration.issuer) { [self] () throws(OAuthClientError) in
            do throws(DiscoveryError) {
                let transport = PatientTransport(retrying: retrying(environment.retries))
                let found = try await IssuerMetadata.discover(
                    registration.issuer,
                    claiming: source.template?.text,
                    by: transport,
                    timeout: environment.timeout
                )
                known.withLock { $0 = (found, clock.uptime + Self.metadataAge) }
                return found
            } catch {
                guard let kept, error.isTransient else { throw OAuthClientError(error) }
                environment.logger?.warning("The issuer's metadata could not be renewed: \(error)")
                known.withLock { $0 = (kept.metadata, clock.uptime + Self.metadataRetry) }
                return kept.metadata
            }
        }
    }

    /// An endpoint that the issuer must have.
    func endpoint(
        _ name: String,
        _ path: any KeyPath<IssuerMetadata, String?> & Sendable
    ) async throws(OAuthClientError) -> String {
        guard let endpoint = try await metadata()[keyPath: path] else {
            throw OAuthClientError(.unsupported, reason: "the issuer has no \(name)")
        }
        return endpoint
    }

    func retrying(_ policy: RetryPolicy) -> RetryingTransport {
        RetryingTransport(
            environment.transport,
            policy: policy,
            clock: environment.clock,
            randomness: environment.randomness
        )
    }

    /// Posts a form with the client's proof, and reads the answer.
    ///
    /// - Parameters:
    ///   - policy: instead of the environment's.
    ///   - timeout: of one attempt, where it must be shorter than the environment's.
    func post(
        _ fields: [FormField],
        to endpoint: String,
        _ safety: RepeatSafety,
        policy: RetryPolicy? = nil,
        timeout: Duration? = nil
    ) async throws(OAuthClientError) -> TransportResponse {
        let problem = Mutex<OAuthClientError?>(nil)
        let response: TransportResponse
        do throws(TransportError) {
            response = try await retrying(policy ?? environment.retries).send(safety) { () throws(TransportError) in
                do throws(OAuthClientError) {
                    return try self.request(fields, to: endpoint, timeout: timeout)
                } catch {
                    problem.withLock { $0 = error }
                    throw TransportError(.malformed, reason: error.reason)
                }
            }
        } catch {
            throw problem.withLock { $0 } ?? OAuthClientError(error)
        }
        guard (200..<300).contains(response.status) else {
            throw Answer.refusal(response, hiding: secrets(in: fields), now: clock.now)
        }
        return response
    }

    private func request(
        _ fields: [FormField],
        to endpoint: String,
        timeout: Duration?
    ) throws(OAuthClientError) -> TransportRequest {
        var form = fields
        var headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")]
        try registration.authentication.prove(registration, in: &form, headers: &headers, environment: environment)
        return TransportRequest(
            method: "POST",
            url: endpoint,
            headers: headers,
            body: Array(FormEncoding.encode(form).utf8),
            timeout: min(timeout ?? environment.timeout, environment.timeout)
        )
    }

    private func secrets(in fields: [FormField]) -> [String] {
        let names = ["code", "code_verifier", "refresh_token", "device_code", "token"]
        return registration.authentication.secrets + fields.filter { names.contains($0.name) }.map(\.value)
    }

    /// Asks for tokens.
    func tokens(
        _ fields: [FormField],
        asked scopes: [String],
        _ safety: RepeatSafety,
        policy: RetryPolicy? = nil,
        timeout: Duration? = nil
    ) async throws(OAuthClientError) -> TokenSet {
        let endpoint = try await endpoint("token endpoint", \.tokenEndpoint)
        let response = try await post(fields, to: endpoint, safety, policy: policy, timeout: timeout)
        let answer = try Answer.object(response)
        // RFC 6749 §5.2 wants an error to have status 400; GitHub sends it with 200.
        guard answer["access_token"] != nil || answer["error"]?.stringValue == nil else {
            throw Answer.refusal(response, hiding: secrets(in: fields), now: clock.now)
        }
        return try TokenSet(answer, asked: scopes, now: clock.now)
    }
}

/// A transport that repeats what only asks.
struct PatientTransport: HTTPTransport {
    let retrying: RetryingTransport

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        try await retrying.send(.repeatable) { request }
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        throw TransportError(.malformed, reason: "nothing is streamed here")
    }
}

/// Reads what an endpoint answered.
enum Answer {
    /// The JSON object of a good answer.
    static func object(_ response: TransportResponse) throws(OAuthClientError) -> JSONObject {
        guard let object = try? JSONObject(parsing: response.body, limits: limits) else {
            var error = OAuthClientError(.responseMalformed, reason: "the answer is no JSON object")
            error.status = response.status
            error.traceID = response.traceID
            throw error
        }
        return object
    }

    private static let limits = ParsingLimits(maximumBytes: 256 * 1024, maximumDepth: 16)

    /// What an answer that is not a good one says.
    static func refusal(_ response: TransportResponse, hiding secrets: [String], now: Instant) -> OAuthClientError {
        let body = try? JSONObject(parsing: response.body, limits: limits)
        let word = ForeignText.code(body?["error"]?.stringValue)
        var error =
            switch response.status {
            case 429, 500...: OAuthClientError(.unavailable, reason: "the issuer cannot answer now")
            case 400..<500: OAuthClientError(.refused, reason: "the issuer refused")
            case 200 where word != nil: OAuthClientError(.refused, reason: "the issuer refused")
            default: OAuthClientError(.responseMalformed, reason: "a status that this endpoint must not send")
            }
        error.error = word
        error.errorDescription = ForeignText.shown(body?["error_description"]?.stringValue, hiding: secrets)
        error.status = response.status
        error.retryAfter = response.header("Retry-After").flatMap { RetryAfter.read($0, now: now) }
        error.traceID = response.traceID
        return error
    }
}
