internal import Instants
public import JOSE

/// One thing that a route demands of an access token.
public struct Requirement: Sendable {
    enum Kind: Sendable {
        case scopes([String], any: Bool)
        case claim(String, @Sendable (JSON) -> Bool)
        case acr([String])
        case authenticated(Duration)
    }

    let kind: Kind

    /// The token has all these scopes.
    public static func scopes(allOf names: [String]) -> Requirement { Requirement(kind: .scopes(names, any: false)) }

    /// The token has one of these scopes; write the one first that clients should ask for.
    ///
    /// An empty list refuses every token.
    public static func scopes(anyOf names: [String]) -> Requirement { Requirement(kind: .scopes(names, any: true)) }

    /// The claim is there and has this value.
    public static func claim(_ name: String, equals value: JSON) -> Requirement { claim(name) { $0 == value } }

    /// The claim is an array with this value in it, or this value alone, as `aud` may be.
    public static func claim(_ name: String, contains value: JSON) -> Requirement {
        claim(name) { $0.arrayValue?.contains(value) ?? ($0 == value) }
    }

    /// The claim is there and `predicate` is true of it; it is asked for every request.
    public static func claim(_ name: String, where predicate: @escaping @Sendable (JSON) -> Bool) -> Requirement {
        Requirement(kind: .claim(name, predicate))
    }

    /// The `acr` is one of these, which stand in the order of preference (RFC 9470 §3).
    public static func acr(anyOf values: [String]) -> Requirement { Requirement(kind: .acr(values)) }

    /// The person signed in at most so long ago, by `auth_time` (RFC 9470 §3).
    public static func authenticated(within age: Duration) -> Requirement { Requirement(kind: .authenticated(age)) }

    var code: TokenRefusal.Code {
        switch kind {
        case .scopes: .scopeInsufficient
        case .claim: .claimInsufficient
        case .acr, .authenticated: .authenticationInsufficient
        }
    }

    /// What was asked for, in the words of the policy's author.
    var detail: String {
        switch kind {
        case .scopes(let names, let any): "needs \(any ? "one" : "all") of the scopes \(names.joined(separator: " "))"
        case .claim(let name, _): "the claim \(name) is not what the route needs"
        case .acr(let values): "needs an acr of \(values.joined(separator: " "))"
        case .authenticated(let age): "needs an authentication within \(age)"
        }
    }

    func isMet(by token: AccessToken, now: Instant, leeway: Duration) -> Bool {
        switch kind {
        case .scopes(let names, any: false):
            let held = token.scopes
            return names.allSatisfy { name in held.contains { Self.isSame($0, name) } }
        case .scopes(let names, any: true):
            let held = token.scopes
            return names.contains { name in held.contains { Self.isSame($0, name) } }
        case .claim(let name, let predicate):
            return token[claim: name].map(predicate) ?? false
        case .acr(let values):
            guard let context = token.authenticationContext else { return false }
            return values.contains { Self.isSame($0, context) }
        case .authenticated(let age):
            guard let moment = token.authenticatedAt else { return false }
            return now <= moment + age + leeway
        }
    }

    /// By code points: `==` would take U+212A KELVIN SIGN for the letter K.
    private static func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
}
