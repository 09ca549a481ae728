// How a token is taken out of a request: RFC 6750 §2.

import IssuerConnection
import JOSE
import ResourceServerTesting
import Testing

@testable import ResourceServer

@Suite("One token is taken out of a request, or none")
struct CredentialTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let lines: [String]
        var form: [String] = []
        let token: String?
    }

    static let good: [Case] = [
        Case(testDescription: "nothing", lines: [], token: nil),
        Case(testDescription: "the header", lines: ["Bearer abc.def-_~+/=="], token: "abc.def-_~+/=="),
        Case(testDescription: "RFC 9110 §11.1: another case", lines: ["bEARER abc"], token: "abc"),
        Case(testDescription: "several spaces", lines: ["Bearer   abc"], token: "abc"),
        Case(testDescription: "another scheme", lines: ["Basic YTpi"], token: nil),
        Case(testDescription: "a scheme that begins alike", lines: ["BearerX abc"], token: nil),
        Case(testDescription: "the form", lines: [], form: ["abc"], token: "abc"),
        Case(testDescription: "the form beside another scheme", lines: ["Basic YTpi"], form: ["abc"], token: "abc"),
    ]

    @Test("RFC 6750 §2: where the token is", arguments: good)
    func accepted(_ expected: Case) throws {
        #expect(
            try PresentedCredentials(authorization: expected.lines, formTokens: expected.form).token() == expected.token
        )
    }

    static let bad: [Case] = [
        Case(testDescription: "two header lines", lines: ["Bearer abc", "Bearer abc"], token: nil),
        Case(testDescription: "two header lines of two schemes", lines: ["Basic YTpi", "Bearer abc"], token: nil),
        Case(testDescription: "header and form", lines: ["Bearer abc"], form: ["abc"], token: nil),
        Case(testDescription: "twice in the form", lines: [], form: ["abc", "abc"], token: nil),
        Case(testDescription: "no token", lines: ["Bearer"], token: nil),
        Case(testDescription: "an empty token", lines: ["Bearer "], token: nil),
        Case(testDescription: "an empty token in the form", lines: [], form: [""], token: nil),
        Case(testDescription: "two tokens", lines: ["Bearer abc def"], token: nil),
        Case(testDescription: "a list", lines: ["Bearer abc, Bearer def"], token: nil),
        Case(testDescription: "padding only", lines: ["Bearer =="], token: nil),
        Case(testDescription: "padding within", lines: ["Bearer a=b"], token: nil),
        Case(testDescription: "a quote", lines: ["Bearer \"abc\""], token: nil),
        Case(testDescription: "a line end", lines: ["Bearer abc\r\nX: y"], token: nil),
        Case(testDescription: "not ASCII", lines: ["Bearer ab\u{212A}"], token: nil),
        Case(testDescription: "a tab", lines: ["Bearer\tabc"], token: nil),
    ]

    @Test("RFC 6750 §2, §3.1: malformed or several credentials are refused with 400", arguments: bad)
    func refused(_ expected: Case) async throws {
        let credentials = PresentedCredentials(authorization: expected.lines, formTokens: expected.form)
        if expected.testDescription == "a tab" {
            // Another scheme, as far as anybody can tell.
            #expect(try credentials.token() == nil)
            return
        }
        let refusal = #expect(throws: TokenRefusal.self) { try credentials.token() }
        #expect(refusal?.status == 400)
        #expect(refusal?.error == "invalid_request")
    }

    @Test("RFC 6750 §3.1: without a token there is a 401 without an error, and the scope that is needed")
    func missing() async throws {
        let issuer = try TestIssuer()
        let verifier = issuer.verifier { $0.realm = "orders" }
        let refusal = try await refusal(of: verifier.authorize(authorization: nil, for: .scope("orders:read")))
        #expect(refusal.status == 401)
        #expect(refusal.error == nil)
        #expect(refusal.errorDescription == nil)
        #expect(refusal.challenge(realm: "orders") == #"Bearer realm="orders", scope="orders:read""#)
        #expect(issuer.requests.isEmpty)
        let basic = try await ResourceServerTests.refusal(of: verifier.authorize(authorization: "Basic YTpi"))
        #expect(basic.code == .tokenMissing)
    }

    @Test("Credentials do not show themselves")
    func hidden() {
        let credentials = PresentedCredentials(authorization: ["Bearer s3cret"], formTokens: ["s3cret"])
        #expect(!"\(credentials)".contains("s3cret"))
        #expect(!String(reflecting: credentials).contains("s3cret"))
        let own = APICredentials(clientID: "api", secret: "s3cret")
        #expect(!"\(own)".contains("s3cret"))
        var shown = ""
        dump(own, to: &shown)
        dump(credentials, to: &shown)
        #expect(!shown.contains("s3cret"))
    }

    @Test("RFC 6749 §2.3.1: the API's own credentials are form-encoded before they are Basic")
    func basic() {
        #expect(
            APICredentials(clientID: "test-api", secret: "test-secret").authorization
                == "Basic dGVzdC1hcGk6dGVzdC1zZWNyZXQ="
        )
        // "a:b" and "c d" as "a%3Ab:c%20d".
        #expect(APICredentials(clientID: "a:b", secret: "c d").authorization == "Basic YSUzQWI6YyUyMGQ=")
    }
}
