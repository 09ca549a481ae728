// Room: who hears that a session has ended: OpenID Connect Back-Channel Logout 1.0 and Front-Channel Logout 1.0. Which
// clients take part in a session is written down with their code; the log of endings makes one delivery of each, and a
// delivery is posted until it is taken. Owns the record kinds `participation`, `logout-order`, `logout-delivery` and
// `logout-lane`. Where the browser goes is decided in Endpoints/Logout.

import JOSE

/// What telling others of ended sessions adds to the server.
package struct LogoutPropagationFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        // Back-Channel Logout §2.1, Front-Channel Logout §3.
        assembly.addMetadata("backchannel_logout_supported", .bool(true))
        assembly.addMetadata("backchannel_logout_session_supported", .bool(true))
        assembly.addMetadata("frontchannel_logout_supported", .bool(true))
        assembly.addMetadata("frontchannel_logout_session_supported", .bool(true))
        assembly.add(ParticipationRecord.kind)
        assembly.add(LogoutOrderRecord.kind)
        assembly.add(LogoutDeliveryRecord.kind)
        assembly.add(LogoutLaneRecord.kind)
    }
}
