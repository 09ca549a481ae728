// A server of which tests leave defences against cross-site requests out, so that each can be seen to hold by itself. The
// `signet` command has no way to do that.
//
//     SessionPeer PORT same-site,origin,custom-header,form-token|none ORIGIN
//
// Prints "ready" once it listens on the loopback, and runs until it is told to stop. ORIGIN is the application's: `web` is
// a client in session mode, `spa` one with tokens, `code` one that uses code and PKCE with its refresh token in a cookie.

import Accounts
import AuthorizationServer
import Foundation
import Logging
import OAuthVocabulary
import ServerHTTP
import ServiceLifecycle
import Storage
import UnixSignals

struct Unusable: Error {}

func defences(_ text: String) throws -> Set<CSRFDefence> {
    if text == "none" { return [] }
    return Set(
        try text.split(separator: ",").map { name in
            guard let defence = CSRFDefence(rawValue: String(name)) else { throw Unusable() }
            return defence
        }
    )
}

func client(_ id: String, origin: String, edit: (inout RegisteredClient) -> Void) throws -> RegisteredClient {
    guard let id = ClientID(id), let callback = RedirectURI(origin + "/callback") else { throw Unusable() }
    var client = RegisteredClient(
        id: id,
        name: id.value,
        type: .public,
        authenticationMethod: .none,
        createdAt: SystemTimeSource().moment().wall
    )
    client.grantTypes = [.authorizationCode, .refreshToken]
    client.redirectURIs = [callback]
    client.postLogoutRedirectURIs = [callback]
    client.scopes = [.openID, .profile]
    client.consent = .implicit
    client.origins = [origin]
    edit(&client)
    return client
}

func server(port: Int, defences: Set<CSRFDefence>, origin: String) async throws -> SignetServer {
    let random = SystemRandomSource()
    let time = SystemTimeSource()
    guard let issuer = IssuerURL("http://localhost:\(port)"),
        let keys = MasterKey(random.bytes(MasterKey.byteCount)).map(DerivedKeys.init)
    else { throw Unusable() }
    var configuration = ProviderConfiguration(issuer: issuer)
    configuration.csrfDefences = defences
    let store = MemoryStore()
    let endings = Endings(revocations: Revocations(store: store, configuration: configuration))
    let hasher = PasswordHasher(
        parameters: .init(memoryKiB: 8, iterations: 1, lanes: 1),
        limits: .standard,
        randomness: random.bytes
    )
    let people = People(store: store, passwords: hasher, randomness: random.bytes, endings: endings)
    let sessions = Sessions(store: store, randomness: random.bytes, endings: endings)
    let throttle = Throttle(store: store)
    let keyring = Keyring()
    let now = time.moment().wall
    try await SigningKeys(store: store, keys: keys, configuration: configuration).refresh(keyring, now: now)
    let logger = Logger(label: "peer") { _ in SwiftLogNoOpLogHandler() }
    let provider = try Provider(
        configuration: configuration,
        store: store,
        endUsers: AccountsEndUsers(people: people, sessions: sessions),
        applicationSessions: AccountsApplicationSessions(
            people: people,
            sessions: sessions,
            throttle: throttle,
            time: time
        ),
        throttle: AccountsThrottle(throttle),
        keys: keys,
        keyring: keyring,
        time: time,
        random: random,
        logger: logger
    )
    for name in ["alice", "mallory"] {
        _ = try await people.create(
            NewPerson(username: name, name: name),
            password: Secret("\(name)'s own password"),
            now: now
        )
    }
    let clients = provider.services.clients
    try await clients.create(
        client("web", origin: origin) {
            $0.isFirstParty = true
            $0.browserSession = .session
            $0.grantTypes = []
        },
        now: now
    )
    try await clients.create(
        client("spa", origin: origin) {
            $0.isFirstParty = true
            $0.browserSession = .tokens
            $0.tokenDelivery = .cookie
        },
        now: now
    )
    try await clients.create(client("code", origin: origin) { $0.tokenDelivery = .cookie }, now: now)
    var http = HTTPConfiguration(listen: ListenAddress(host: "127.0.0.1", port: port))
    http.onListening = { _ in FileHandle.standardOutput.write(Data("ready\n".utf8)) }
    return SignetServer(
        provider: provider,
        people: people,
        sessions: sessions,
        throttle: throttle,
        configuration: http,
        logger: logger
    )
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let port = Int(arguments[1]) else { throw Unusable() }
let started = try await server(port: port, defences: defences(arguments[2]), origin: arguments[3])
let group = ServiceGroup(
    configuration: .init(
        services: try started.services(),
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: Logger(label: "peer") { _ in SwiftLogNoOpLogHandler() }
    )
)
try await group.run()
