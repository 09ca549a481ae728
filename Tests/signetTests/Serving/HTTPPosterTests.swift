import Hummingbird
import IssuerConnection
import Testing

@testable import AuthorizationServer
@testable import signet

@Suite("Executable: what posts events and logout tokens", .timeLimit(.minutes(5)))
struct HTTPPosterTests {
    private func request(_ url: String, _ timeout: Duration = .seconds(60)) -> PushRequest {
        PushRequest(url: url, headers: [], body: [], timeout: timeout, maximumAnswerBytes: 1024)
    }

    @Test("FIELD I28: a receiver that never ends its answer is left alone, and holds nobody up")
    func slowBody() async throws {
        try await PushReceiver.with { receiver in
            let here = "http://127.0.0.1:\(receiver.port)"
            let answer = try await HTTPPoster().post(request(here + "/events"))
            #expect(answer.status == 202)
            await #expect(throws: PushFailure("no complete response within 0.5 seconds")) {
                try await HTTPPoster().post(request(here + "/endless", .milliseconds(500)))
            }
        }
    }

    @Test("FIELD I28: a redirect is an answer and no way, and an answer beyond the limit is none")
    func redirectsAndSize() async throws {
        try await PushReceiver.with { receiver in
            let here = "http://127.0.0.1:\(receiver.port)"
            let elsewhere = try await HTTPPoster().post(request(here + "/elsewhere"))
            #expect(elsewhere.status == 307)
            #expect(receiver.received.isEmpty)
            await #expect(throws: PushFailure("more than 1024 octets")) {
                try await HTTPPoster().post(request(here + "/huge"))
            }
        }
    }

    @Test(
        "FIELD I28, CVE-2026-4874: where clouds keep their credentials, nothing is ever posted",
        arguments: [
            "https://169.254.169.254/latest", "https://[::ffff:169.254.169.254]/", "https://[fe80::1]/",
            "https://168.63.129.16/", "https://0.0.0.0/", "https://[::]/", "https://224.0.0.1/",
            "https://2852039166/", "https://0xa9fea9fe/", "https://metadata.example/", "https://mixed.example/",
        ]
    )
    func forbiddenAddresses(_ url: String) async throws {
        let names = ["metadata.example": ["169.254.169.254"], "mixed.example": ["192.0.2.1", "fe80::1"]]
        let poster = HTTPPoster(transport: GuardedTransport(.publicAndPrivate, resolver: TableResolver(names: names)))
        let error = await #expect(throws: PushFailure.self) { try await poster.post(request(url, .seconds(5))) }
        let reason = try #require(error?.reason)
        #expect(reason.contains("not allowed") || reason.contains("neither a name nor an address"), "\(reason)")
    }

    @Test("http leaves this machine for nobody", arguments: ["http://10.0.0.1/", "http://app.example/"])
    func insecure(_ url: String) async {
        await #expect(throws: PushFailure("https is required, or http on loopback")) {
            try await HTTPPoster().post(request(url))
        }
    }
}

/// Names with the addresses that a test gives them.
private struct TableResolver: HostResolver {
    let names: [String: [String]]

    func addresses(of name: String) async -> [IPAddress] { (names[name] ?? []).compactMap { IPAddress($0) } }
}
