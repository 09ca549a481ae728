import AuthorizationServer
import HTTPTypes
import HummingbirdCore
import Instants
import NIOCore

extension FrontDoor {
    /// What programs ask: answers on the thread of the connection (``PromptAnswers``).
    var promptDesk: PromptDesk {
        PromptDesk(
            bodyBytes: configuration.limits.bodyBytes,
            takes: { takesPromptly($0) },
            answer: { await wholeAnswer(to: $0, body: $1, on: $2) }
        )
    }

    /// Whether nothing about this request is out of the ordinary.
    private func takesPromptly(_ head: HTTPRequest) -> Bool {
        let headers = head.headerFields
        guard headers[.expect] == nil, headers.value(.connection).map({ $0.lowercased() == "keep-alive" }) ?? true
        else { return false }
        switch head.method {
        case .get: guard headers[.contentLength] == nil, headers[.transferEncoding] == nil else { return false }
        case .post: break
        default: return false
        }
        let announced = headers.value(.contentLength).flatMap { Int($0) }
        if let announced, announced > configuration.limits.bodyBytes { return false }
        let path = (head.path ?? "/").prefix { $0 != "?" }
        guard let route = routes.find(String(path)) else { return false }
        return route.isPrompt && route.methods.contains(head.method)
    }

    private func wholeAnswer(to head: HTTPRequest, body: ByteBuffer, on channel: any Channel) async -> WholeAnswer {
        var (exchange, answer) = await answer(head, body: RequestBody(buffer: body), on: channel)
        if answer.stream != nil {
            let error = OAuthError.internalFault("\(exchange.path) streams, and says that it answers at once")
            answer = answering.refusal(error, exchange, audience: .programs)
        }
        answer.bodyWasRead = true
        var head = self.head(of: answer, to: exchange, on: channel)
        // Hummingbird writes this one by itself.
        head.headerFields.append(HTTPField(name: .date, value: dates.text(of: exchange.receivedAt)))
        return WholeAnswer(head: head, body: answer.body.isEmpty ? nil : ByteBuffer(bytes: answer.body))
    }
}
