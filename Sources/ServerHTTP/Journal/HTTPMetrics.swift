package import AuthorizationServer
import Instants
import Metrics

/// Counters and timers: few, and with dimensions that no caller can multiply.
struct HTTPMetrics: Sendable {
    /// Whether nobody collects them; asked after whoever does has said so.
    private static let isUnheard = MetricsSystem.factory is NOOPMetricsHandler

    func record(route: String, status: Int, error: String?, duration: Duration) {
        if Self.isUnheard { return }
        Counter(label: "signet_http_requests_total", dimensions: [("route", route), ("status", "\(status)")])
            .increment()
        Metrics.Timer(label: "signet_http_request_duration", dimensions: [("route", route)]).recordMilliseconds(
            duration.wholeMilliseconds
        )
        if let error {
            Counter(label: "signet_refusals_total", dimensions: [("route", route), ("error", error)]).increment()
        } else if route == "/token" {
            Counter(label: "signet_token_responses_total").increment()
        }
    }
}

/// Counts what becomes of logout tokens.
package enum DeliveryMetrics {
    package static func record(_ outcome: LogoutOutcome) {
        Counter(label: "signet_logout_deliveries_total", dimensions: [("outcome", outcome.rawValue)]).increment()
    }
}
