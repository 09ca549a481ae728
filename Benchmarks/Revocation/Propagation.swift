internal import Foundation
internal import IssuerConnection
internal import ResourceServer

/// How long after an acknowledged revocation resource servers refuse the token, and what happens when the feed is cut.
///
/// Every verifier is a `TokenVerifier` with its own connections, which follows the feed of the server. One thread, this
/// one, revokes and then asks all of them over and over: what it sees is late by one round at most, never early.
final class Propagation: Mode {
    private let material: Material
    private let wire: Wire
    private var following: [Followed] = []
    private var random = Sequence64(seed: 1)

    init(_ material: Material) throws {
        self.material = material
        wire = try Wire(port: material.port)
    }

    func answer(_ command: String, _ arguments: [String]) throws -> [String: Any] {
        let count = arguments.first.flatMap { Int($0) } ?? 1
        switch command {
        case "follow": return try follow(count)
        case "measure": return try measure(count)
        case "cut": return try cut(count)
        default: return ["error": "unknown command"]
        }
    }

    // MARK: - Following

    /// A verifier that runs.
    private struct Followed {
        let verifier: TokenVerifier
        let task: Task<Void, any Error>
    }

    private func followed(through transport: any HTTPTransport) -> Followed {
        let credentials = APICredentials(clientID: material.apiID, secret: material.apiSecret)
        // Refuses for a revocation that it has heard of, and for nothing else.
        let configuration = VerifierConfiguration(revocation: .feed(credentials), freshness: .accept)
        let verifier = TokenVerifier(
            issuer: material.issuer,
            audience: material.audience,
            configuration: configuration,
            transport: transport
        )
        return Followed(verifier: verifier, task: Task.detached { try await verifier.run() })
    }

    /// Brings the number of verifiers to `count`.
    private func follow(_ count: Int) throws -> [String: Any] {
        let start = Clock.now
        while following.count > count { following.removeLast().task.cancel() }
        while following.count < count {
            let new = followed(through: HTTPClientTransport())
            following.append(new)
            try waiting { try await new.verifier.start() }
        }
        return ["following": following.count, "milliseconds": Clock.milliseconds(from: start, to: Clock.now)]
    }

    // MARK: - Measuring

    private func mint() throws -> String {
        let form = [("grant_type", "client_credentials"), ("resource", material.audience)]
        let request = Wire.post("/token", form, as: material.clientID, material.clientSecret)
        let (status, body) = try wire.exchange(request)
        let answer = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
        guard status == 200, let token = answer?["access_token"] as? String else {
            throw Fault("no token was issued: \(status) \(String(decoding: body, as: UTF8.self))")
        }
        return token
    }

    private func revoke(_ token: String) throws -> UInt64 {
        let request = Wire.post("/revoke", [("token", token)], as: material.clientID, material.clientSecret)
        let (status, _) = try wire.exchange(request)
        let acknowledged = Clock.now
        guard status == 200 else { throw Fault("the revocation was answered with \(status)") }
        return acknowledged
    }

    private func measure(_ count: Int) throws -> [String: Any] {
        var delays: [Double] = []
        var rounds: [Double] = []
        var answers: [Double] = []
        for _ in 0..<count {
            let token = try mint()
            for each in following { _ = try each.verifier.verify(token) }
            // Neither in step with what the server does every so often, nor with the revocation before.
            Clock.sleep(microseconds: .random(in: 1000...30_000, using: &random))
            let sent = Clock.now
            let acknowledged = try revoke(token)
            answers.append(Clock.milliseconds(from: sent, to: acknowledged))
            var waiting = following.map(\.verifier)
            while !waiting.isEmpty {
                let start = Clock.now
                waiting.removeAll { verifier in
                    guard Self.refusal(of: token, by: verifier) == .tokenRevoked else { return false }
                    delays.append(Clock.milliseconds(from: acknowledged, to: Clock.now))
                    return true
                }
                guard Clock.now - acknowledged < 10_000_000_000 else {
                    throw Fault("\(waiting.count) of \(following.count) verifiers never heard of a revocation")
                }
                Clock.sleep(microseconds: 40)
                rounds.append(Clock.milliseconds(from: start, to: Clock.now))
            }
        }
        return [
            "delays": delays, "answers": answers,
            "round": ["p50": rounds.quantile(0.5), "p99": rounds.quantile(0.99)],
        ]
    }

    private static func refusal(
        of token: String,
        by verifier: TokenVerifier,
        for policy: RoutePolicy = .anyToken
    ) -> TokenRefusal.Code? {
        do throws(TokenRefusal) {
            _ = try verifier.verify(token, for: policy)
            return nil
        } catch {
            return error.code
        }
    }

    // MARK: - Cutting

    /// Stops every byte between server and verifier, revokes behind its back, and sees when a strict route refuses.
    private func cut(_ count: Int) throws -> [String: Any] {
        let proxy = try CutProxy(to: material.port)
        let followed = followed(through: Rerouted(from: material.port, to: proxy.port))
        defer { followed.task.cancel() }
        let verifier = followed.verifier
        try waiting { try await verifier.start() }
        let strict = RoutePolicy.anyToken.when(stale: .strict(maxStaleness: .seconds(1)))
        var fromCut: [Double] = []
        var fromRevocation: [Double] = []
        for _ in 0..<count {
            let token = try mint()
            try wait { Self.refusal(of: token, by: verifier, for: strict) == nil }
            Clock.sleep(microseconds: .random(in: 1000...300_000, using: &random))
            proxy.cut()
            let cut = Clock.now
            let acknowledged = try revoke(token)
            var refusal: TokenRefusal.Code?
            while refusal == nil {
                Clock.sleep(microseconds: 40)
                refusal = Self.refusal(of: token, by: verifier, for: strict)
                guard Clock.now - cut < 10_000_000_000 else { throw Fault("nothing was refused for ten seconds") }
            }
            let refused = Clock.now
            guard refusal == .revocationStale else { throw Fault("cut off, and yet refused with \(refusal as Any)") }
            fromCut.append(Clock.milliseconds(from: cut, to: refused))
            fromRevocation.append(Clock.milliseconds(from: acknowledged, to: refused))
            proxy.mend()
            // The reader finds a new connection by itself, and then knows what was revoked meanwhile.
            try wait { Self.refusal(of: token, by: verifier, for: strict) == .tokenRevoked }
        }
        return ["fromCut": fromCut, "fromRevocation": fromRevocation]
    }

    private func wait(until isSo: () -> Bool) throws {
        let deadline = Clock.now + 30_000_000_000
        while !isSo() {
            guard Clock.now < deadline else { throw Fault("the verifier did not come back within 30 s") }
            Clock.sleep(microseconds: 5000)
        }
    }
}

/// Sends what is meant for one port on loopback to another.
private struct Rerouted: HTTPTransport {
    private let base = HTTPClientTransport()
    private let from: String
    private let to: String

    init(from: UInt16, to: UInt16) {
        self.from = ":\(from)/"
        self.to = ":\(to)/"
    }

    private func rerouted(_ request: TransportRequest) -> TransportRequest {
        var request = request
        request.url = request.url.replacingOccurrences(of: from, with: to)
        return request
    }

    func send(_ request: TransportRequest) async throws(TransportError) -> TransportResponse {
        try await base.send(rerouted(request))
    }

    func stream(
        _ request: TransportRequest,
        idleTimeout: Duration,
        onHead: (TransportResponse) throws -> Void,
        onBytes: ([UInt8]) throws -> Void
    ) async throws(TransportError) {
        try await base.stream(rerouted(request), idleTimeout: idleTimeout, onHead: onHead, onBytes: onBytes)
    }
}
