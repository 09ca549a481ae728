import QRCode
import Testing

/// What a reader that we did not write makes of them is tested in Tests/Interop/test_qr.py; here what is around it.
@Suite struct QRCodeTests {
    @Test(arguments: [(0, 21), (14, 21), (15, 25), (26, 25), (62, 33), (63, 37), (180, 53), (181, 57), (213, 57)])
    func `The smallest code that holds a text is taken`(_ length: Int, _ size: Int) throws {
        let code = try #require(QRCode(String(repeating: "a", count: length)))
        #expect(code.size == size)
    }

    @Test func `A text that is too long has no code`() {
        #expect(QRCode(String(repeating: "a", count: QRCode.capacity)) != nil)
        #expect(QRCode(String(repeating: "a", count: QRCode.capacity + 1)) == nil)
        #expect(QRCode(String(repeating: "ü", count: 107)) == nil, "bytes count, not characters")
    }

    @Test func `Outside of the code everything is light`() throws {
        let code = try #require(QRCode("x"))
        #expect(code[row: 0, column: 0])
        for place in [(-1, 0), (0, -1), (code.size, 0), (0, code.size)] {
            #expect(!code[row: place.0, column: place.1])
        }
    }

    @Test func `The lines of a terminal say the same as the modules, with either colours`() throws {
        let code = try #require(QRCode("https://id.example/device?user_code=WDJB-MJHT"))
        for (colors, inkIsDark) in [(QRCode.TerminalColors.ansi, true), (.lightOnDark, false)] {
            let lines = code.terminalLines(colors: colors).map { line in
                line.filter { " ▀▄█".contains($0) }
            }
            #expect(lines.count == (code.terminalWidth + 1) / 2)
            for (number, line) in lines.enumerated() {
                #expect(line.count == code.terminalWidth)
                for (index, block) in line.enumerated() {
                    let (row, column) = (2 * number - QRCode.quietZone, index - QRCode.quietZone)
                    #expect((block == "▀" || block == "█") == (code[row: row, column: column] == inkIsDark))
                    let isLast = row + 1 == code.size + QRCode.quietZone
                    if !isLast {
                        #expect((block == "▄" || block == "█") == (code[row: row + 1, column: column] == inkIsDark))
                    }
                }
            }
        }
    }

    @Test func `An SVG is black on white, has a label, and cannot be broken out of`() throws {
        let code = try #require(QRCode("x"))
        let svg = code.svg(label: "<script>\"&")
        #expect(svg.contains("aria-label=\"&lt;script&gt;&quot;&amp;\"") && !svg.contains("<script"))
        #expect(svg.contains("viewBox=\"0 0 29 29\"") && svg.contains("fill=\"#fff\""))
        let dark = (0..<21).flatMap { row in (0..<21).filter { code[row: row, column: $0] } }.count
        #expect(svg.split(separator: "M").count - 1 == dark)
    }
}
