import Instants
import OAuthVocabulary

/// What a presented refresh token means, given its family's row: rotation, an honest retry, a stray, or theft.
enum RotationRules {
    enum Judgement {
        case rotate
        case repeatSuccessor
        /// Refused; the family lives on.
        case refuse(OAuthError)
        /// Refused, and the family dies: RFC 9700 §4.14.2.
        case reuse(OAuthError)
    }

    static func judge(
        _ token: RefreshToken,
        _ family: RefreshFamily,
        digest: String?,
        at moment: Moment,
        configuration: ProviderConfiguration
    ) -> Judgement {
        if token.generation == family.generation {
            guard token.nonce == family.nonce else { return .refuse(fromAnotherHistory(token)) }
            return .rotate
        }
        guard token.generation < family.generation else { return .refuse(fromAnotherHistory(token)) }
        let isPrevious = token.generation + 1 == family.generation
        if isPrevious, token.nonce != family.previousNonce { return .refuse(fromAnotherHistory(token)) }

        // How long ago this token was rotated; nil once that has been forgotten, which takes more rotations than fit
        // into a window.
        let rotatedAt = family.rotations.last { $0.generation == token.generation }?.at
        guard let elapsed = rotatedAt.map({ moment.steady - $0 }), configuration.refreshRetryWindow > .zero,
            elapsed <= configuration.refreshRetryWindow
        else { return .reuse(reuse(token, family)) }
        // The steady clock never steps back; where another node's is ahead, the window counts as closed, not as theft.
        guard elapsed >= .zero else {
            return .refuse(
                .invalidGrant(
                    "the refresh token was already used",
                    detail: "rotated in this clock's future: \(elapsed)"
                )
            )
        }
        guard isPrevious else {
            return .refuse(
                .invalidGrant(
                    "the refresh token was already used, and its successor as well",
                    detail: "generation \(token.generation), current \(family.generation), inside its own window"
                )
            )
        }
        guard family.requestDigest == digest else {
            return .refuse(
                .invalidGrant(
                    "the refresh token was already used for another scope or resource",
                    detail: "retry asks for another access"
                )
            )
        }
        guard family.retries < configuration.refreshRetryLimit else {
            return .refuse(
                .invalidGrant(
                    "the refresh token was already used too many times",
                    detail: "\(family.retries) retries in one window, family \(family.id) untouched"
                )
            )
        }
        return .repeatSuccessor
    }

    /// A MAC that is right with a generation or nonce that never was: the database was restored to an earlier state.
    private static func fromAnotherHistory(_ token: RefreshToken) -> OAuthError {
        .invalidGrant(
            "the refresh token is not known",
            detail: "generation \(token.generation) of family \(token.family) is not of this database's history"
        )
    }

    private static func reuse(_ token: RefreshToken, _ family: RefreshFamily) -> OAuthError {
        .invalidGrant(
            "the refresh token was already used; its whole family is revoked",
            detail:
                "refresh token reuse: family \(family.id), client \(family.client), generation \(token.generation) of \(family.generation)"
        )
    }
}
