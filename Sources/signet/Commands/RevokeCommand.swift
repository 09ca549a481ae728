import Accounts
import ArgumentParser
import AuthorizationServer
import Instants
import JOSE
import OAuthVocabulary

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End rights before their time, everywhere.",
        discussion: """
            Introspection, userinfo and refreshing refuse at once what was ended, and so does, within a second, every API \
            that follows the revocation feed of a running server. An API that verifies JWT access tokens without the feed \
            accepts them until they expire.

            Examples:
              signet revoke --user ada
              signet revoke --jti 0b3e…
              signet revoke --all
              signet revoke --list
            """
    )

    // Drawn identifiers may begin with a hyphen.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("One access token, by its jti claim.", valueName: "id")
    )
    var jti: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("One grant with all its tokens, by the grant_id claim.", valueName: "id")
    )
    var family: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("One session in a browser, by the sid claim.", valueName: "id")
    )
    var session: String?
    @Option(help: ArgumentHelp("Everything of a person: username, address or subject.", valueName: "person"))
    var user: String?
    @Option(help: ArgumentHelp("Everything of a client.", valueName: "id"), transform: Words.clientID)
    var client: ClientID?
    @Flag(help: "Everything that was ever issued, such as after restoring a backup.") var all = false
    @Flag(help: "End nothing: list what has been ended and could still be presented, the latest first.") var list =
        false
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        let count = [jti, family, session, user, client?.value].count { $0 != nil } + (all ? 1 : 0) + (list ? 1 : 0)
        guard count == 1 else {
            throw ValidationError("name one of --jti, --family, --session, --user, --client, --all and --list")
        }
    }

    func run() async throws {
        let bench = try await Workbench.open(try store.configuration().settings)
        guard !list else {
            let revocations = try await bench.allRevocations()
            await bench.close()
            return revocations.show(output: output)
        }
        let (target, name) = try await target(on: bench)
        // What closes sessions writes revocations for each of them; the target's own comes last and covers everything.
        switch target {
        case .session(let id): _ = try await bench.sessions.close(id, now: bench.now)
        case .subject(let subject): _ = try await bench.sessions.closeAll(of: subject, now: bench.now)
        default: break
        }
        let now = bench.now
        try await bench.revocations.apply(ending: Ending(target, because: .operatorAct), now: now)
        try await bench.endWhatSlippedThrough(target)
        await bench.close()
        output.confirm(
            "revoked: \(name), everything issued until \(now.text)",
            ["revoked": .string(name), "not_before": .string(now.text)]
        )
    }

    private func target(on bench: Workbench) async throws -> (RevocationTarget, name: String) {
        if let jti { return (.token(try Self.identifier(jti, TokenID.init)), "token \(jti)") }
        if let family { return (.grant(try Self.identifier(family, FamilyID.init)), "grant \(family)") }
        if let session { return (.session(try Self.identifier(session, SessionID.init)), "session \(session)") }
        if let client {
            _ = try await bench.client(client)
            return (.client(client), "client \(client)")
        }
        if let user {
            let person = try await bench.person(user, among: bench.people)
            return (.subject(person.subject), "person \(person.username) (\(person.subject))")
        }
        return (.everything, "everything")
    }

    private static func identifier<Identifier>(
        _ text: String,
        _ make: (String) -> Identifier?
    ) throws(Failure) -> Identifier {
        guard let identifier = make(text) else {
            throw Failure(
                .usage,
                "\(text.debugDescription) is no identifier: 1 to 255 visible ASCII characters are expected"
            )
        }
        return identifier
    }
}
