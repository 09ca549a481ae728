// Room: a login between its start and its end, as it is kept: bound to its browser, named by the hash of its state, spent by
// its answer. RFC 6749 §10.12. Stores `upstream-login` records.

internal import Accounts
internal import Crypto
internal import FoundationEssentials
internal import Instants
internal import JOSE
internal import OAuthClient
internal import OAuthVocabulary
internal import Storage

extension RecordKind {
    /// Logins that are under way at another provider.
    static let upstreamLogin = RecordKind("upstream-login")
}

/// A login that somebody began here and has not ended.
struct PendingUpstreamLogin: Sendable, Concealed {
    static let payloadVersion: Int64 = 1

    let provider: UpstreamName
    let browserBinding: String
    let purpose: UpstreamLogins.Purpose
    let freshness: UpstreamLogins.Freshness
    let login: PendingLogin
    /// An answer that came as a form, until the browser comes back.
    var answer: String?
    /// The hash of what the browser has to bring for it.
    var handle: String?
    private(set) var version: Int64 = 1
    private var expiresAt: Instant?

    init(
        provider: UpstreamName,
        browserBinding: String,
        purpose: UpstreamLogins.Purpose,
        freshness: UpstreamLogins.Freshness,
        login: PendingLogin
    ) {
        self.provider = provider
        self.browserBinding = browserBinding
        self.purpose = purpose
        self.freshness = freshness
        self.login = login
    }

    var recordKey: RecordKey { Self.recordKey(state: login.state) }

    static func recordKey(state: String) -> RecordKey {
        RecordKey(
            kind: .upstreamLogin,
            identifier: IdentifierHash(bytes: Array(SHA256.hash(data: Array(state.utf8))))
        )
    }

    func record(expiresAt: Instant? = nil) throws(StoreError) -> Record {
        guard let encoded = try? JSONEncoder().encode(login) else {
            throw .corrupt(reason: "an upstream login cannot be written")
        }
        var object: JSONObject = ["v": .integer(Self.payloadVersion)]
        object["provider"] = .string(provider.value)
        object["browser"] = .string(browserBinding)
        switch purpose {
        case .signIn(let interaction):
            object["interaction"] = .string(interaction)
        case .link(let subject, let session):
            object["link"] = .string(subject.value)
            object["sid"] = .string(session.value)
        }
        if freshness == .again { object["again"] = .bool(true) }
        object["login"] = .string(String(decoding: encoded, as: UTF8.self))
        object["answer"] = answer.map(JSON.string)
        object["handle"] = handle.map(JSON.string)
        return Record(
            key: recordKey,
            version: version,
            expiresAt: expiresAt ?? self.expiresAt,
            payload: object.serialized()
        )
    }

    /// The login that a record holds; throws `StoreError.corrupt` if it holds none.
    init(_ record: Record) throws(StoreError) {
        let corrupt = StoreError.corrupt(reason: "an upstream login cannot be read")
        guard let object = try? JSONObject(parsing: record.payload),
            object["v"]?.integerValue == Self.payloadVersion,
            let provider = object["provider"]?.stringValue.flatMap({ UpstreamName($0) }),
            let browser = object["browser"]?.stringValue,
            let text = object["login"]?.stringValue,
            let login = try? JSONDecoder().decode(PendingLogin.self, from: Data(text.utf8))
        else { throw corrupt }
        let purpose: UpstreamLogins.Purpose
        if let interaction = object["interaction"]?.stringValue {
            purpose = .signIn(interaction: interaction)
        } else if let subject = object["link"]?.stringValue.flatMap({ Subject($0) }),
            let session = object["sid"]?.stringValue.flatMap({ SessionID($0) })
        {
            purpose = .link(subject, session: session)
        } else {
            throw corrupt
        }
        self.init(
            provider: provider,
            browserBinding: browser,
            purpose: purpose,
            freshness: object["again"]?.boolValue == true ? .again : .any,
            login: login
        )
        answer = object["answer"]?.stringValue
        handle = object["handle"]?.stringValue
        version = record.version
        expiresAt = record.expiresAt
    }
}
