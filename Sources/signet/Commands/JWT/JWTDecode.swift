import ArgumentParser
import AuthorizationServer
import Instants
import JOSE

struct JWTDecode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Show what a token says, WITHOUT verifying it.",
        discussion: """
            Header and claims are printed as JSON on standard output; the warning and the times in words go to standard \
            error. Anybody can write such a token, and anybody who sees one can read it: a signature hides nothing. Of an \
            encrypted token only the header can be read.

            Examples:
              signet jwt decode eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln
              pbpaste | signet jwt decode
            """
    )

    @OptionGroup var token: TokenArgument

    func run() async throws {
        try Decoded(try token.text()).show(now: SystemTimeSource().moment().wall, on: .standard)
    }
}

/// A token, taken apart.
struct Decoded {
    let header: JSONObject
    /// Nil for an encrypted token.
    let claims: JSONObject?

    init(_ text: String) throws(Failure) {
        do {
            if text.utf8.count(where: { $0 == UInt8(ascii: ".") }) == 4 {
                let first = text.utf8.prefix(TokenLimits.default.maximumBytes).prefix { $0 != UInt8(ascii: ".") }
                header = try JSONObject(parsing: Base64URL.decode(String(decoding: Array(first), as: UTF8.self)))
                claims = nil
            } else {
                let token = try UnverifiedToken(text)
                header = token.header
                claims = token.unverifiedClaims
            }
        } catch {
            throw Failure(.data, "this is no JWT: \(error.reason)")
        }
    }

    func show(now: Instant, on console: Console) {
        console.note(
            claims == nil
                ? "signet: NOT VERIFIED, and encrypted: only the header can be read without the key"
                : "signet: NOT VERIFIED: anybody could have written this, and anybody who sees the token can read it"
        )
        for line in times(now: now) { console.note(line) }
        var object: JSONObject = ["header": .object(header)]
        if let claims { object["claims"] = .object(claims) }
        console.say(.object(object))
    }

    /// The registered times in words.
    func times(now: Instant) -> [String] {
        ["iat", "nbf", "auth_time", "exp"].compactMap { name in
            guard let seconds = claims?[name]?.integerValue, Self.printable.contains(seconds) else { return nil }
            let instant = Instant(secondsSinceEpoch: seconds)
            let distance = DurationText.format(.seconds(abs(seconds - now.secondsSinceEpoch)))
            let side =
                switch (instant > now, name) {
                case (true, _): "in \(distance)"
                case (false, "exp"): "EXPIRED \(distance) ago"
                case (false, _): "\(distance) ago"
                }
            return "  \(name)  \(instant.text)  \(side)"
        }
    }

    /// The years that RFC 3339 can write.
    private static let printable: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
}
