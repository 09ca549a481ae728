import AsyncHTTPClient
import Hummingbird
import NIOCore
import Testing

@testable import AuthorizationServer
@testable import signet

@Suite("Executable: what pushes security events", .timeLimit(.minutes(5)))
struct HTTPPosterTests {
    private func request(_ port: Int, _ path: String, _ timeout: Duration) -> PushRequest {
        PushRequest(
            url: "http://127.0.0.1:\(port)\(path)",
            headers: [],
            body: [],
            timeout: timeout,
            maximumAnswerBytes: 1024
        )
    }

    @Test("FIELD I28: a receiver that never ends its answer is left alone, and holds nobody up")
    func slowBody() async throws {
        try await PushReceiver.with { receiver in
            let client = HTTPPoster.client()
            let poster = HTTPPoster(client: client)
            let answer = try await poster.post(request(receiver.port, "/events", .seconds(60)))
            #expect(answer.status == 202)
            await #expect(throws: PushFailure("the receiver did not answer in time")) {
                try await poster.post(request(receiver.port, "/endless", .milliseconds(500)))
            }
            try await client.shutdown()
        }
    }
}
