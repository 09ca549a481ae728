import AuthorizationServer
import JOSE
import OAuthVocabulary

extension RegisteredClient {
    /// The record as `--json` prints it: the names of RFC 7591 §2 where it has one.
    ///
    /// `secret` only when it was just made.
    func json(secret: Secret? = nil) -> JSON {
        var object: JSONObject = [
            "client_id": .string(id.value),
            "client_name": .string(name),
            "client_type": .string(type.rawValue),
            "status": .string(status.rawValue),
            "record_origin": .string(origin.rawValue),
            "redirect_uris": JSON(redirectURIs.map(\.value)),
            "post_logout_redirect_uris": JSON(postLogoutRedirectURIs.map(\.value)),
            "backchannel_logout_uri": JSON(backchannelLogoutURI?.value),
            "backchannel_logout_session_required": .bool(backchannelLogoutSessionRequired ?? false),
            "frontchannel_logout_uri": JSON(frontchannelLogoutURI?.value),
            "frontchannel_logout_session_required": .bool(frontchannelLogoutSessionRequired ?? false),
            "grant_types": JSON(grantTypes.map(\.value)),
            "scope": .string(scopes.description),
            "token_endpoint_auth_method": .string(authenticationMethod.value),
            "jwks": keySet.flatMap { try? JSON(parsing: Array($0.utf8)) } ?? .null,
            "allowed_origins": JSON(origins),
            "pkce": .string(pkce.rawValue),
            "consent": .string(consent.rawValue),
            "first_party": .bool(isFirstParty),
            "browser_session": .string(browserSession.rawValue),
            "token_delivery": .string(tokenDelivery.rawValue),
            "session_cookie": JSON(usesCookies ? SessionCookie.name(of: id).value : nil),
            "id_token_signed_response_alg": .string(idTokenAlgorithm),
            "default_resource": JSON(defaultResource?.value),
            "refresh_idle_seconds": refreshIdleSeconds.map { .integer($0) } ?? .null,
            "refresh_absolute_seconds": refreshAbsoluteSeconds.map { .integer($0) } ?? .null,
            "token_claims": JSON(tokenClaims),
            "personal_token_claims": JSON(personalTokenClaims),
            "roles": JSON(roles),
            "groups": JSON(groups),
            "entitlements": JSON(entitlements),
            "created_at": .string(createdAt.text),
            "credentials_changed_at": .string(credentialsChangedAt.text),
        ]
        if let secret { object["client_secret"] = .string(secret.exposed) }
        return .object(object)
    }

    var card: Card {
        var card = Card()
        card.add("client", id.value)
        card.add("name", name)
        card.add("type", "\(type.rawValue), \(status.rawValue)" + (origin == .demo ? ", made by serve --dev" : ""))
        card.add("authentication", authenticationMethod.value)
        card.add("grants", grantTypes.map(\.value).joined(separator: " "))
        card.add("redirect URIs", redirectURIs.map(\.value))
        card.add("after sign-out", postLogoutRedirectURIs.map(\.value))
        card.add("told of sign-out at", backchannelLogoutURI?.value)
        card.add("frame at sign-out", frontchannelLogoutURI?.value)
        card.add("scopes", scopes.description)
        card.add("origins", origins)
        // The exemption is a weakening: it must be seen wherever the client is looked at.
        card.add("PKCE", pkce == .optional ? "OPTIONAL (a nonce is required instead)" : "required")
        card.add("consent", consent == .implicit ? "implicit: people are not asked" : "required")
        // Whoever may take passwords must be seen to.
        if isFirstParty { card.add("FIRST PARTY", "people may type their password into it") }
        if browserSession != .none { card.add("browser session", browserSession.rawValue) }
        if tokenDelivery == .cookie { card.add("refresh tokens", "in a cookie, out of the reach of scripts") }
        if usesCookies { card.add("cookie", SessionCookie.name(of: id).value + ", with __Host- before it on https") }
        card.add("ID tokens", idTokenAlgorithm)
        card.add("resource", defaultResource?.value)
        card.add("refresh idle", refreshIdleSeconds.map { DurationText.format(.seconds($0)) })
        card.add("refresh absolute", refreshAbsoluteSeconds.map { DurationText.format(.seconds($0)) })
        card.add("token claims", tokenClaims.joined(separator: " "))
        card.add("PERSONAL token claims", personalTokenClaims.joined(separator: " "))
        card.add("own roles", roles.joined(separator: " "))
        card.add("own groups", groups.joined(separator: " "))
        card.add("own entitlements", entitlements.joined(separator: " "))
        card.add("created", createdAt.text)
        return card
    }

    /// Shows the record, and a secret that was just made.
    func show(secret: Secret? = nil, output: OutputOptions, on console: Console = .standard) {
        guard !output.json else { return console.say(json(secret: secret)) }
        card.show(on: console)
        guard let secret else { return }
        console.say()
        console.say("client secret  \(console.strong(secret.exposed))")
        console.say("It is shown this once: the store keeps only its hash.")
    }
}
