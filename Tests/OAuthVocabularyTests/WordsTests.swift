import OAuthVocabulary
import Testing

/// RFC 6749 §3.3 and appendix A, RFC 8414 §2, RFC 8707 §2.
@Suite struct WordsTests {
    @Test func `A scope parameter is scope-tokens between single spaces`() {
        #expect(ScopeSet(parameter: "openid orders:read")?.description == "openid orders:read")
        #expect(ScopeSet(parameter: "")?.isEmpty == true)
        for text in [" openid", "openid ", "openid  email", "a\tb", "a\"b", "a\\b", "ä", "a\u{0}"] {
            #expect(ScopeSet(parameter: text) == nil)
        }
        let many = (0...64).map { "s\($0)" }.joined(separator: " ")
        #expect(ScopeSet(parameter: many) == nil)
    }

    @Test func `A scope set keeps order, drops repetition and knows its subsets`() throws {
        let set = try #require(ScopeSet(parameter: "b a b"))
        #expect(set.description == "b a")
        #expect(ScopeSet(parameter: "a")?.isSubset(of: set) == true)
        #expect(ScopeSet(parameter: "a c")?.isSubset(of: set) == false)
    }

    @Test func `An identifier is visible ASCII of bounded length`() {
        #expect(ClientID("app")?.value == "app")
        for text in ["", "a b", "a\n", "é", String(repeating: "a", count: 256)] { #expect(ClientID(text) == nil) }
        #expect(Subject(String(repeating: "a", count: 255)) != nil)
    }

    @Test(arguments: [
        ("https://id.example", true), ("https://id.example/tenant", true), ("http://localhost:8080", true),
        ("https://id.example/", false), ("https://id.example?x", false), ("https://id.example#x", false),
        ("https://user@id.example", false), ("ftp://id.example", false), ("id.example", false),
    ])
    func `An issuer is a URL with one spelling`(_ text: String, _ isSound: Bool) {
        #expect((IssuerURL(text) != nil) == isSound)
    }

    @Test func `An origin leaves default ports out`() {
        #expect(URIParts("https://App.example:443/x")?.origin == "https://app.example")
        #expect(URIParts("http://localhost:8081/")?.origin == "http://localhost:8081")
    }

    @Test func `A secret does not print itself`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret == Secret("hunter2") && secret != Secret("hunter3") && secret != Secret("hunter"))
    }
}
