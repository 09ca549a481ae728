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
        tokenID: TokenID
    ) -> JSONObject {
        let audience = issuance.access.audience
        // RFC 9068 §2.2: "In cases of access tokens obtained through grants where no resource owner is involved … the value
        // of 'sub' SHOULD correspond to an identifier the authorization server uses to indicate the client"
        var subject = client.id.value
        if case .person(let person, _, _) = issuance.party { subject = person.subject.value }
        // No name comes twice among these: nobody has to look.
        var own: [(name: String, value: JSON)] = [
            ("iss", .string(configuration.issuer.value)),
            ("sub", .string(subject)),
            ("aud", audience.count == 1 ? .string(audience[0]) : .array(audience.map { .string($0) })),
            ("client_id", .string(client.id.value)),
            ("scope", .string(issuance.access.scope.description)),
            ("iat", .integer(moment.wall.secondsSinceEpoch)),
            ("exp", .integer((moment.wall + configuration.accessTokenLifetime).secondsSinceEpoch)),
            ("jti", .string(tokenID.value)),
        ]
        var targets: [RevocationTarget] = [.token(tokenID), .client(client.id)]
        if let family = issuance.family {
            own += [(grantID, .string(family.value)), (Self.generation, .integer(Int64(generation)))]
            targets.append(.grant(family))
        }
        if case .person(let person, let authentication, let session) = issuance.party {
            own += [
                ("auth_time", .integer(moment.onTheWall(authentication.at).secondsSinceEpoch)),
                ("acr", .string(authentication.acr)),
                ("amr", .array(authentication.amr.map { .string($0) })),
                ("sid", .string(session.value)),
            ]
            targets += [.session(session), .subject(person.subject)]
        }
        let handles = RevocationHandles(keys).claim(
            of: targets,
            audience: audience.first ?? configuration.issuerAudience,
            issuedAt: moment.steady
        )
        own.append((RevocationClaim.name, .string(handles.text)))
        var claims = JSONObject(uniqueMembers: own)
        let names = client.tokenClaims + (issuance.access.api?.tokenClaims ?? [])
        switch issuance.party {
        case .client:
            add(names, roles: client.roles, groups: client.groups, entitlements: client.entitlements, to: &claims)
        case .person(let person, _, _):
            add(names, roles: person.roles, groups: person.groups, entitlements: person.entitlements, to: &claims)
            let personal = client.personalTokenClaims + (issuance.access.api?.personalTokenClaims ?? [])
            add(names, personal: personal, of: person, to: &claims)
        }
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
