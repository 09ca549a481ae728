import Instants

/// One reader's connection: a number into the messages of its audience, and nothing else.
struct FeedStream: BodyStreaming {
    let publisher: FeedPublisher
    let audience: String
    /// The signed answer to the reader's nonce.
    let hello: String
    /// The message with which it goes on.
    let number: UInt64
    /// When it ends, so that the reader proves itself anew.
    let until: Instant

    var group: String { audience }

    func run(_ write: (_ bytes: [UInt8]) async throws -> Void) async throws {
        try await write(Self.event("hello", id: nil, hello))
        try await publisher.subscribed(to: audience) { wakes in
            var number = number
            var beats: UInt64 = 0
            var wakeups = wakes.makeAsyncIterator()
            repeat {
                // Behind what is kept: the stream ends, and the reader takes a snapshot.
                while let portion = publisher.portion(of: audience, from: number) {
                    var bytes: [UInt8] = []
                    for (index, text) in portion.texts.enumerated() {
                        bytes += Self.event(portion.events[index], id: portion.sequences[index], text)
                    }
                    if let heartbeat = portion.heartbeat, heartbeat.number > beats {
                        bytes += Self.event("heartbeat", id: heartbeat.sequence, heartbeat.text)
                        beats = heartbeat.number
                    }
                    number = portion.next
                    if bytes.isEmpty { break }
                    try await write(bytes)
                }
                if publisher.portion(of: audience, from: number) == nil { return }
                guard publisher.time.moment().steady < until, !Task.isCancelled else { return }
            } while await wakeups.next() != nil
        }
    }

    /// WHATWG HTML §9.2.5: fields, and an empty line.
    private static func event(_ name: StaticString, id: UInt64?, _ data: String) -> [UInt8] {
        Array("event: \(name)\n\(id.map { "id: \($0)\n" } ?? "")data: \(data)\n\n".utf8)
    }
}
