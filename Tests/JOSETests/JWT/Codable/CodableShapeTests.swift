import JOSE
import Testing

/// The corners of Codable: superclasses, nested containers, what fits and what is written twice.
@Suite struct CodableShapeTests {
    private func object(_ members: JSONObject) -> JSONObject { members }

    class Base: Codable {
        var kind = "base"

        init() {}
    }

    final class Derived: Base {
        var name = "derived"

        enum CodingKeys: String, CodingKey { case name }

        override init() { super.init() }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            name = try container.decode(String.self, forKey: .name)
            try super.init(from: container.superDecoder())
        }

        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try super.encode(to: container.superEncoder())
        }
    }

    @Test("A superclass is written under super, and read from there")
    func superclass() throws {
        let encoded = try JSONObject(encoding: Derived())
        #expect(encoded == ["name": "derived", "super": ["kind": "base"]])
        let read = try object(["name": "n", "super": ["kind": "k"]]).decoded(as: Derived.self)
        #expect(read.name == "n")
        #expect(read.kind == "k")
        let error = try refusal { try object(["name": "n"]).decoded(as: Derived.self) }
        #expect(error.code == .claimMissing)
        #expect(error.claim == "super")
    }

    /// Writes by hand, through every kind of nested container.
    struct Nested: Codable, Equatable {
        var values = [1, 2]

        enum Keys: String, CodingKey { case outer, list, own }

        init() {}

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            let inner = try container.nestedContainer(keyedBy: Keys.self, forKey: .outer)
            var list = try inner.nestedUnkeyedContainer(forKey: .list)
            let first = try list.decode(Int.self)
            var deeper = try list.nestedUnkeyedContainer()
            values = [first, try deeper.decode(Int.self)]
            guard deeper.isAtEnd, try list.decodeNil() else { throw JOSEError(.claimInvalid, reason: "shape") }
            let object = try list.nestedContainer(keyedBy: Keys.self)
            guard try object.decodeNil(forKey: .own), list.isAtEnd else {
                throw JOSEError(.claimInvalid, reason: "shape")
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            var inner = container.nestedContainer(keyedBy: Keys.self, forKey: .outer)
            var list = inner.nestedUnkeyedContainer(forKey: .list)
            try list.encode(values[0])
            var deeper = list.nestedUnkeyedContainer()
            try list.encodeNil()
            var object = list.nestedContainer(keyedBy: Keys.self)
            try object.encodeNil(forKey: .own)
            // Filled after its successors, and the outer one after all.
            try deeper.encode(values[1])
            try container.encode(true, forKey: .own)
        }
    }

    @Test("Nested containers may be filled in any order")
    func nestedContainers() throws {
        let object = try JSONObject(encoding: Nested())
        #expect(object == ["outer": ["list": [1, [2], nil, ["own": nil]]], "own": true])
        #expect(try object.decoded(as: Nested.self) == Nested())
    }

    /// Misuses of an encoder, each of which would lose or mix up a claim.
    ///
    /// Not Encodable itself: the testing library would encode its arguments, and Foundation's encoder traps on some.
    struct Misuse: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let body: @Sendable (any Encoder) throws -> Void

        enum Keys: String, CodingKey { case claim, other }

        struct Value: Encodable {
            let misuse: Misuse

            func encode(to encoder: any Encoder) throws { try misuse.body(encoder) }
        }
    }

    @Test(
        "What would silently lose a claim is refused",
        arguments: [
            Misuse(testDescription: "a member twice") {
                var container = $0.container(keyedBy: Misuse.Keys.self)
                try container.encode(1, forKey: .claim)
                try container.encode(2, forKey: .claim)
            },
            Misuse(testDescription: "a member twice, by two containers") {
                var first = $0.container(keyedBy: Misuse.Keys.self)
                var second = $0.container(keyedBy: Misuse.Keys.self)
                try first.encode(1, forKey: .claim)
                try second.encodeNil(forKey: .claim)
            },
            Misuse(testDescription: "a nested object over a value") {
                var container = $0.container(keyedBy: Misuse.Keys.self)
                try container.encode(1, forKey: .claim)
                var nested = container.nestedContainer(keyedBy: Misuse.Keys.self, forKey: .claim)
                try nested.encode(2, forKey: .other)
            },
            Misuse(testDescription: "an array and an object") {
                var container = $0.container(keyedBy: Misuse.Keys.self)
                var nested = container.nestedContainer(keyedBy: Misuse.Keys.self, forKey: .claim)
                try nested.encode(2, forKey: .other)
                var list = container.nestedUnkeyedContainer(forKey: .claim)
                try list.encode(3)
            },
            Misuse(testDescription: "a place never filled") {
                var container = $0.container(keyedBy: Misuse.Keys.self)
                _ = container.superEncoder(forKey: .claim)
            },
            Misuse(testDescription: "a failed member, ignored") {
                var container = $0.container(keyedBy: Misuse.Keys.self)
                try? container.encode(Double.nan, forKey: .claim)
            },
            Misuse(testDescription: "nothing at all") { _ in },
            Misuse(testDescription: "an array as claims") {
                var list = $0.unkeyedContainer()
                try list.encode(1)
            },
            Misuse(testDescription: "a text as claims") {
                var single = $0.singleValueContainer()
                try single.encode("x")
            },
        ]
    )
    func misuse(_ misuse: Misuse) throws {
        #expect(try refusal { try JSONObject(encoding: Misuse.Value(misuse: misuse)) }.code == .claimInvalid)
    }

    @Test("Containers of one place are one container, so that a class and its superclass may share it")
    func sharedContainer() throws {
        let shared = Misuse(testDescription: "") {
            var first = $0.container(keyedBy: Misuse.Keys.self)
            var second = $0.container(keyedBy: Misuse.Keys.self)
            try first.encode(1, forKey: .claim)
            try second.encode(2, forKey: .other)
        }
        #expect(try JSONObject(encoding: Misuse.Value(misuse: shared)) == ["claim": 1, "other": 2])
    }

    struct Number<Value: Codable & Sendable>: Codable {
        var n: Value
    }

    @Test("An integer that does not fit is refused, and the last that fits is read")
    func integers() throws {
        func check<Value: FixedWidthInteger & Codable & Sendable>(_ type: Value.Type) throws {
            for bound in [Value.min, Value.max] {
                guard let integer = Int64(exactly: bound) else {
                    // JSON integers here have 64 bits with a sign.
                    #expect(try refusal { try JSONObject(encoding: Number(n: bound)) }.claim == "n")
                    continue
                }
                let encoded = try JSONObject(encoding: Number(n: bound))
                #expect(encoded == ["n": .integer(integer)])
                #expect(try encoded.decoded(as: Number<Value>.self).n == bound)
                let (beyond, overflow) = integer.addingReportingOverflow(integer > 0 ? 1 : -1)
                guard !overflow else { continue }
                let error = try refusal {
                    try object(["n": .integer(beyond)]).decoded(as: Number<Value>.self)
                }
                #expect(error.claim == "n")
            }
        }
        try check(Int.self)
        try check(Int8.self)
        try check(Int16.self)
        try check(Int32.self)
        try check(Int64.self)
        try check(UInt.self)
        try check(UInt8.self)
        try check(UInt16.self)
        try check(UInt32.self)
        try check(UInt64.self)
        try check(Int128.self)
        try check(UInt128.self)
    }

    @Test("Numbers written with a fraction are integers only if they are exactly one")
    func exactness() throws {
        func read(_ json: JSON) throws -> Int { try object(["n": json]).decoded(as: Number<Int>.self).n }
        #expect(try read(.number(3.0)) == 3)
        #expect(try read(.number(0x1p53)) == 1 << 53)
        #expect(throws: JOSEError.self) { try read(.number(3.5)) }
        #expect(throws: JOSEError.self) { try read(.number(0x1p54)) }
        func readDouble(_ json: JSON) throws -> Double {
            try object(["n": json]).decoded(as: Number<Double>.self).n
        }
        #expect(try readDouble(.integer(1 << 53)) == 0x1p53)
        #expect(throws: JOSEError.self) { try readDouble(.integer(1 << 53 + 1)) }
        let float = try object(["n": .number(0.1)]).decoded(as: Number<Float>.self).n
        #expect(float == 0.1)
        let tooLarge: JSONObject = ["n": .number(1e300)]
        #expect(throws: JOSEError.self) { try tooLarge.decoded(as: Number<Float>.self) }
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(try refusal { try JSONObject(encoding: Number(n: value)) }.claim == "n")
        }
    }

    final class Loop: Codable {
        var next: Loop?
    }

    @Test("A value that contains itself is refused, and one as deep as the limit is written", .timeLimit(.minutes(5)))
    func depth() throws {
        let loop = Loop()
        loop.next = loop
        defer { loop.next = nil }
        #expect(try refusal { try JSONObject(encoding: loop) }.code == .tooLarge)
        func chain(_ length: Int) -> Loop {
            (1..<length).reduce(Loop()) { inner, _ in
                let outer = Loop()
                outer.next = inner
                return outer
            }
        }
        let deepest = try JSONObject(encoding: chain(16))
        #expect(throws: Never.self) { try JSONObject(parsing: deepest.serialized()) }
        #expect(try refusal { try JSONObject(encoding: chain(17)) }.code == .tooLarge)
        func nested(_ depth: Int) -> JSON { (0..<depth).reduce(1) { inner, _ in .array([inner]) } }
        #expect(throws: Never.self) { try JSONObject(encoding: Number(n: nested(15))) }
        #expect(try refusal { try JSONObject(encoding: Number(n: nested(16))) }.code == .tooLarge)
        let long = try JSONObject(encoding: chain(200), maximumDepth: 300)
        #expect(try refusal { try long.decoded(as: Loop.self) }.code == .tooLarge)
        #expect(throws: Never.self) { try JSONObject(encoding: chain(100), maximumDepth: 300).decoded(as: Loop.self) }
    }

    @Test("Names that only look the same are different claims")
    func names() throws {
        struct Composed: Codable {
            var value: Int

            enum CodingKeys: String, CodingKey { case value = "caf\u{E9}" }
        }
        #expect(try object(["caf\u{E9}": 1]).decoded(as: Composed.self).value == 1)
        let error = try refusal { try object(["cafe\u{301}": 1]).decoded(as: Composed.self) }
        #expect(error.code == .claimMissing)
    }

    @Test("An error of the type's own is told as one")
    func ownErrors() throws {
        struct Picky: Decodable {
            struct Displeased: Error {}

            init(from decoder: any Decoder) throws { throw Displeased() }
        }
        let error = try refusal { try object(["a": 1]).decoded(as: Picky.self) }
        #expect(error.code == .claimInvalid)
        #expect(error.reason.contains("Displeased"))
    }

    @Test("A type without members is an empty object")
    func empty() throws {
        struct Empty: Codable {}
        #expect(try JSONObject(encoding: Empty()).isEmpty)
        #expect(throws: Never.self) { try JSONObject().decoded(as: Empty.self) }
    }
}
