import ArgumentParser
import AuthorizationServer
import OAuthVocabulary

/// How a client hears of logout: the metadata of OpenID Connect Back-Channel Logout §2.2 and Front-Channel Logout §2.
struct ClientLogoutFields: ParsableArguments {
    @Option(
        name: .customLong("backchannel-logout-uri"),
        help: ArgumentHelp(
            "Where the application is told, by a POST of this server, that a session has ended.",
            valueName: "uri"
        ),
        transform: Words.logoutURI
    )
    var backchannelURI: LogoutURI?

    @Flag(
        name: .customLong("backchannel-logout-session-required"),
        inversion: .prefixedNo,
        help: "Whether the application needs to know which session; it is always told."
    )
    var backchannelSession: Bool?

    @Option(
        name: .customLong("frontchannel-logout-uri"),
        help: ArgumentHelp(
            "What the signed-out page shows in a frame, so that the application can sign its browser out.",
            valueName: "uri"
        ),
        transform: Words.logoutURI
    )
    var frontchannelURI: LogoutURI?

    @Flag(
        name: .customLong("frontchannel-logout-session-required"),
        inversion: .prefixedNo,
        help: "Whether that page needs to know which session; it is always told."
    )
    var frontchannelSession: Bool?

    func apply(to client: inout RegisteredClient) {
        if let backchannelURI { client.backchannelLogoutURI = backchannelURI }
        if let backchannelSession { client.backchannelLogoutSessionRequired = backchannelSession }
        if let frontchannelURI { client.frontchannelLogoutURI = frontchannelURI }
        if let frontchannelSession { client.frontchannelLogoutSessionRequired = frontchannelSession }
    }
}
