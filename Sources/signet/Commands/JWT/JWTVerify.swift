import ArgumentParser
import AuthorizationServer
import Instants
import JOSE

struct JWTVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify a token, and print its claims.",
        discussion: """
            Signature, algorithm, type, issuer, audience and times have to be right. What is expected has to be said; what \
            is not to be looked at has to be said too. A token that is refused prints nothing on standard output and \
            returns 65; a key set that cannot be fetched returns 69.

            Keys are fetched by https, and by http from this machine only. A key in PEM has no kid: it is tried whatever \
            kid the token names.

            Examples:
              signet jwt verify --key https://id.example/jwks --issuer https://id.example --audience https://api.example \
            --type at+jwt --algorithms ES256,RS256 < token.txt
              signet jwt verify --key public.pem --unchecked-issuer --unchecked-audience --unchecked-type \
            --algorithms any < token.txt
            """
    )

    @OptionGroup var token: TokenArgument
    @Option(help: ArgumentHelp("The key: PEM, a JWK, a JWK Set, or the address of one.", valueName: "file-or-url"))
    var key: String
    @OptionGroup var expected: ExpectedOptions

    func run() async throws {
        let text = try token.text()
        let keys = try await KeyReader().read(key)
        let verified = try expected.verify(text, by: keys, now: SystemTimeSource().moment().wall)
        for name in expected.unchecked { Console.standard.note("signet: not checked: \(name)") }
        Console.standard.say(.object(verified.claims))
    }
}

/// What a token has to be.
struct ExpectedOptions: ParsableArguments {
    @Option(help: "The iss; one of several.") var issuer: [String] = []
    @Flag(name: .customLong("unchecked-issuer"), help: "Take any iss.") var anyIssuer = false
    @Option(help: "The aud that this reader is; one of several.") var audience: [String] = []
    @Flag(name: .customLong("unchecked-audience"), help: "Take any aud.") var anyAudience = false
    @Option(help: "The typ, such as at+jwt; one of several.") var type: [String] = []
    @Flag(name: .customLong("unchecked-type"), help: "Take any typ.") var anyType = false
    @Option(help: ArgumentHelp("The algorithms that may come, with commas between; or any.", valueName: "names"))
    var algorithms: AlgorithmsArgument
    @Flag(name: .customLong("unchecked-expiry"), help: "Take a token that has expired or never does.")
    var anyExpiry = false
    @Option(help: "How far the clocks may be apart, such as 30s.") var leeway: DurationArgument?
    @Option(name: .customLong("max-age"), help: "How long ago iat may lie, such as 1h.") var maximumAge:
        DurationArgument?
    @Option(name: .customLong("require"), help: ArgumentHelp("A claim that must be there.", valueName: "claim"))
    var required: [String] = []

    func validate() throws {
        for (option, values, isUnchecked) in [
            ("issuer", issuer, anyIssuer), ("audience", audience, anyAudience), ("type", type, anyType),
        ] {
            guard values.isEmpty == isUnchecked else {
                throw ValidationError(
                    values.isEmpty
                        ? "say what is expected with --\(option), or --unchecked-\(option)"
                        : "--\(option) and --unchecked-\(option) exclude each other"
                )
            }
        }
    }

    /// What was not looked at.
    var unchecked: [String] {
        [("issuer", anyIssuer), ("audience", anyAudience), ("type", anyType), ("expiry", anyExpiry)]
            .filter(\.1).map(\.0)
    }

    func verify(_ text: String, by keys: KeyReader.Keys, now: Instant) throws -> VerifiedToken {
        do {
            let token = try UnverifiedToken(text)
            let allowed = algorithms.algorithms ?? SignatureAlgorithm.all
            let trusted = try keySet(of: keys, for: token.header["kid"]?.stringValue)
            return try token.verified(
                by: trusted,
                expecting: Expectations(
                    issuer: anyIssuer ? .unchecked : .anyOf(issuer),
                    audience: anyAudience ? .unchecked : .anyOf(audience),
                    type: anyType ? .unchecked : .anyOf(type),
                    algorithms: allowed,
                    now: now,
                    leeway: .seconds(leeway?.seconds ?? 0),
                    maximumAge: maximumAge.map { .seconds($0.seconds) },
                    requiredClaims: Set(required),
                    expiry: anyExpiry ? .unchecked : .required
                )
            )
        } catch let error as JOSEError {
            throw Failure(.data, "the token is refused: \(error)")
        }
    }

    private func keySet(of keys: KeyReader.Keys, for keyID: String?) throws -> KeySet {
        var usable: [VerificationKey] = []
        var refusal: JOSEError?
        for key in keys.keys {
            do {
                usable.append(try verificationKey(key, isNamed: keys.areNamed, keyID: keyID))
            } catch let error as JOSEError {
                refusal = error
            }
        }
        guard !usable.isEmpty else {
            let reason = refusal.map { ": \($0)" } ?? ""
            throw Failure(.data, "\(keys.name) holds no key that verifies signatures\(reason)")
        }
        return KeySet(usable)
    }

    private func verificationKey(_ jwk: JWK, isNamed: Bool, keyID: String?) throws -> VerificationKey {
        var jwk = jwk
        if !isNamed, let keyID {
            var members = jwk.members
            members["kid"] = .string(keyID)
            jwk = try JWK(members)
        }
        guard jwk.members["alg"] == nil, let named = algorithms.algorithms else { return try VerificationKey(jwk) }
        // RFC 8725 §3.1: "each key MUST be used with exactly one algorithm". A key that names none gets the one that is
        // expected of it, or that of its type.
        let fitting = named.compactMap { try? VerificationKey(jwk, algorithm: $0) }
        guard fitting.count == 1, let only = fitting.first else { return try VerificationKey(jwk) }
        return only
    }
}

/// Algorithms with commas between, or `any`.
struct AlgorithmsArgument: ExpressibleByArgument, Hashable, Sendable {
    /// Nil for any.
    var algorithms: [SignatureAlgorithm]?

    init?(argument: String) {
        if argument == "any" { return }
        let names = argument.split(separator: ",", omittingEmptySubsequences: false)
        let known = names.compactMap { SignatureAlgorithm(name: String($0)) }
        guard known.count == names.count else { return nil }
        algorithms = known
    }

    static var allValueStrings: [String] { SignatureAlgorithm.all.map(\.name) + ["any"] }
}
