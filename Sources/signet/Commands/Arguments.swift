import ArgumentParser
import AuthorizationServer
import FoundationEssentials
import Instants
import JOSE
import OAuthVocabulary

/// How the words of the RFCs are read from a command line.
enum Words {
    @Sendable static func clientID(_ text: String) throws -> ClientID {
        try made(ClientID(text), expected: "1 to 255 visible ASCII characters")
    }

    @Sendable static func redirectURI(_ text: String) throws -> RedirectURI {
        try made(
            RedirectURI(text),
            expected: "an absolute https URI without fragment (http on loopback only, or a private scheme with a dot)"
        )
    }

    @Sendable static func logoutURI(_ text: String) throws -> LogoutURI {
        try made(LogoutURI(text), expected: "an absolute https URI without fragment (http on loopback only)")
    }

    @Sendable static func resource(_ text: String) throws -> ResourceIndicator {
        try made(ResourceIndicator(text), expected: "an absolute URI without a fragment")
    }

    @Sendable static func grantType(_ text: String) throws -> GrantType {
        // RFC 8628 §3.4 has a name that nobody types.
        try known(text == "device_code" ? GrantType.deviceCode.value : text, among: grantTypes)
    }

    /// Every grant of the list of features.
    private static let grantTypes: [GrantType] = {
        guard let issuer = IssuerURL("https://issuer.invalid"),
            let assembly = try? Assembly(Features.all, configuration: ProviderConfiguration(issuer: issuer))
        else { return [] }
        return assembly.grants.keys.sorted { $0.value < $1.value }
    }()

    @Sendable static func authenticationMethod(_ text: String) throws -> ClientAuthenticationMethod {
        try known(text, among: [.clientSecretBasic, .clientSecretPost, .privateKeyJWT, .none])
    }

    private static func made<Value>(_ value: Value?, expected: String) throws -> Value {
        guard let value else { throw ValidationError("expected \(expected)") }
        return value
    }

    private static func known<Word: WireWord>(_ text: String, among words: [Word]) throws -> Word {
        let names = words.map(\.value)
        guard let match = words.first(where: { $0.value == text }) else {
            let list = names.joined(separator: ", ")
            throw ValidationError("expected one of \(list)" + DidYouMean.suffix(text, among: names))
        }
        return match
    }
}

extension RegisteredClient.ClientType: ExpressibleByArgument, CaseIterable {
    static var allCases: [Self] { [.public, .confidential] }
}

extension RegisteredClient.PKCEPolicy: ExpressibleByArgument, CaseIterable {
    static var allCases: [Self] { [.required, .optional] }
}

extension RegisteredClient.ConsentPolicy: ExpressibleByArgument, CaseIterable {
    static var allCases: [Self] { [.required, .implicit] }
}

extension BrowserUse.Session: ExpressibleByArgument {}
extension BrowserUse.TokenDelivery: ExpressibleByArgument {}

extension RegisteredAPI.TokenFormat: ExpressibleByArgument, CaseIterable {
    static var allCases: [Self] { [.jwt, .opaque] }
}

/// A duration as people write it.
struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
    var seconds: Int64

    init?(argument: String) {
        guard let duration = DurationText.parse(argument), duration >= .seconds(1) else { return nil }
        seconds = duration.wholeSeconds
    }
}

/// `--scope`: one scope-token, or several with spaces between them.
struct ScopesArgument: ExpressibleByArgument, Hashable, Sendable {
    var scopes: ScopeSet

    init?(argument: String) {
        guard let scopes = ScopeSet(parameter: argument), !scopes.isEmpty else { return nil }
        self.scopes = scopes
    }
}

/// `name=description`: the name ends at the first `=`, because scopes are allowed to hold colons.
struct ScopeDescriptionArgument: ExpressibleByArgument, Hashable, Sendable {
    var description: RegisteredAPI.ScopeDescription

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), let scope = Scope(String(argument[..<equals])) else {
            return nil
        }
        let text = String(argument[argument.index(after: equals)...])
        guard !text.isEmpty else { return nil }
        description = RegisteredAPI.ScopeDescription(scope: scope, text: text)
    }
}

/// `name=value`: JSON where it is JSON (`true`, `7`, `["a"]`), otherwise text.
struct ClaimArgument: ExpressibleByArgument, Hashable, Sendable {
    var name: String
    var value: JSON

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        name = String(argument[..<equals])
        let text = String(argument[argument.index(after: equals)...])
        value = (try? JSON(parsing: Array(text.utf8))) ?? .string(text)
    }
}

extension Instant {
    /// RFC 3339 in UTC, whole seconds.
    var text: String { Date(timeIntervalSince1970: Double(secondsSinceEpoch)).formatted(.iso8601) }
}
