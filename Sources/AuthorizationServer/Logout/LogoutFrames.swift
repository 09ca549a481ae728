import Logging
import OAuthVocabulary
import Storage

/// What the signed-out page shows of other applications: OpenID Connect Front-Channel Logout §3.
struct LogoutFrames: Sendable {
    /// The most frames on one page: whoever is beyond hears by the back channel, or not at all.
    static let maximum = 24
    /// The most participations that are looked at for them.
    private static let considered = 200

    let services: Services

    init(_ services: Services) { self.services = services }

    /// The addresses to be shown while this session ends, each with `iss` and `sid`.
    func addresses(for session: SessionSnapshot) async throws(OAuthError) -> [String] {
        let now = services.time.moment().steady
        let participants = try await answering { () async throws(StoreError) in
            try await services.participations.participants(in: session.ids, limit: Self.considered, now: now)
        }
        guard !participants.isEmpty else { return [] }
        let keys = participants.map { Lookup.key(RegisteredClient.key($0.client)) }
        var addresses: [String] = []
        for (participant, record) in zip(participants, try await Reader(services, now: now).find(keys)) {
            guard let record else { continue }
            let client = try await answering { () async throws(StoreError) in try RegisteredClient(from: record) }
            guard client.isEnabled, let uri = client.frontchannelLogoutURI else { continue }
            // Front-Channel Logout §3: "If either is included, both MUST be."
            let named = [
                (name: "iss", value: services.configuration.issuer.value),
                (name: "sid", value: participant.session.value),
            ]
            addresses.append(FormEncoding.appending(named, to: uri.value))
        }
        if addresses.count > Self.maximum {
            services.logger.warning(
                "a signed-out page cannot show every application",
                metadata: ["applications": "\(addresses.count)", "shown": "\(Self.maximum)"]
            )
        }
        return Array(addresses.prefix(Self.maximum))
    }
}
