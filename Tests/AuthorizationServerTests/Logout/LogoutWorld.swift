import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

extension TestWorld {
    static let backchannel = "https://app.example/backchannel-logout"
    static let frontchannel = "https://app.example/frontchannel-logout"

    var deliveries: LogoutDeliveries { services.logoutDeliveries }

    /// A browser with a session in which the client `app` has a code.
    static func takingPart(
        store: any Store = MemoryStore(),
        client edit: (inout RegisteredClient) -> Void = { _ in }
    ) async throws -> Browser {
        var browser = try await Self.browser(
            store: store,
            client: {
                $0.backchannelLogoutURI = LogoutURI(backchannel)
                $0.frontchannelLogoutURI = LogoutURI(frontchannel)
                edit(&$0)
            }
        )
        _ = try await browser.code()
        return browser
    }

    /// Ends a session and lets the log be read.
    func endSession(_ session: SessionSnapshot?) async throws {
        try await end(.session(try #require(session).id), because: .signedOut)
        try await settle()
    }

    func participations() async throws -> [ParticipationRecord] {
        try await services.participations.page(.all, limit: 1000, now: now).map(\.content)
    }

    func waiting() async throws -> [LogoutDeliveryRecord] {
        try await deliveries.list(limit: 1000, now: now).map(\.content)
    }

    func orders() async throws -> Int {
        try await store.page(LogoutOrderRecord.kind, filter: .all, after: nil, limit: 1000, now: now).count
    }

    func lanes() async throws -> [LogoutLaneRecord] {
        try await store.page(LogoutLaneRecord.kind, filter: .all, after: nil, limit: 1000, now: now)
            .map { try LogoutLaneRecord(from: $0) }
    }

    /// The token in a posted form, verified as an application does: Back-Channel Logout §2.6.
    func logoutToken(_ body: String, algorithm: SignatureAlgorithm = .rs256) throws -> VerifiedToken {
        let fields = try #require(FormEncoding.pairs(body))
        #expect(fields.map(\.name) == ["logout_token"])
        return try UnverifiedToken(try #require(fields.first).value).verified(
            by: services.keyring.current.published,
            expecting: Expectations(
                issuer: .exactly(Self.issuer),
                audience: .exactly("app"),
                type: .exactly("logout+jwt"),
                algorithms: [algorithm],
                now: now,
                requiredClaims: ["iat", "jti", "events"]
            )
        )
    }
}
