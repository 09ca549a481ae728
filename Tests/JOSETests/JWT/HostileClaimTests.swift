import Instants
import JOSE
import Testing

@Suite("Claims that a hostile issuer signs")
struct HostileClaimTests {
    private static func token(_ payload: String) throws -> String {
        let key = try TestKeys.key(.hs256)
        let header = #"{"x":{"alg":"none"},"\u0061lg":"HS\u003256","typ":"at+jwt","kid":"\#(key.keyID)"}"#
        return try Forgery(header: header, payload: payload).signed(by: key)
    }

    @Test(
        "The audience is a text or the texts of one array, however its name and they are written",
        arguments: [
            (#""https:\/\/api.example""#, true), (#"["x","https:\u002f/api.example"]"#, true),
            (#"[["https://api.example"]]"#, false), (#"{"a":"https://api.example"}"#, false),
            (#"["x",null,"https://api.example"]"#, false), (#"["https://api.example",["x"]]"#, false),
            (#"["https://api.example\u0000"]"#, false), ("[]", false), ("null", false),
        ],
        ["aud", #"\u0061ud"#, #"a\u0075\u0064"#]
    )
    func audience(value: (json: String, isGood: Bool), name: String) throws {
        let token = try Self.token(
            #"{"z":[{"aud":"https://api.example","exp":1}],"\#(name)":\#(value.json),"#
                + #""iss":"https://issuer.example","\u0065xp":1800000900,"y":{"iss":"x","nbf":9000000000}}"#
        )
        #expect(((try? Sample.verify(token)) != nil) == value.isGood)
    }

    @Test("At the edges of time nothing overflows, and the cache answers as the reader does")
    func edgesOfTime() throws {
        let numbers = [
            "9223372036854775", "9223372036854776", "-9223372036854775", "-9223372036854775808", "9.2e15", "1e300",
            "1e-300", "-0.0",
        ]
        let spans: [Duration] = [.zero, .seconds(Int64.max), .seconds(Int64.min)]
        let keys = try TestKeys.keySet()
        let cache = VerifiedTokenCache()
        var codes: Set<String> = []
        for (exp, nbf) in numbers.flatMap({ exp in numbers.map { (exp, $0) } }) {
            let token = try Self.token(
                #"{"iss":"https://issuer.example","aud":"https://api.example","exp":\#(exp),"nbf":\#(nbf),"iat":\#(nbf)}"#
            )
            for now in [Instant(millisecondsSinceEpoch: .min), Sample.now, .distantFuture] {
                for (leeway, age) in spans.flatMap({ leeway in ([nil] + spans).map { (leeway, $0) } }) {
                    var expected = Sample.expectations
                    (expected.now, expected.leeway, expected.maximumAge) = (now, leeway, age)
                    let read = Self.outcome { try Sample.verify(token, by: keys, expecting: expected) }
                    for _ in 0..<2 {
                        #expect(Self.outcome { try cache.verified(token, by: keys, expecting: expected) } == read)
                    }
                    codes.insert(read)
                }
            }
        }
        #expect(codes == ["ok", "claim-invalid", "token-expired", "token-not-yet-valid", "token-too-old"])
    }

    private static func outcome(_ body: () throws -> VerifiedToken) -> String {
        do {
            _ = try body()
            return "ok"
        } catch {
            return (error as? JOSEError)?.code.description ?? "\(error)"
        }
    }
}
