import Instants
import JOSE
import OAuthVocabulary
import RevocationFeed

/// The claims of an access token: RFC 9068 §2.2.
enum AccessTokenClaims {
    /// Names of our own: the grant, and its generation when the token was minted.
    static let grantID = "grant_id"
    static let generation = "gen"

    /// RFC 9068 §2.2.3.1.
    static let authorizationClaims = ["roles", "groups", "entitlements"]
    /// Claims of OpenID Connect Core §5.1 that say who somebody is: they enter only by a named override.
    static let personalClaims: Set<String> = [
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale", "phone_number",
        "phone_number_verified", "address", "updated_at",
    ]

    static func make(
        _ issuance: Issuance,
        client: RegisteredClient,
        generation: UInt32,
        configuration: ProviderConfiguration,
        keys: DerivedKeys,
        at moment: Moment,
        tokenID: String
    ) -> JSONObject {
        let audience = issuance.access.audience
        var claims: JSONObject = [
            "iss": .string(configuration.issuer.value),
            // RFC 9068 §2.2: "In cases of access tokens obtained through grants where no resource owner is involved …
            // the value of 'sub' SHOULD correspond to an identifier the authorization server uses to indicate the client"
            "sub": .string(client.id.value),
            "aud": audience.count == 1 ? .string(audience[0]) : .array(audience.map { .string($0) }),
            "client_id": .string(client.id.value),
            "scope": .string(issuance.access.scope.description),
            "iat": .integer(moment.wall.secondsSinceEpoch),
            "exp": .integer((moment.wall + configuration.accessTokenLifetime).secondsSinceEpoch),
            "jti": .string(tokenID),
        ]
        if let family = issuance.family {
            claims[grantID] = .string(family.value)
            claims[Self.generation] = .integer(Int64(generation))
        }
        let names = client.tokenClaims + (issuance.access.api?.tokenClaims ?? [])
        switch issuance.party {
        case .client:
            add(names, roles: client.roles, groups: client.groups, entitlements: client.entitlements, to: &claims)
        case .person(let person, let authentication, let session):
            claims["sub"] = .string(person.subject.value)
            claims["auth_time"] = .integer(moment.onTheWall(authentication.at).secondsSinceEpoch)
            claims["acr"] = .string(authentication.acr)
            claims["amr"] = .array(authentication.amr.map { .string($0) })
            claims["sid"] = .string(session.value)
            add(names, roles: person.roles, groups: person.groups, entitlements: person.entitlements, to: &claims)
            let personal = client.personalTokenClaims + (issuance.access.api?.personalTokenClaims ?? [])
            add(names, personal: personal, of: person, to: &claims)
        }
        claims[RevocationClaim.name] = .string(
            RevocationHandles(keys).claim(
                of: claims,
                audience: audience.first ?? configuration.issuerAudience,
                issuedAt: moment.steady
            ).text
        )
        return claims
    }

    private static func add(
        _ names: [String],
        roles: [String],
        groups: [String],
        entitlements: [String],
        to claims: inout JSONObject
    ) {
        for (name, values) in zip(authorizationClaims, [roles, groups, entitlements])
        where names.contains(name) && !values.isEmpty {
            claims[name] = .array(values.map { .string($0) })
        }
    }

    /// Own claims by name, personal data by its own list of names; neither can replace what the server says.
    private static func add(
        _ names: [String],
        personal: [String],
        of person: PersonSnapshot,
        to claims: inout JSONObject
    ) {
        for name in names where claims[name] == nil && !personalClaims.contains(name) {
            if let value = person.ownClaims[name] { claims[name] = value }
        }
        for name in personal where claims[name] == nil && personalClaims.contains(name) {
            if let value = person.standardClaims[name] { claims[name] = value }
        }
    }
}

/// An access token for an API that asked not to have JWTs: the same claims, sealed under a key of the server.
///
/// No row is kept for it.
enum OpaqueAccessToken {
    static let prefix = "signet_at_"
}
