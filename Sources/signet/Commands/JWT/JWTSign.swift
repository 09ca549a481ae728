import ArgumentParser
import AuthorizationServer
import Instants
import JOSE

struct JWTSign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign claims as a token, and print it.",
        discussion: """
            The claims come from a file or standard input (--claims), from --claim, and from the options for registered \
            claims; a later one replaces an earlier one in this order. Unless they are given or --bare is, iat is now, exp \
            is 15 minutes later, and jti is 16 random bytes.

            Examples:
              signet jwt sign --key key.pem --issuer https://id.example --subject ada --audience https://api.example
              signet jwt sign --key keys.jwks --kid 2026-11 --type at+jwt --claim 'scope=read write' --claim admin=true
              echo '{"sub":"ada"}' | signet jwt sign --key key.jwk --claims - --expires-in 1h
            """
    )

    @Option(help: ArgumentHelp("The private key: PEM, a JWK, or a JWK Set.", valueName: "file")) var key: String
    @Option(name: .customLong("kid"), help: "Which key of a set; for a key without a name, the kid in the header.")
    var keyID: String?
    @Option(name: .customLong("alg"), help: "The algorithm, where the key does not say it: RS256 for RSA, and so on.")
    var algorithm: AlgorithmArgument?
    @Option(help: "The typ in the header.") var type = "JWT"
    @Option(help: ArgumentHelp("A JSON object of claims; - reads standard input.", valueName: "file"))
    var claims: String?
    @Option(
        name: .customLong("claim"),
        help: ArgumentHelp("A claim; the value is JSON where it is JSON, otherwise text.", valueName: "name=value")
    )
    var claim: [ClaimArgument] = []
    @Option(help: "iss, as text.") var issuer: String?
    @Option(help: "sub, as text.") var subject: String?
    @Option(help: "aud, as text; several make an array.") var audience: [String] = []
    @Option(
        name: .customLong("expires-in"),
        help: "How long the token is valid: 15m if nothing is said. Units are d, h, m and s."
    )
    var lifetime: DurationArgument?
    @Flag(name: .customLong("bare"), help: "Add no iat, exp and jti that are not given.") var isBare = false

    func run() async throws {
        let keys = try await KeyReader().read(key)
        let token = try JWT.signed(
            try object(now: SystemTimeSource().moment().wall, tokenID: SystemRandomSource().text(16)),
            type: type,
            by: try signingKey(of: keys)
        )
        Console.standard.say(token)
    }

    func signingKey(of keys: KeyReader.Keys) throws -> SigningKey {
        var jwk = try keys.signing(named: keyID)
        if jwk.keyID == nil, let keyID {
            var members = jwk.members
            members["kid"] = .string(keyID)
            jwk = try JWK(members)
        }
        do {
            return try SigningKey(jwk, algorithm: algorithm?.algorithm)
        } catch {
            throw Failure(.data, "\(keys.name) cannot sign: \(error)")
        }
    }

    /// The claims to sign.
    func object(now: Instant, tokenID: String) throws -> JSONObject {
        var object = JSONObject()
        if let claims {
            let what = claims == "-" ? "claims on standard input" : claims
            let text =
                claims == "-"
                ? try StandardInput.text(of: "JSON object of claims", limit: TokenLimits.default.maximumBytes)
                : try TextFile.read(claims, what: "the file of claims")
            do {
                object = try JSONObject(parsing: Array(text.utf8))
            } catch {
                throw Failure(.data, "the \(what) cannot be used: \(error.reason)")
            }
        }
        for argument in claim { object[argument.name] = argument.value }
        if let issuer { object["iss"] = .string(issuer) }
        if let subject { object["sub"] = .string(subject) }
        if let first = audience.first { object["aud"] = audience.count == 1 ? .string(first) : JSON(audience) }
        if lifetime != nil, object["exp"] != nil {
            throw Failure(.usage, "the claims have an exp already: leave out --expires-in, or the claim")
        }
        guard !isBare || lifetime != nil else { return object }
        let issuedAt = object["iat"]?.integerValue ?? now.secondsSinceEpoch
        if !isBare, object["iat"] == nil { object["iat"] = .integer(issuedAt) }
        if object["exp"] == nil {
            let (expiry, overflow) = issuedAt.addingReportingOverflow(lifetime?.seconds ?? Self.standardLifetime)
            guard !overflow else { throw Failure(.data, "the iat of the claims is out of range") }
            object["exp"] = .integer(expiry)
        }
        if !isBare, object["jti"] == nil { object["jti"] = .string(tokenID) }
        return object
    }

    private static let standardLifetime: Int64 = 15 * 60
}

/// An algorithm of JOSE's table, by name.
struct AlgorithmArgument: ExpressibleByArgument, Hashable, Sendable {
    var algorithm: SignatureAlgorithm

    init(_ algorithm: SignatureAlgorithm) { self.algorithm = algorithm }

    init?(argument: String) {
        guard let algorithm = SignatureAlgorithm(name: argument) else { return nil }
        self.init(algorithm)
    }

    var defaultValueDescription: String { algorithm.name }
    static var allValueStrings: [String] { SignatureAlgorithm.all.map(\.name) }
}
