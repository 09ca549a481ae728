package import Accounts
internal import OAuthClient
package import Storage

/// Why a login at another provider came to nothing.
package struct UpstreamFailure: Error, Sendable {
    /// What a person should be told.
    package enum Kind: Hashable, Sendable {
        /// The provider does not answer, or is in trouble.
        case unavailable
        /// The person said no there.
        case cancelled
        /// The provider refused, or what it answered must not be believed.
        case answerInvalid
        /// There is no such login, any more or in this browser.
        case expired
        /// The provider is not there or is switched off.
        case providerOff
        /// The provider and this server do not fit together as they are set up.
        case misconfigured
        /// The rules here do not let this person in.
        case refused(UpstreamRefusal)
        case accounts(AccountsError)
        case store(StoreError)
    }

    package let kind: Kind
    /// For the log: never with a code, a token or an address in it.
    package let detail: String
    /// What the login was for, where that is known.
    package let purpose: UpstreamLogins.Purpose?

    package init(_ kind: Kind, _ detail: String, _ purpose: UpstreamLogins.Purpose? = nil) {
        self.kind = kind
        self.detail = detail
        self.purpose = purpose
    }

    init(_ error: OAuthClientError, at provider: UpstreamProvider, for purpose: UpstreamLogins.Purpose) {
        let kind: Kind =
            switch error.code {
            case .unavailable, .transport, .cancelled: .unavailable
            case .expired: .expired
            case .refused where error.error == "access_denied" || error.error == "user_cancelled_authorize": .cancelled
            case .refused where error.isTransient: .unavailable
            case .requestInvalid, .unsupported, .discovery: .misconfigured
            default: .answerInvalid
            }
        self.init(kind, "\(provider.name): \(error)", purpose)
    }
}
