import AuthorizationServer
import Instants
import JOSE
import OAuthVocabulary

/// A stream as commands print it.
struct ShownStream: Sendable {
    let stream: EventStreamRecord
    let issuer: IssuerURL
    /// What waits in it, where that was asked for.
    let summary: EventStreams.Summary?

    init(_ stream: EventStreamRecord, issuer: IssuerURL, summary: EventStreams.Summary? = nil) {
        self.stream = stream
        self.issuer = issuer
        self.summary = summary
    }

    var method: String {
        switch stream.delivery {
        case .poll: "poll"
        case .push: "push"
        }
    }

    /// Where the receiver fetches, or where events are pushed.
    var address: String {
        switch stream.delivery {
        case .poll: issuer.value + "/ssf/poll?stream_id=\(stream.id)"
        case .push(let url, _): url
        }
    }

    var state: String {
        let failures = stream.health.failures
        return failures == 0 ? "well" : "failing, \(failures) times in a row"
    }

    var json: JSONObject {
        let health = stream.health
        var object: JSONObject = [
            "stream_id": .string(stream.id),
            "audience": .string(stream.audience.value),
            "delivery": .string(method),
            "endpoint_url": .string(address),
            "events": JSON(stream.events),
            "created_at": .string(stream.createdAt.text),
            "delivered": .integer(Int64(health.delivered)),
            "refused": .integer(Int64(health.refused)),
            "lost": .integer(Int64(health.lost)),
            "failures": .integer(Int64(health.failures)),
            "last_error": JSON(health.lastError),
            "last_failure_at": JSON(health.lastFailureAt?.text),
            "last_delivery_at": JSON(health.lastDeliveryAt?.text),
        ]
        if let summary {
            object["waiting"] = .integer(Int64(summary.waiting))
            object["oldest_waiting_since"] = JSON(summary.oldestWaitingSince?.text)
        }
        return object
    }

    private var card: Card {
        let health = stream.health
        var card = Card()
        card.add("stream", stream.id)
        card.add("api", stream.audience.value)
        card.add(method == "poll" ? "fetched at" : "pushed to", address)
        card.add("events", stream.events)
        card.add("state", state)
        if let summary {
            card.add("waiting", "\(summary.waiting)" + (summary.oldestWaitingSince.map { ", since \($0.text)" } ?? ""))
        }
        card.add("delivered", "\(health.delivered)" + (health.lastDeliveryAt.map { ", last at \($0.text)" } ?? ""))
        if health.refused > 0 { card.add("refused", "\(health.refused)") }
        if health.lost > 0 {
            card.add("LOST", "\(health.lost)" + (health.lastLostAt.map { ", last at \($0.text)" } ?? ""))
        }
        card.add("last error", health.lastError.map { $0 + (health.lastFailureAt.map { " (\($0.text))" } ?? "") })
        card.add("created", stream.createdAt.text)
        return card
    }

    func show(output: OutputOptions, on console: Console = .standard) {
        output.json ? console.say(.object(json)) : card.show(on: console)
    }
}
