import OAuthVocabulary

/// What a refresh token is worth at a moment, without spending it.
enum RefreshStanding: Sendable {
    /// It would be answered with its successor.
    case current(Stored<RefreshFamily>, PersonSnapshot)
    /// It was rotated a moment ago and its successor too: whoever holds the latest one is signed in.
    case superseded(Stored<RefreshFamily>, PersonSnapshot)
    /// Unknown, ended, expired, of another client, or spent for good.
    case worthless
}

extension RefreshTokenGrant {
    /// The same judgement as ``decide(_:_:)``, and nothing ends of it: asking is no use.
    func standing(_ request: GrantRequest, _ material: Material) -> RefreshStanding {
        guard let token = material.token, let family = material.family,
            let person = try? checkGrantIsAlive(family, material)
        else { return .worthless }
        switch RotationRules.judge(
            token,
            family.content,
            digest: family.content.requestDigest,
            at: request.moment,
            configuration: request.configuration
        )
        {
        case .rotate, .repeatSuccessor: return .current(family, person)
        case .reuse: return .worthless
        case .refuse:
            let isPrevious = token.generation + 1 == family.content.generation
            let isOfThisHistory =
                token.generation < family.content.generation
                && (!isPrevious || token.nonce == family.content.previousNonce)
            return isOfThisHistory ? .superseded(family, person) : .worthless
        }
    }
}
