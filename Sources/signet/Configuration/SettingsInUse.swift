import Accounts
import AuthorizationServer
import OAuthVocabulary

extension Settings {
    /// The provider as these settings want it.
    func provider(issuer: IssuerURL) -> ProviderConfiguration {
        var configuration = ProviderConfiguration(issuer: issuer)
        configuration.authorizationCodeLifetime = lifetimes.code
        configuration.deviceCodeLifetime = lifetimes.deviceCode
        configuration.accessTokenLifetime = lifetimes.accessToken
        configuration.idTokenLifetime = lifetimes.idToken
        configuration.accessTokenAlgorithm = accessTokenAlgorithm
        configuration.defaultAudience = defaultAudience
        configuration.refreshRetryWindow = refreshRetryWindow
        configuration.refreshIdleLifetime = lifetimes.refreshIdle
        configuration.refreshAbsoluteLifetime = lifetimes.refreshAbsolute
        configuration.longestRefreshLifetime = Self.longestLifetime
        configuration.keyRotationPeriod = keyRotation
        configuration.keyPublicationLead = keyPublicationLead
        return configuration
    }
}

extension Settings.Passwords {
    var parameters: PasswordHasher.Parameters {
        var parameters = PasswordHasher.Parameters.standard
        parameters.memoryKiB = UInt32(memoryKiB)
        parameters.iterations = UInt32(iterations)
        parameters.lanes = UInt32(lanes)
        return parameters
    }

    var limits: PasswordHasher.Limits {
        var limits = PasswordHasher.Limits.standard
        // Two on one processor take each other's caches away: a fifth less is hashed.
        limits.threads = min(threads, ProcessorShare.usable)
        limits.waiting = queue
        limits.minimumCharacters = minimumCharacters
        return limits
    }
}

extension Settings.Feed {
    var limits: FeedLimits {
        var limits = FeedLimits()
        limits.liveEntries = entries
        return limits
    }
}
