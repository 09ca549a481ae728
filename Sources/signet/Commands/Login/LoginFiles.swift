import AuthorizationServer
import FoundationEssentials
import Instants
import JOSE
import OAuthClient

/// What is kept of a login.
struct StoredLogin: Codable, Equatable {
    var version = 1
    var issuer: String
    var clientID: String
    /// The `sub`; nothing where openid was not asked for.
    var subject: String?
    /// What the issuer called the person when they signed in.
    var name: String?
    var tokens: TokenSet

    var person: String { name ?? subject ?? "somebody" }
    var party: RelyingParty { .commandLine(issuer: issuer, client: clientID) }

    /// What may be shown: no token.
    func json(file: String) -> JSON {
        .object([
            "issuer": .string(issuer), "client_id": .string(clientID), "sub": JSON(subject), "name": JSON(name),
            "scope": .string(tokens.scopes.joined(separator: " ")),
            "expires_at": tokens.expiresAt.map { .string($0.text) } ?? .null,
            "refreshable": tokens.refreshToken == nil ? false : true, "file": .string(file),
        ])
    }

    func card(file: String) -> Card {
        var card = Card()
        card.add("issuer", issuer)
        card.add("client", clientID)
        card.add("person", person)
        card.add("scopes", tokens.scopes.joined(separator: " "))
        card.add("access token", tokens.expiresAt.map { "until \($0.text)" })
        card.add("refreshed", tokens.refreshToken == nil ? "no: sign in again when it has expired" : "by itself")
        card.add("file", file)
        return card
    }
}

/// The folder of logins: one file an issuer and client.
struct LoginFiles {
    let folder: String

    static let none = Failure(.notOnRecord, "this command line is signed in nowhere: run `signet login`")

    /// Below XDG_CONFIG_HOME, or ~/.config (XDG Base Directory Specification: a relative path counts as none).
    static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Failure) -> LoginFiles {
        if let base = environment["XDG_CONFIG_HOME"], base.hasPrefix("/") {
            return LoginFiles(folder: base + "/signet/logins")
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw Failure(.noInput, "there is no place for logins: set HOME or XDG_CONFIG_HOME")
        }
        return LoginFiles(folder: home + "/.config/signet/logins")
    }

    func file(issuer: String, client: String) -> LoginFile {
        let name = Base64URL.encode(Array(Digest.sha256("\(issuer)\n\(client)").prefix(18)))
        return LoginFile(path: "\(folder)/\(name).json")
    }

    /// Every login that the options leave possible, in the order of issuers and clients.
    func matching(_ options: LoginOptions) throws -> [LoginFile] {
        let issuer = try options.namedIssuer()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let files = names.filter { $0.hasSuffix(".json") }.map { LoginFile(path: "\(folder)/\($0)") }
        let found = try files.map { (file: $0, login: try $0.read()) }.filter { entry in
            (issuer == nil || entry.login.issuer == issuer)
                && (options.client == nil || entry.login.clientID == options.client)
        }
        return found.sorted { ($0.login.issuer, $0.login.clientID) < ($1.login.issuer, $1.login.clientID) }.map(\.file)
    }

    /// The one login that is meant.
    func only(_ options: LoginOptions) throws -> LoginFile {
        let found = try matching(options)
        guard let first = found.first else { throw Self.none }
        guard found.count == 1 else {
            let logins = try found.map { try $0.read() }
            throw Failure(
                .usage,
                ["there are several logins: say which one is meant"]
                    + logins.map { "  --issuer \($0.issuer) --client \($0.clientID)" }
            )
        }
        return first
    }
}

/// The file of one login.
struct LoginFile: TokenSessionStore {
    static let largest = 256 * 1024

    let path: String

    func read() throws(Failure) -> StoredLogin {
        let bytes: [UInt8]
        do {
            if let status = try Files.status(path), status.mode & 0o077 != 0 {
                throw Failure(.permission, "\(path) holds tokens and can be read by others: run chmod 600 on it")
            }
            bytes = try Files.read(path, limit: Self.largest)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.noInput, "\(path) cannot be read (\(error))")
        }
        guard let login = try? JSONDecoder().decode(StoredLogin.self, from: Data(bytes)), login.version == 1 else {
            throw Failure(.data, "\(path) is no login of this program: delete it, and sign in again")
        }
        return login
    }

    func write(_ login: StoredLogin) throws(Failure) {
        do {
            let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            if try Files.status(folder) == nil { try Files.makeFolder(folder, mode: 0o700) }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            try Files.replace(path, mode: 0o600, content: Array(try encoder.encode(login)))
        } catch {
            throw Failure(.inputOutput, "the login cannot be kept in \(path) (\(error)): nothing was stored")
        }
    }

    func remove() throws(Failure) {
        do {
            try Files.remove(path)
        } catch {
            throw Failure(.inputOutput, "\(path) cannot be deleted (\(error)): it holds tokens, delete it yourself")
        }
    }

    // MARK: - Refreshed tokens

    func load() async throws -> TokenSet? { try read().tokens }

    func save(_ tokens: TokenSet) async throws {
        var login = try read()
        login.tokens = tokens
        try write(login)
    }
}
