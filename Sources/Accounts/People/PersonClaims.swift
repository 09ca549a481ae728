package import JOSE

extension Person {
    /// The standard claims of OIDC Core §5.1 that are known of the person, `sub` excepted.
    package var standardClaims: JSONObject {
        var standard: JSONObject = [:]
        if let name { standard["name"] = .string(name) }
        standard["preferred_username"] = .string(username)
        for (claim, value) in claims where ClaimNames.standard[claim] != nil { standard[claim] = value }
        if let email {
            standard["email"] = .string(email)
            standard["email_verified"] = .bool(emailVerified)
        }
        standard["updated_at"] = .integer(updatedAt.secondsSinceEpoch)
        return standard
    }

    /// The claims of the operator's own making.
    package var ownClaims: JSONObject {
        var own: JSONObject = [:]
        for (claim, value) in claims where ClaimNames.standard[claim] == nil { own[claim] = value }
        return own
    }
}

/// Which claims a person's record may hold under `claims`.
enum ClaimNames {
    enum Shape {
        case text
        case flag
        case object
    }

    /// OIDC Core §5.1, without the claims that have a place of their own on the record.
    static let standard: [String: Shape] = [
        "given_name": .text, "family_name": .text, "middle_name": .text, "nickname": .text, "profile": .text,
        "picture": .text, "website": .text, "gender": .text, "birthdate": .text, "zoneinfo": .text, "locale": .text,
        "phone_number": .text, "phone_number_verified": .flag, "address": .object,
    ]

    /// Claims that the server itself says: a record that could hold them could speak for the issuer.
    static let reserved: Set<String> = [
        "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "auth_time", "nonce", "acr", "amr", "azp", "sid", "at_hash",
        "c_hash", "s_hash", "client_id", "scope", "cnf", "act", "may_act", "events", "token_use", "typ", "active",
        "name", "preferred_username", "email", "email_verified", "updated_at", "roles", "groups", "entitlements",
    ]

    /// What is wrong with these claims, as a sentence; `nil` if nothing is.
    static func fault(in claims: JSONObject) -> String? {
        for (name, value) in claims {
            if name.isEmpty { return "A claim needs a name." }
            if reserved.contains(name) {
                return "A person's claims must not hold a claim that the server sets itself, such as sub or email."
            }
            let fits =
                switch standard[name] {
                case .text: value.stringValue != nil
                case .flag: value.boolValue != nil
                case .object: value.objectValue != nil
                case nil: true
                }
            if !fits { return "A standard claim must have its standard type: text, true or false, or an object." }
        }
        return nil
    }
}
