// Security events: RFC 8417 tokens of CAEP 1.0 by the Shared Signals Framework 1.0, fetched (RFC 8936) or pushed (RFC
// 8935). The operator decides which API gets a stream; what is queued for it follows the log of endings and waits seven
// days. Owns the record kinds `event-stream` and `queued-event`.

import JOSE
import OAuthVocabulary

/// What security events add to the server.
package struct SecurityEventsFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(TransmitterConfigurationEndpoint())
        assembly.add(StreamConfigurationEndpoint())
        assembly.add(StreamStatusEndpoint())
        assembly.add(StreamVerificationEndpoint())
        assembly.add(SecurityEventPollEndpoint())
        assembly.add(EventStreamRecord.kind)
        assembly.add(QueuedEventRecord.kind)
    }
}
