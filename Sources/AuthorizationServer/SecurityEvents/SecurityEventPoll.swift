import Instants
import JOSE
import OAuthVocabulary
import Storage

/// What a receiver asks when it polls: RFC 8936 §2.2.
struct SecurityEventPoll: Hashable, Sendable {
    var acknowledged: [String] = []
    /// What the receiver says of tokens that it cannot use, by their `jti`.
    var errors: [String: String] = [:]
    var maximum = SecurityEvents.largestDelivery
    var returnsImmediately = false

    init() {}

    init(_ body: JSON?) throws(OAuthError) {
        guard let members = body?.objectValue else { throw .invalidRequest("the body must be a JSON object") }
        if let value = members["ack"] {
            guard let texts = value.arrayValue?.map(\.stringValue), !texts.contains(nil) else {
                throw .invalidRequest("ack must be an array of strings")
            }
            acknowledged = texts.compactMap { $0 }
        }
        if let value = members["setErrs"] {
            guard let object = value.objectValue else { throw .invalidRequest("setErrs must be an object") }
            for (name, error) in object {
                guard let code = error.objectValue?["err"]?.stringValue else {
                    throw .invalidRequest("each member of setErrs must be an object with err")
                }
                errors[name] = code
            }
        }
        if let value = members["maxEvents"] {
            guard let number = value.integerValue, number >= 0 else {
                throw .invalidRequest("maxEvents must be an integer that is not negative")
            }
            // RFC 8936 §2.2: "The SET Transmitter SHOULD NOT send more SETs than the specified maximum."
            maximum = Int(min(number, Int64(SecurityEvents.largestDelivery)))
        }
        if let value = members["returnImmediately"] {
            guard let flag = value.boolValue else { throw .invalidRequest("returnImmediately must be true or false") }
            returnsImmediately = flag
        }
        guard acknowledged.count + errors.count <= SecurityEvents.largestAcknowledgement else {
            throw .invalidRequest("a poll may acknowledge at most 500 events")
        }
    }
}

extension SecurityEvents {
    /// Takes what the receiver acknowledges and answers with what waits: RFC 8936 §2.3.
    ///
    /// - Parameter patience: how long to wait for the first event.
    func poll(
        _ stream: String,
        _ request: SecurityEventPoll,
        patience: Duration = SecurityEvents.longestPoll
    ) async throws(OAuthError) -> JSONObject {
        try await settle(request, in: stream)
        return try await news.withWaiter(atMost: patience) { waiter throws(OAuthError) in
            while true {
                let answer = try await delivery(of: stream, maximum: request.maximum)
                // RFC 8936 §2.2: "A value of 0 MAY be used by SET Recipients that would like to perform an
                // acknowledge-only request."
                if answer.count > 0 || request.maximum == 0 || request.returnsImmediately || waiter.isOver {
                    return answer.body
                }
                await waiter.wait(upTo: Self.recheck)
            }
        }
    }

    private func delivery(
        of stream: String,
        maximum: Int
    ) async throws(OAuthError) -> (body: JSONObject, count: Int) {
        let now = time.moment().steady
        let waiting = try await answering { () async throws(StoreError) in
            try await streams.queue(of: stream, limit: maximum + 1, now: now)
        }
        var sets: JSONObject = [:]
        for event in waiting.prefix(maximum) { sets[event.content.tokenID] = .string(try signed(event.content)) }
        let body: JSONObject = ["sets": .object(sets), "moreAvailable": .bool(waiting.count > maximum)]
        return (body, sets.count)
    }

    /// Forgets what the receiver has, or says that it cannot use.
    private func settle(_ request: SecurityEventPoll, in stream: String) async throws(OAuthError) {
        // A name that is both is an error: that is the more that was said.
        let names = Set(request.acknowledged).union(request.errors.keys).sorted()
        guard !names.isEmpty else { return }
        let now = time.moment().steady
        try await answering { () async throws(StoreError) in
            let lookups = names.map {
                Lookup.index(QueuedEventRecord.kind, QueuedEventRecord.index(stream: stream, tokenID: $0))
            }
            let found = try await store.find(lookups, now: now)
            // What is not there was acknowledged before: the answer to that may have been lost.
            let present = zip(names, found).compactMap { name, record in record.map { (name: name, key: $0.key) } }
            guard !present.isEmpty else { return }
            let refused = present.filter { request.errors[$0.name] != nil }
            try await record(stream, with: present.map { .delete($0.key) }) { stream in
                stream.health.delivered += present.count - refused.count
                stream.health.refused += refused.count
                stream.health.lastDeliveryAt = now
                if let first = refused.first, let code = request.errors[first.name] {
                    stream.health.lastError = "the receiver refused an event: \(Self.word(code))"
                    stream.health.lastFailureAt = now
                }
            }
        }
    }

    /// What a receiver called an error, if it is a word that can be shown; else what can be said of it.
    static func word(_ text: String) -> String {
        let isWord =
            (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
        return isWord ? text : "an error code that is no word"
    }
}
