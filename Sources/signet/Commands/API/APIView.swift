import AuthorizationServer
import JOSE
import OAuthVocabulary

extension RegisteredAPI {
    /// The record as `--json` prints it.
    ///
    /// `secret` only when it was just made.
    func json(secret: Secret? = nil) -> JSON {
        var object: JSONObject = [
            "audience": .string(audience.value),
            "name": .string(name),
            "record_origin": .string(origin.rawValue),
            "scopes": .array(
                scopes.map { ["name": .string($0.scope.value), "description": .string($0.text)] }
            ),
            "token_format": .string(tokenFormat.rawValue),
            "status_list": .bool(statusList),
            "credential_id": .string(credentialID.value),
            "token_claims": JSON(tokenClaims),
            "personal_token_claims": JSON(personalTokenClaims),
            "created_at": .string(createdAt.text),
        ]
        if let secret { object["credential_secret"] = .string(secret.exposed) }
        return .object(object)
    }

    var card: Card {
        var card = Card()
        card.add("audience", audience.value)
        card.add("name", name + (origin == .demo ? ", made by serve --dev" : ""))
        card.add("tokens", tokenFormat.rawValue + (statusList ? ", with a status list" : ""))
        card.add("scopes", scopes.map { "\($0.scope)  \($0.text)" })
        card.add("token claims", tokenClaims.joined(separator: " "))
        card.add("PERSONAL token claims", personalTokenClaims.joined(separator: " "))
        card.add("credential", credentialID.value)
        card.add("created", createdAt.text)
        return card
    }

    /// Shows the record, and a secret that was just made.
    func show(secret: Secret? = nil, output: OutputOptions, on console: Console = .standard) {
        guard !output.json else { return console.say(json(secret: secret)) }
        card.show(on: console)
        guard let secret else { return }
        console.say()
        console.say("secret  \(console.strong(secret.exposed))")
        console.say(
            "It is shown this once. With it the API, as \(credentialID), follows the revocation feed and introspects."
        )
    }
}

extension Workbench {
    func allAPIs() async throws -> [RegisteredAPI] {
        var all: [RegisteredAPI] = []
        while true {
            let page = try await apis.list(after: all.last?.audience, limit: 500, now: now)
            all += page
            if page.count < 500 { return all }
        }
    }
}
