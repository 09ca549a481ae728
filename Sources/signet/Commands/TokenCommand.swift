import Accounts
import ArgumentParser
import AuthorizationServer
import FoundationEssentials
import Instants
import JOSE
import OAuthVocabulary

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Look into tokens.",
        subcommands: [TokenInspect.self]
    )
}

struct TokenInspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Decode a token, and say whether it counts.",
        discussion: """
            Without a data folder the token is only decoded: anybody could have written what is shown. With one it is \
            verified by the keys of that server and looked up among what was revoked. Give the token on standard input: \
            arguments are visible to other users of the machine.

            Examples:
              signet token inspect < token.txt
              pbpaste | signet token inspect --data-dir /var/lib/signet --json
            """
    )

    @Argument(help: "The token; read from standard input if not given.") var token: String?
    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let text = try token ?? SecretInput.firstLine(of: "token").exposed
        let settings = try store.configuration().settings
        let database = try? Files.status(DataFolder(settings.dataDirectory).database)
        let hasFolder = store.dataDirectory != nil || database != nil
        var inspection = try Inspection(text)
        if hasFolder {
            let bench = try await Workbench.open(settings)
            inspection.finding = try await bench.finding(on: inspection)
            await bench.close()
        }
        inspection.show(output: output)
    }
}

/// A token, decoded as far as it can be.
struct Inspection {
    enum Finding: Hashable, Sendable {
        /// Nobody was asked.
        case notVerified
        /// The signature or seal is this server's.
        case active
        case expired
        /// Signed by this server, but no access token: nothing says whether it was revoked.
        case genuine
        case refused(String)
    }

    let text: String
    let header: JSONObject?
    let claims: JSONObject?
    var finding = Finding.notVerified

    init(_ text: String) throws(Failure) {
        self.text = text
        guard !text.hasPrefix("signet_") else {
            header = nil
            claims = nil
            return
        }
        do {
            let token = try UnverifiedToken(text)
            header = token.header
            claims = token.unverifiedClaims
        } catch {
            throw Failure(.data, "this is neither a JWT nor a token of Signet (\(error.reason))")
        }
    }

    /// Whether it is made as an access token of RFC 9068, or an opaque one.
    var isAccessToken: Bool {
        guard let header else { return text.hasPrefix("signet_at_") }
        return header["typ"]?.stringValue?.lowercased().hasSuffix("at+jwt") ?? false
    }

    var sentence: String {
        switch finding {
        case .notVerified:
            "NOT VERIFIED: anybody could have written this; name the server's --data-dir to have it checked"
        case .active: "verified: signed by this server, and it counts"
        case .expired: "verified: signed by this server, but it has EXPIRED"
        case .genuine: "verified: signed by this server"
        case .refused(let reason): "REFUSED: \(reason)"
        }
    }

    var word: String {
        switch finding {
        case .notVerified: "not_verified"
        case .active: "active"
        case .expired: "expired"
        case .genuine: "genuine"
        case .refused: "refused"
        }
    }

    func show(output: OutputOptions, on console: Console = .standard) {
        if output.json {
            var object: JSONObject = ["finding": .string(word), "sentence": .string(sentence)]
            object["header"] = header.map { .object($0) } ?? .null
            object["claims"] = claims.map { .object($0) } ?? .null
            return console.say(.object(object))
        }
        console.say(console.strong(sentence))
        for (title, part) in [("header", header), ("claims", claims)] {
            guard let part else { continue }
            console.say()
            console.say(console.pale(title))
            console.say(.object(part))
        }
        let times = ["iat", "auth_time", "nbf", "exp"].compactMap { name -> (String, String)? in
            guard let seconds = claims?[name]?.integerValue else { return nil }
            return (name, Instant(secondsSinceEpoch: seconds).text)
        }
        guard !times.isEmpty else { return }
        var card = Card()
        for (name, text) in times { card.add(name, text) }
        console.say()
        card.show(on: console)
    }
}

extension Workbench {
    /// What this server says of the token.
    func finding(on inspection: Inspection) async throws -> Inspection.Finding {
        if inspection.header == nil, !inspection.isAccessToken {
            return .refused(
                "a refresh token or secret: only the client that holds it can ask, at the introspection endpoint"
            )
        }
        let keyring = Keyring()
        try await signingKeys.refresh(keyring, now: now)
        if inspection.isAccessToken { return try await accessTokenFinding(inspection.text, keyring: keyring) }
        do {
            _ = try UnverifiedToken(inspection.text).verified(
                by: keyring.current.published,
                expecting: Expectations(
                    issuer: .exactly(provider.issuer.value),
                    audience: .unchecked,
                    type: .unchecked,
                    algorithms: Keyring.algorithms,
                    now: time.moment().wall
                )
            )
            return .genuine
        } catch {
            return error.code == .tokenExpired ? .expired : .refused("\(error)")
        }
    }

    private func accessTokenFinding(_ text: String, keyring: Keyring) async throws -> Inspection.Finding {
        let services = try assemble(keyring: keyring, time: time, logger: .quiet).provider.services
        let verifier = AccessTokenVerifier(services: services, reader: Reader(services, now: now))
        switch try await verifier.verdict(on: text) {
        case .live: return .active
        case .expired: return .expired
        case .refused(let reason): return .refused(reason)
        }
    }
}
