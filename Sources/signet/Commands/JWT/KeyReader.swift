import AsyncHTTPClient
import FoundationEssentials
import JOSE
import NIOCore
import NIOHTTP1
import OAuthVocabulary

/// Keys as an operator has them: a file in PEM, a JWK or a JWK Set, or the address of one.
struct KeyReader: Sendable {
    /// A key set is some kilobytes; what is longer is not one.
    static let maximumBytes = 64 * 1024
    static let timeout = TimeAmount.seconds(10)

    /// What was read.
    struct Keys: Sendable {
        /// Where it came from, for sentences.
        var name: String
        var keys: [JWK]
        /// Whether the form has room for a `kid`: PEM has not.
        var areNamed: Bool
    }

    /// Fetches a document; replaced in tests.
    var fetch: @Sendable (_ address: String) async throws(Failure) -> [UInt8] = Self.fetched

    /// Reads a file, or an address that begins with `https://` or `http://`.
    func read(_ name: String) async throws -> Keys {
        guard name.hasPrefix("https://") || name.hasPrefix("http://") else {
            return try Self.keys(in: try Self.file(name), from: name)
        }
        try Self.checkAddress(name)
        let found = try Self.keys(in: try await fetch(name), from: name)
        // Whoever can fetch a symmetric key can sign with it.
        guard !found.keys.contains(where: { $0.members["kty"] == "oct" }) else {
            throw Failure(.data, "\(name) publishes a symmetric key: it is a secret, and verifies nothing any more")
        }
        return found
    }

    private static func file(_ path: String) throws(Failure) -> [UInt8] {
        do {
            return try Files.read(path, limit: maximumBytes)
        } catch {
            throw Failure(.noInput, "the key file \(path) cannot be read (\(error)): check the path and its mode")
        }
    }

    private static func keys(in bytes: [UInt8], from name: String) throws(Failure) -> Keys {
        let start = bytes.first { !" \t\r\n".utf8.contains($0) }
        do throws(JOSEError) {
            guard start == UInt8(ascii: "{") else {
                guard let text = String(validating: bytes, as: UTF8.self), text.contains("-----BEGIN ") else {
                    throw JOSEError(.malformed, reason: "expected PEM, a JWK or a JWK Set in JSON")
                }
                return Keys(name: name, keys: [try JWK(pem: text)], areNamed: false)
            }
            let object = try JSONObject(parsing: bytes)
            guard object["keys"] != nil else { return Keys(name: name, keys: [try JWK(object)], areNamed: true) }
            guard let entries = object["keys"]?.arrayValue else {
                throw JOSEError(.malformed, claim: "keys", reason: "a JWK Set needs an array of keys")
            }
            // RFC 7517 §5 has a reader pass over the keys of a set that it does not understand.
            return Keys(name: name, keys: entries.compactMap { try? JWK($0.objectValue ?? [:]) }, areNamed: true)
        } catch {
            throw Failure(.data, "\(name) holds no key: \(error.reason)")
        }
    }

    /// https anywhere, http to this machine only: keys that anybody on the way may replace verify nothing.
    private static func checkAddress(_ address: String) throws(Failure) {
        // Before anything else, and without repeating it: what stands before an @ may be a password.
        guard let parts = URIParts(address), !parts.hasUserInfo else {
            throw Failure(.usage, "the address of a key set is https://host/path, without a name or password in it")
        }
        guard parts.hostAndPort != nil, parts.fragment == nil else {
            throw Failure(.usage, "\(address) is no address of a key set: expected https://host/path")
        }
        guard parts.scheme == "https" || parts.isLoopback else {
            throw Failure(.usage, "keys are fetched by https, and by http from this machine only: \(address)")
        }
    }

    @Sendable private static func fetched(_ address: String) async throws(Failure) -> [UInt8] {
        do {
            // A redirect could lead to another host, or from https to http: none is followed.
            var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
            configuration.timeout = .init(connect: timeout, read: timeout)
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            do {
                let body = try await body(of: address, through: client)
                try await client.shutdown()
                return body
            } catch {
                try? await client.shutdown()
                throw error
            }
        } catch let failure as Failure {
            throw failure
        } catch is NIOTooManyBytesError {
            throw Failure(.data, "\(address) answered more than \(maximumBytes) bytes: that is no key set")
        } catch {
            throw Failure(.unavailable, "\(address) cannot be fetched (\(error))")
        }
    }

    /// The deadline of a request ends with the head of its answer, so a second one runs beside it: a host may drip.
    private static func body(of address: String, through client: HTTPClient) async throws -> [UInt8] {
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            group.addTask {
                var request = HTTPClientRequest(url: address)
                request.headers.add(name: "Accept", value: "application/jwk-set+json, application/json")
                let response = try await client.execute(request, timeout: timeout)
                guard response.status == .ok else { throw Self.refused(address, response) }
                return Array(try await response.body.collect(upTo: maximumBytes).readableBytesView)
            }
            group.addTask {
                try await Task.sleep(for: .nanoseconds(timeout.nanoseconds))
                return nil
            }
            defer { group.cancelAll() }
            guard let body = try await group.next() ?? nil else {
                let seconds = timeout.nanoseconds / 1_000_000_000
                throw Failure(.unavailable, "\(address) did not send its key set within \(seconds) s")
            }
            return body
        }
    }

    private static func refused(_ address: String, _ response: HTTPClientResponse) -> Failure {
        guard (300..<400).contains(response.status.code), let target = response.headers.first(name: "Location") else {
            return Failure(.unavailable, "\(address) answered \(response.status.code)")
        }
        let shown = JSON.string(String(target.prefix(200))).printable
        return Failure(.unavailable, "\(address) redirects to \(shown): redirects are not followed, give that address")
    }
}

extension KeyReader.Keys {
    /// The only private key, or the one of this `kid`.
    func signing(named keyID: String?) throws(Failure) -> JWK {
        let secrets = keys.filter(\.isPrivate)
        guard !secrets.isEmpty else {
            throw Failure(.data, "\(name) holds no private key: only a private key signs")
        }
        let chosen = secrets.filter { keyID == nil || $0.keyID == keyID || $0.keyID == nil }
        guard chosen.count == 1, let key = chosen.first else {
            let list = secrets.map { $0.keyID.map { JSON.string($0).printable } ?? "one without kid" }
            throw Failure(
                .notOnRecord,
                "\(name) holds \(chosen.isEmpty ? "no such key" : "\(chosen.count) keys"); name one of them with --kid: "
                    + list.joined(separator: ", ")
            )
        }
        return key
    }
}

extension JSON {
    /// One line that may go to a terminal, whoever wrote the value.
    var printable: String { Self.withoutControls(compact) }

    /// JSON text in which no character steers a terminal or turns the direction of writing around; it means the same.
    ///
    /// The writer escapes what JSON demands, which leaves DEL, the C1 controls and the bidirectional ones.
    static func withoutControls(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return text.unicodeScalars.reduce(into: "") { safe, scalar in
            let digits = String(scalar.value, radix: 16)
            safe +=
                isControl(scalar)
                ? "\\u" + String(repeating: "0", count: 4 - digits.count) + digits : String(scalar)
        }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
