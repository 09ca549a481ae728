// What the fuzzer feeds: functions from bytes to nothing, which throw a Violation when the module breaks a promise. The
// package Fuzz calls them from libFuzzer, CorpusTests with the inputs that libFuzzer found worth keeping.

import Instants
import JOSE

/// A promise that an input broke.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// Throws unless `condition` holds.
    static func unless(_ condition: @autoclosure () throws -> Bool, _ promise: String) throws {
        guard try condition() else { throw Violation(promise) }
    }
}

/// A part of the module that reads what strangers write.
enum FuzzTarget: String, CaseIterable, Sendable {
    case base64url
    case json
    case token
    case serialized
    case claims
    case key
    case keySet
    case encrypted
    case pem
    case der

    /// Gives the input to the part. A refusal is a good answer; a ``Violation`` is not, nor is a trap.
    func check(_ input: [UInt8]) throws {
        switch self {
        case .base64url: try FuzzText.base64url(input)
        case .json: try FuzzText.json(input)
        case .token: try FuzzTokens.token(input)
        case .serialized: try FuzzSerializations.serialized(input)
        case .claims: try FuzzTokens.claims(input)
        case .key: try FuzzKeys.key(input)
        case .keySet: try FuzzKeys.keySet(input)
        case .encrypted: try FuzzEncryption.encrypted(input)
        case .pem: try FuzzKeys.pem(input)
        case .der: try FuzzKeys.der(input)
        }
    }
}

/// Base64url and JSON.
enum FuzzText {
    /// Every sequence of bytes has one text, and every text that is read is that of its bytes.
    static func base64url(_ input: [UInt8]) throws {
        let text = Base64URL.encode(input)
        try Violation.unless(try Base64URL.decode(text) == input, "decode(encode(x)) is x")
        let given = String(decoding: input, as: UTF8.self)
        if let bytes = try? Base64URL.decode(given) {
            try Violation.unless(Base64URL.encode(bytes) == given, "encode(decode(t)) is t")
            try Violation.unless(given.utf8.elementsEqual(input), "only ASCII is base64url")
        }
    }

    /// What is read can be written and is read again as the same; nothing follows it, no member comes twice.
    static func json(_ input: [UInt8]) throws {
        guard let value = try? JSON(parsing: input) else { return }
        try Violation.unless(String(validating: input, as: UTF8.self) != nil, "JSON is UTF-8")
        try Violation.unless(hasUniqueNames(value), "members have different names")
        let text = value.serialized()
        guard let again = try? JSON(parsing: text) else { throw Violation("what is written can be read") }
        try Violation.unless(again == value, "parse(serialise(x)) is x")
        try Violation.unless(again.serialized() == text, "serialise is stable")
        try Violation.unless((try? JSON(parsing: input + [UInt8(ascii: "x")])) == nil, "nothing may follow the value")
        try Violation.unless((try? JSON(parsing: input + text)) == nil || isNumber(value), "one value only")
        if case .object(let members) = value {
            try Violation.unless((try? JSONObject(parsing: input)) == members, "an object is an object")
            try refuseRepetition(of: members)
        } else {
            try Violation.unless((try? JSONObject(parsing: input)) == nil, "nothing else is an object")
        }
    }

    /// Two numbers in a row may read as one.
    private static func isNumber(_ value: JSON) -> Bool {
        switch value {
        case .integer, .number: true
        default: false
        }
    }

    private static func hasUniqueNames(_ value: JSON) -> Bool {
        switch value {
        case .array(let elements):
            return elements.allSatisfy(hasUniqueNames)
        case .object(let members):
            let names = Set(members.map { Array($0.name.utf8) })
            return names.count == members.count && members.allSatisfy { hasUniqueNames($0.value) }
        default:
            return true
        }
    }

    /// The same object with its first member once more at the end is refused.
    private static func refuseRepetition(of members: JSONObject) throws {
        guard let first = members.first(where: { _ in true }) else { return }
        let repeated = ([:] as JSONObject).with(first.name, .null).serialized().dropFirst()
        let text = members.serialized().dropLast() + [UInt8(ascii: ",")] + repeated
        try Violation.unless(
            (try? JSON(parsing: Array(text), limits: .init(maximumBytes: 1 << 20, maximumDepth: 16)))
                == nil,
            "a member that comes twice is refused"
        )
    }
}

extension JSONObject {
    fileprivate func with(_ name: String, _ value: JSON) -> JSONObject {
        var copy = self
        copy[name] = value
        return copy
    }
}
