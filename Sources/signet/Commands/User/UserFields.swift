import Accounts
import ArgumentParser
import JOSE
import OAuthVocabulary

/// What `user create` and `user update` can set.
struct UserFields: ParsableArguments {
    @Option(help: "The address of the person.")
    var email: String?

    @Flag(
        name: .customLong("email-verified"),
        inversion: .prefixedNo,
        help: "Whether somebody has checked that the address is the person's."
    )
    var isEmailVerified: Bool?

    @Option(help: "The name to show.")
    var name: String?

    @Option(
        name: .customLong("role"),
        help: ArgumentHelp("A role, for access tokens of clients and APIs that ask for it. Repeat for several.")
    )
    var roles: [String] = []

    @Option(name: .customLong("group"), help: ArgumentHelp("A group. Repeat for several."))
    var groups: [String] = []

    @Option(name: .customLong("entitlement"), help: ArgumentHelp("An entitlement. Repeat for several."))
    var entitlements: [String] = []

    @Option(
        name: .customLong("claim"),
        help: ArgumentHelp(
            "A claim: standard (given_name=Ada, phone_number=+49…) or your own (tenant=7); the value is JSON or text. "
                + "Repeat for several.",
            valueName: "name=value"
        )
    )
    var claims: [ClaimArgument] = []

    var claimObject: JSONObject {
        var object = JSONObject()
        for claim in claims { object[claim.name] = claim.value }
        return object
    }

    func validate() throws {
        guard isEmailVerified == nil || email != nil else {
            throw ValidationError("--email-verified needs --email")
        }
    }

    var verification: EmailVerification { isEmailVerified == true ? .verified : .unverified }
}

/// Where a password comes from.
struct PasswordOptions: ParsableArguments {
    @Flag(
        name: .customLong("password-stdin"),
        help: "Read the password from the first line of standard input instead of asking."
    )
    var fromStandardInput = false

    func password(on console: Console = .standard) throws(Failure) -> Secret {
        if fromStandardInput { return try SecretInput.firstLine(of: "password") }
        guard SecretInput.isInteractive else {
            throw Failure(.usage, "there is no terminal to ask for the password: give it with --password-stdin")
        }
        return try SecretInput.prompt(for: "Password", on: console)
    }
}

/// Names a person on the command line.
struct PersonArgument: ParsableArguments {
    @Argument(help: "The person: username, e-mail address or subject.") var person: String
}

extension Workbench {
    /// The person of this username, subject or address.
    func person(_ text: String, among people: People) async throws -> Person {
        let moment = now
        if let person = try await people.find(username: text, now: moment) { return person }
        if let subject = Subject(text), let person = try await people.find(subject: subject, now: moment) {
            return person
        }
        if text.contains("@"), let person = try await people.find(email: text, now: moment) { return person }
        throw Failure(.notOnRecord, "there is no person with the username, e-mail address or subject \(text)")
    }

    func allPeople() async throws -> [Person] {
        let register = people
        var all: [Person] = []
        while true {
            let page = try await register.list(after: all.last?.subject, limit: 500, now: now)
            all += page
            if page.count < 500 { return all }
        }
    }
}

extension Person {
    var json: JSON {
        [
            "sub": .string(subject.value),
            "username": .string(username),
            "name": JSON(name),
            "email": JSON(email),
            "email_verified": .bool(emailVerified),
            "status": .string(status == .enabled ? "enabled" : "disabled"),
            "record_origin": .string(origin == .demo ? "demo" : "registered"),
            "has_password": .bool(hasPassword),
            "roles": JSON(roles),
            "groups": JSON(groups),
            "entitlements": JSON(entitlements),
            "claims": .object(claims),
            "created_at": .string(createdAt.text),
            "updated_at": .string(updatedAt.text),
            "credentials_changed_at": .string(credentialsChangedAt.text),
        ]
    }

    var card: Card {
        var card = Card()
        card.add("username", username)
        card.add("subject", subject.value)
        card.add("name", name)
        card.add("e-mail", email.map { $0 + (emailVerified ? " (verified)" : " (not verified)") })
        card.add(
            "status",
            (status == .enabled ? "enabled" : "disabled") + (origin == .demo ? ", made by serve --dev" : "")
                + (hasPassword ? "" : ", no password")
        )
        card.add("roles", roles.joined(separator: " "))
        card.add("groups", groups.joined(separator: " "))
        card.add("entitlements", entitlements.joined(separator: " "))
        card.add("claims", claims.map { "\($0.name) = \($0.value.compact)" })
        card.add("created", createdAt.text)
        card.add("credentials changed", credentialsChangedAt.text)
        return card
    }

    func show(output: OutputOptions, on console: Console = .standard) {
        output.json ? console.say(json) : card.show(on: console)
    }
}
