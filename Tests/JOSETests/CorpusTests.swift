import Foundation
import JOSE
import Testing

/// The inputs that the fuzzer kept, given to the same functions: no libFuzzer is needed to notice that one breaks again.
@Suite struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz/Corpus")

    /// The kept inputs of a target.
    private static func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = corpus.appending(path: target.rawValue).path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasPrefix(".") }
        return try names.sorted().map { name in
            (name, Array(try #require(FileManager.default.contents(atPath: "\(folder)/\(name)"))))
        }
    }

    @Test("No input of the corpus breaks a promise", arguments: FuzzTarget.allCases)
    func corpus(target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        #expect(inputs.count >= 5)
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "\(target.rawValue)/\(name)") { try target.check(bytes) }
        }
    }

    @Test("No mutation of an input of the corpus traps or breaks a promise, seed 43", arguments: FuzzTarget.allCases)
    func mutations(target: FuzzTarget) throws {
        var generator = SeededGenerator(seed: 43)
        let inputs = try Self.inputs(target).map(\.bytes)
        for round in 0..<400 {
            var input = try #require(inputs.randomElement(using: &generator))
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                mutate(&input, with: try #require(inputs.randomElement(using: &generator)), &generator)
            }
            #expect(throws: Never.self, "round \(round): \(Base64URL.encode(input))") { try target.check(input) }
        }
    }

    /// One of the changes that libFuzzer makes, another input being there to borrow from.
    private func mutate(_ input: inout [UInt8], with other: [UInt8], _ generator: inout SeededGenerator) {
        let index = Int.random(in: 0...input.count, using: &generator)
        guard index < input.count else {
            input += other.suffix(40)
            return
        }
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: input[index] = .random(in: .min ... .max, using: &generator)
        case 1: input[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: input.remove(at: index)
        case 3: input.insert(.random(in: .min ... .max, using: &generator), at: index)
        case 4: input.removeSubrange(index...)
        default: input.replaceSubrange(index..., with: other.dropFirst(index))
        }
    }

    @Test("The corpus has a folder for every target and no other")
    func folders() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(names.sorted() == FuzzTarget.allCases.map(\.rawValue).sorted())
    }

    @Test("A broken promise is thrown, a kept one is not")
    func violations() {
        #expect(throws: Violation.self) { try Violation.unless(false, "spoiled") }
        #expect(throws: Never.self) { try Violation.unless(true, "good") }
    }
}
