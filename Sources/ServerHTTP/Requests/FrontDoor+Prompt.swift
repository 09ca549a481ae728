import AuthorizationServer
import HTTPTypes
import Instants
import NIOCore
import NIOHTTP1

extension FrontDoor {
    /// What programs ask: answers on the thread of the connection (``PromptAnswers``).
    var promptDesk: PromptDesk {
        PromptDesk(
            bodyBytes: configuration.limits.bodyBytes,
            takes: { takesPromptly($0) },
            responder: { channel in
                let peer = Peer(channel)
                return { await wholeAnswer(to: $0, body: $1, from: peer, on: channel) }
            }
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
        let path = (head.path ?? "/").utf8.prefix { $0 != UInt8(ascii: "?") }
        guard let route = routes.find(String(Substring(path))) else { return false }
        return route.isPrompt && route.methods.contains(head.method)
    }

    private func wholeAnswer(
        to head: HTTPRequest,
        body: ByteBuffer,
        from peer: Peer,
        on channel: any Channel
    ) async -> ByteBuffer {
        var (exchange, answer) = await answer(head, body: .whole(body), from: peer, on: channel)
        if answer.stream != nil {
            let error = OAuthError.internalFault("\(exchange.path) streams, and says that it answers at once")
            answer = answering.refusal(error, exchange, audience: .programs)
        }
        answer.bodyWasRead = true
        var fields = self.fields(of: answer, to: exchange, on: channel)
        // Hummingbird writes this one by itself.
        fields.append(HTTPField(name: .date, value: dates.text(of: exchange.receivedAt)))
        return Self.spelled(answer.status, fields, answer.body)
    }

    /// An answer as RFC 9112 §2.1 has it; the fields say where it ends.
    private static func spelled(_ status: Int, _ fields: [HTTPField], _ body: [UInt8]) -> ByteBuffer {
        var text: [UInt8] = []
        text.reserveCapacity(1024 + body.count)
        text += "HTTP/1.1 ".utf8
        text += String(status).utf8
        text += " ".utf8
        text += HTTPResponseStatus(statusCode: status).reasonPhrase.utf8
        for field in fields {
            text += "\r\n".utf8
            text += field.name.rawName.utf8
            text += ": ".utf8
            field.withUnsafeBytesOfValue { text += $0 }
        }
        text += "\r\n\r\n".utf8
        text += body
        return ByteBuffer(bytes: text)
    }
}
