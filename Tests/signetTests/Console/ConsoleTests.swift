import Accounts
import ArgumentParser
import AuthorizationServer
import JOSE
import Storage
import Synchronization
import Testing

@testable import signet

/// A console whose lines a test can read.
final class Paper: Sendable {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.joined() } }
    var console: Console { Console(isDecorated: false) { text, _ in self.lines.withLock { $0.append(text) } } }
}

@Suite("Console")
struct ConsoleTests {
    @Test("A table aligns its columns and ends no line with blanks")
    func table() {
        let paper = Paper()
        var table = Table("NAME", "TYPE")
        table.rows = [["a", "public"], ["longer", "x"]]
        table.show(on: paper.console)
        #expect(paper.text == "NAME    TYPE\na       public\nlonger  x\n")
    }

    @Test("A card leaves out what is empty and names a list once")
    func card() {
        let paper = Paper()
        var card = Card()
        card.add("name", "x")
        card.add("nothing", "")
        card.add("absent", nil)
        card.add("uris", ["a", "b"])
        card.show(on: paper.console)
        #expect(paper.text == "name  x\nuris  a\n      b\n")
    }

    @Test("JSON is printed over several lines and reads back as it was")
    func prettyJSON() throws {
        let value: JSON = ["a": [1, 2, [:], []], "b": ["c": "x\"y"], "d": nil]
        #expect(try JSON(parsing: Array(value.pretty.utf8)) == value)
        #expect(value.pretty.hasPrefix("{\n  \"a\": [\n    1,\n"))
    }

    @Test(
        "Every error has an exit code of the table",
        arguments: [
            (RegistrationError.unsound(["a", "b"]), 65), (RegistrationError.taken("a"), 65),
            (RegistrationError.unknown("a"), 67),
            (StoreError.unavailable(reason: "a"), 69), (StoreError.corrupt(reason: "a"), 65),
            (ConfigurationError(faults: ["a"]), 78), (JOSEError(.malformed, reason: "a"), 65),
            (OAuthError.internalFault("a"), 70), (Failure(.inputOutput, "a"), 74),
        ] as [(any Error, Int32)]
    )
    func failures(error: any Error, code: Int32) throws {
        let failure = try #require(Failure(error))
        #expect(failure.status.code == code)
        #expect(Status.all.contains(failure.status))
        #expect(!failure.description.isEmpty)
    }

    @Test("What the argument parser has to say is left to it")
    func parserErrors() {
        #expect(Failure(ValidationError("a")) == nil)
        #expect(Failure(CleanExit.helpRequest()) == nil)
    }

    @Test("Exit codes are distinct")
    func distinct() {
        #expect(Set(Status.all.map(\.code)).count == Status.all.count)
    }
}
