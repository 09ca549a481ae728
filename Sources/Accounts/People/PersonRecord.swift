import JOSE
import OAuthVocabulary
package import Storage

extension RecordKind {
    /// People.
    package static let person = RecordKind("person")
}

extension Person {
    static let payloadVersion: Int64 = 1
    /// The most that one person's payload may take, in bytes.
    static let maximumPayload = 32 * 1024
    /// Demo people are one family, so that a server can ask at its start whether there are any.
    static let demoFamily = "origin:demo"

    /// This person as a record of their version.
    var record: Record {
        Record(
            key: recordKey,
            indexes: indexes,
            family: origin == .demo ? Self.demoFamily : nil,
            subject: subject.value,
            version: version,
            payload: payload
        )
    }

    var indexes: [SecondaryIndex] {
        [Self.index(username: username)] + (email.map { [Self.index(email: $0)] } ?? [])
    }

    static func index(username: String) -> SecondaryIndex {
        SecondaryIndex(name: "username", value: .sha256(of: Username.folded(username)))
    }

    static func index(email: String) -> SecondaryIndex {
        SecondaryIndex(name: "email", value: .sha256(of: EmailAddress.folded(email)))
    }

    private var payload: [UInt8] {
        var object: JSONObject = ["v": .integer(Self.payloadVersion)]
        object["sub"] = .string(subject.value)
        object["username"] = .string(username)
        object["email"] = email.map(JSON.string)
        if emailVerified { object["email_verified"] = .bool(true) }
        object["name"] = name.map(JSON.string)
        if !claims.isEmpty { object["claims"] = .object(claims) }
        if !roles.isEmpty { object["roles"] = .texts(roles) }
        if !groups.isEmpty { object["groups"] = .texts(groups) }
        if !entitlements.isEmpty { object["entitlements"] = .texts(entitlements) }
        object["status"] = .string(status.rawValue)
        object["origin"] = .string(origin.rawValue)
        object["created_at"] = .instant(createdAt)
        object["updated_at"] = .instant(updatedAt)
        object["credentials_changed_at"] = .instant(credentialsChangedAt)
        object["password"] = (password?.phc).map(JSON.string)
        return object.serialized()
    }

    /// The person that a record holds; throws `StoreError.corrupt` if it holds none.
    init(_ record: Record) throws(StoreError) {
        let payload = try PayloadReader(record, version: Self.payloadVersion)
        let claims = payload.object["claims"] ?? .object([:])
        guard let claims = claims.objectValue else { throw payload.corrupt("claims") }
        let emailVerified = payload.object["email_verified"] ?? .bool(false)
        guard let emailVerified = emailVerified.boolValue else { throw payload.corrupt("email_verified") }
        self.init(
            subject: try payload.made("sub") { Subject($0) },
            username: try payload.text("username"),
            email: try payload.optionalText("email"),
            emailVerified: emailVerified,
            name: try payload.optionalText("name"),
            claims: claims,
            roles: try payload.texts("roles"),
            groups: try payload.texts("groups"),
            entitlements: try payload.texts("entitlements"),
            status: try payload.made("status") { PersonStatus(rawValue: $0) },
            origin: try payload.made("origin") { PersonOrigin(rawValue: $0) },
            createdAt: try payload.instant("created_at"),
            updatedAt: try payload.instant("updated_at"),
            credentialsChangedAt: try payload.instant("credentials_changed_at"),
            password: try payload.optionalText("password").map(PasswordHash.init(phc:)),
            version: record.version
        )
    }
}
