import HTTPTypes
import JOSE
import ServerHTTP
import Testing

@Suite("Request parsing")
struct ParsingTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var method: HTTPRequest.Method = .post
        var target = "/echo"
        var type: String? = "application/x-www-form-urlencoded"
        var body: [UInt8] = []
        var status = 400
        /// The same with only the attacked part repaired.
        var twinTarget: String?
        var twinType: String?
        var twinBody: [UInt8]?
        var testDescription: String { name }
    }

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    static let many = (0..<100).map { "p\($0)=1" }.joined(separator: "&")

    static let cases: [Case] = [
        Case(name: "malformed escape", body: bytes("a=%zz"), twinBody: bytes("a=%7A")),
        Case(name: "truncated escape", body: bytes("a=%4"), twinBody: bytes("a=%41")),
        Case(name: "escaped bytes that are not UTF-8", body: bytes("a=%FF%FE"), twinBody: bytes("a=%C3%BC")),
        Case(name: "raw bytes that are not UTF-8", body: bytes("a=") + [0xFF], twinBody: bytes("a=ü")),
        Case(name: "overlong UTF-8", body: bytes("a=%C0%AF"), twinBody: bytes("a=%2F")),
        Case(name: "null character", body: bytes("a=b%00c"), twinBody: bytes("a=b%20c")),
        Case(name: "RFC 6749 §3.1: repeated parameter", body: bytes("a=1&a=2"), twinBody: bytes("a=1&b=2")),
        Case(name: "malformed name", body: bytes("%zz=a"), twinBody: bytes("zz=a")),
        Case(name: "too many parameters", body: bytes(many + "&x=1"), twinBody: bytes(many)),
        Case(
            name: "JSON",
            type: "application/json",
            body: bytes("a=1"),
            status: 415,
            twinType: "application/x-www-form-urlencoded"
        ),
        Case(
            name: "multipart",
            type: "multipart/form-data; boundary=x",
            body: bytes("a=1"),
            status: 415,
            twinType: "application/x-www-form-urlencoded; charset=UTF-8"
        ),
        Case(
            name: "another charset",
            type: "application/x-www-form-urlencoded; charset=iso-8859-1",
            body: bytes("a=1"),
            status: 415,
            twinType: "application/x-www-form-urlencoded; charset=\"utf-8\""
        ),
        Case(
            name: "no content type",
            type: nil,
            body: bytes("a=1"),
            status: 415,
            twinType: "Application/X-WWW-Form-URLencoded"
        ),
        Case(
            name: "RFC 6749 §2.3.1: parameters of a POST in the address",
            target: "/echo?a=1",
            body: bytes("b=1"),
            twinTarget: "/echo"
        ),
        Case(
            name: "body one byte too large",
            body: bytes("a=" + String(repeating: "x", count: 64 * 1024 - 1)),
            status: 413,
            twinBody: bytes("a=" + String(repeating: "x", count: 64 * 1024 - 2))
        ),
        Case(
            name: "malformed escape in a query",
            method: .get,
            target: "/echo?a=%",
            type: nil,
            twinTarget: "/echo?a=%25"
        ),
        Case(
            name: "repeated parameter in a query",
            method: .get,
            target: "/echo?a=1&a=1",
            type: nil,
            twinTarget: "/echo?a=1&b=1"
        ),
        Case(
            name: "too many parameters in a query",
            method: .get,
            target: "/echo?\(many)&x=1",
            type: nil,
            twinTarget: "/echo?\(many)"
        ),
        Case(
            name: "target too long",
            method: .get,
            target: "/echo?a=" + String(repeating: "x", count: 16 * 1024),
            type: nil,
            status: 414,
            twinTarget: "/echo?a=" + String(repeating: "x", count: 16 * 1024 - 8)
        ),
    ]

    @Test("is strict, and names no more than the rule that was broken", arguments: cases)
    func refusal(_ one: Case) async throws {
        let world = try await HTTPWorld()
        let headers = one.type.map { [("content-type", $0)] } ?? []
        let refused = try await world.send(one.method, one.target, headers: headers, body: one.body)
        #expect(refused.status == one.status)
        #expect(refused.error == "invalid_request")
        #expect(try refused.json["trace_id"]?.stringValue == refused["Signet-Trace-Id"])

        let type = one.twinType ?? one.type
        let answered = try await world.send(
            one.method,
            one.twinTarget ?? one.target,
            headers: type.map { [("content-type", $0)] } ?? [],
            body: one.twinBody ?? one.body
        )
        #expect(answered.status == 200, "the twin: \(answered.text)")
    }

    @Test("decodes plus signs, escapes and Unicode once")
    func decoding() async throws {
        let world = try await HTTPWorld()
        let seen = try await world.send(
            .post,
            "/echo",
            headers: [("content-type", "application/x-www-form-urlencoded")],
            body: Array("a=x+y%2Bz&b=%2541&c=%C3%BC&d=&e".utf8)
        ).json
        #expect(seen["p_a"] == "x y+z")
        #expect(seen["p_b"] == "%41")
        #expect(seen["p_c"] == "ü")
        // RFC 6749 §3.1: "Parameters sent without a value MUST be treated as if they were omitted from the request."
        #expect(seen["p_d"] == nil && seen["p_e"] == nil)
    }

    @Test("OpenID Connect Core §5.3.1: a POST without content needs no content type")
    func emptyPost() async throws {
        let world = try await HTTPWorld()
        #expect(try await world.send(.post, "/echo").status == 200)
        #expect(try await world.send(.post, "/userinfo").status == 401)
    }

    @Test("GO-2026-4861: what a request brings does not come back in an error")
    func noEcho() async throws {
        let world = try await HTTPWorld()
        let marker = "xssmarker"
        let attempts: [(HTTPRequest.Method, String, String)] = [
            (.get, "/\(marker)", ""), (.get, "/echo?\(marker)=%zz", ""), (.get, "/authorize?client_id=\(marker)", ""),
            (.get, "/sign-in?interaction=\(marker)", ""), (.get, "/consent?interaction=\(marker)", ""),
            (.get, "/logout?client_id=\(marker)&post_logout_redirect_uri=https://\(marker).example", ""),
            (.post, "/token", "grant_type=\(marker)&client_id=\(marker)"), (.post, "/sign-in", "interaction=\(marker)"),
            (.post, "/introspect", "token=\(marker)"), (.put, "/\(marker)", ""),
        ]
        for (method, target, body) in attempts {
            for accept in ["text/html", "application/json"] {
                let answer = try await world.send(
                    method,
                    target,
                    headers: [("content-type", "application/x-www-form-urlencoded"), ("accept", accept)],
                    body: Array(body.utf8)
                )
                #expect(answer.status >= 400 && answer.status < 500, "\(method) \(target)")
                #expect(!answer.text.contains(marker), "\(method) \(target)")
                #expect(!answer.headers.contains { $0.value.contains(marker) }, "\(method) \(target)")
            }
        }
    }

    @Test("RFC 9112 §3.2.2: the absolute form names the same address, and its authority is not believed")
    func absoluteForm() async throws {
        let world = try await HTTPWorld()
        #expect(try await world.send(.get, "http://evil.example/echo?a=1").json["p_a"] == "1")
        #expect(try await world.send(.get, "HTTPS://evil.example").status == 200)
    }
}
