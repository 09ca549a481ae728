import Testing

@Suite("The scanner separates code from comments and literals")
struct ScannerTests {
    static let cases: [(text: String, code: String)] = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("\"a // b\" c", "\"      \" c"),
        ("\"a \\\" b\" c", "\"      \" c"),
        ("\"a \\(b) c\" d", "\"   (b)  \" d"),
        ("\"a \\(f(\"x\")) c\" d", "\"   (f(\" \"))  \" d"),
        ("#\"a \\(b) \" c\"# d", "#\"          \"# d"),
        ("#\"a \\#(b)\"# d", "#\"    (b)\"# d"),
        ("\"\"\"\n{ \"x\"\n\"\"\" d", "\"\"\"\n     \n\"\"\" d"),
        ("`a { b` c", "`     ` c"),
        ("let r = /a{2}\\/\"/ + b", "let r = /       / + b"),
        ("let q = a / b / c", "let q = a / b / c"),
    ]

    @Test("Layers", arguments: cases)
    func layers(_ text: String, _ code: String) {
        let file = SourceFile(path: "Sources/A/A.swift", text: text)
        #expect(String(decoding: file.code, as: UTF8.self) == code)
        #expect(file.comments.count == file.text.count)
    }

    @Test("A comment is kept in its own layer, at its own place")
    func comments() {
        let file = SourceFile(path: "Sources/A/A.swift", text: "a // b\nc\n")
        #expect(String(decoding: file.comments, as: UTF8.self) == "  // b\n \n")
        #expect(file.line(at: 0) == 1)
        #expect(file.line(at: 7) == 2)
        #expect(file.lineCount == 2)
    }
}
