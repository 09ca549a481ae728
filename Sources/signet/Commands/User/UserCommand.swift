// `signet user`: registers people and looks after them. A password is typed or piped in, never an argument.
// Owns what it prints; the record is Accounts'.

import Accounts
import ArgumentParser
import AuthorizationServer
import JOSE
import OAuthVocabulary

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Register people and look after them.",
        subcommands: [
            UserCreate.self, UserList.self, UserShow.self, UserUpdate.self, UserSetPassword.self, UserDisable.self,
            UserEnable.self, UserDelete.self,
        ]
    )
}

struct UserCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Register a person.",
        discussion: """
            Examples:
              signet user create --username ada --email ada@example.org --name 'Ada Lovelace' --role admin
              signet user create --username bot --password-stdin < password.txt
              signet user create --username ada --claim given_name=Ada --claim 'address={"country":"DE"}'
            """
    )

    @Option(help: "The name to sign in with.") var username: String
    @OptionGroup var fields: UserFields
    @OptionGroup var passwordOptions: PasswordOptions
    @Flag(name: .customLong("no-password"), help: "Set no password yet.") var withoutPassword = false
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !(withoutPassword && passwordOptions.fromStandardInput) else {
            throw ValidationError("--no-password and --password-stdin exclude each other")
        }
    }

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let password = withoutPassword ? nil : try passwordOptions.password()
        let new = NewPerson(
            username: username,
            email: fields.email,
            emailVerification: fields.verification,
            name: fields.name,
            claims: fields.claimObject,
            roles: fields.roles,
            groups: fields.groups,
            entitlements: fields.entitlements
        )
        let person = try await bench.people.create(new, password: password, now: bench.now)
        await bench.close()
        person.show(output: output)
    }
}

struct UserList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the people.",
        discussion: "Example:\n  signet user list --json"
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = try await bench.allPeople().sorted { $0.username < $1.username }
        await bench.close()
        let console = Console.standard
        guard !output.json else { return console.say(.array(people.map(\.json))) }
        var table = Table("USERNAME", "NAME", "E-MAIL", "STATUS", "SUBJECT")
        for person in people {
            table.rows.append([
                person.username, person.name ?? "-", person.email ?? "-",
                person.status == .enabled ? "enabled" : "disabled", person.subject.value,
            ])
        }
        table.show(on: console)
    }
}

struct UserShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a person.",
        discussion: "Example:\n  signet user show ada"
    )

    @OptionGroup var who: PersonArgument
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let person = try await bench.person(who.person, among: bench.people)
        await bench.close()
        person.show(output: output)
    }
}

struct UserUpdate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update",
        abstract: "Change a person.",
        discussion: """
            What is given replaces what was there; lists are replaced whole. A claim with the value null is removed.

            Examples:
              signet user update ada --role admin --role auditor
              signet user update ada --email ada@new.example --email-verified
              signet user update ada --claim tenant=null --clear groups
            """
    )

    enum Clearable: String, ExpressibleByArgument, CaseIterable, Sendable {
        case email
        case name
        case roles
        case groups
        case entitlements
        case claims
    }

    @OptionGroup var who: PersonArgument
    @Option(help: "A new name to sign in with.") var username: String?
    @OptionGroup var fields: UserFields
    @Option(
        help: ArgumentHelp("Empty a field: \(Clearable.allValueStrings.joined(separator: ", ")).", valueName: "field")
    )
    var clear: [Clearable] = []
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = bench.people
        let subject = try await bench.person(who.person, among: people).subject
        let edit = PersonEdit(username: username, fields: fields, clear: clear)
        let person = try await people.update(subject, now: bench.now) { edit.apply(to: &$0) }
        await bench.close()
        person.show(output: output)
    }
}

/// The changes of `user update` as a value, because they may be applied more than once.
private struct PersonEdit: Sendable {
    var username: String?
    var email: String?
    var verification: EmailVerification
    var name: String?
    var roles: [String]
    var groups: [String]
    var entitlements: [String]
    var claims: [ClaimArgument]
    var clear: [UserUpdate.Clearable]

    init(username: String?, fields: UserFields, clear: [UserUpdate.Clearable]) {
        self.username = username
        email = fields.email
        verification = fields.verification
        name = fields.name
        roles = fields.roles
        groups = fields.groups
        entitlements = fields.entitlements
        claims = fields.claims
        self.clear = clear
    }

    func apply(to person: inout Person) {
        for field in clear {
            switch field {
            case .email: person.setEmail(nil, .unverified)
            case .name: person.name = nil
            case .roles: person.roles = []
            case .groups: person.groups = []
            case .entitlements: person.entitlements = []
            case .claims: person.claims = [:]
            }
        }
        if let username { person.username = username }
        if let email { person.setEmail(email, verification) }
        if let name { person.name = name }
        if !roles.isEmpty { person.roles = roles }
        if !groups.isEmpty { person.groups = groups }
        if !entitlements.isEmpty { person.entitlements = entitlements }
        for claim in claims {
            // A plain nil would be JSON's null.
            person.claims[claim.name] = claim.value == .null ? Optional<JSON>.none : claim.value
        }
    }
}

struct UserSetPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-password",
        abstract: "Give a person a new password; sessions and refresh tokens from before end.",
        discussion: """
            Examples:
              signet user set-password ada
              signet user set-password ada --password-stdin < password.txt
            """
    )

    @OptionGroup var who: PersonArgument
    @OptionGroup var passwordOptions: PasswordOptions
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = bench.people
        let subject = try await bench.person(who.person, among: people).subject
        let person = try await people.setPassword(subject, to: try passwordOptions.password(), now: bench.now)
        try await bench.endWhatSlippedThrough(.subject(subject))
        await bench.close()
        output.confirm("the password of \(person.username) is set; what was issued before is over", person.reference)
    }
}

struct UserDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Let a person sign in no longer, and end what was issued.",
        discussion: "Example:\n  signet user disable ada"
    )

    @OptionGroup var who: PersonArgument
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = bench.people
        let subject = try await bench.person(who.person, among: people).subject
        let person = try await people.disable(subject, now: bench.now)
        try await bench.endWhatSlippedThrough(.subject(subject))
        await bench.close()
        output.confirm("\(person.username) is disabled; what was issued is over", person.reference)
    }
}

struct UserEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Let a person sign in again.",
        discussion: "Example:\n  signet user enable ada"
    )

    @OptionGroup var who: PersonArgument
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = bench.people
        let subject = try await bench.person(who.person, among: people).subject
        let person = try await people.enable(subject, now: bench.now)
        await bench.close()
        output.confirm("\(person.username) is enabled", person.reference)
    }
}

struct UserDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Remove a person and end everything that was issued.",
        discussion: "Example:\n  signet user delete ada"
    )

    @OptionGroup var who: PersonArgument
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        let people = bench.people
        let person = try await bench.person(who.person, among: people)
        _ = try await bench.sessions.closeAll(of: person.subject, now: bench.now)
        try await people.delete(person.subject, now: bench.now)
        await bench.close()
        output.confirm("\(person.username) is deleted; what was issued is over", person.reference)
    }
}

extension Person {
    fileprivate var reference: JSONObject { ["sub": .string(subject.value), "username": .string(username)] }
}
