/// A JSON object whose members keep the order in which they were written.
///
/// Two objects are equal when they have the same members, in whatever order (RFC 8259 §4). Names are compared by code
/// points (§8.3).
public struct JSONObject: Sendable {
    private(set) var members: [(name: String, value: JSON)]

    /// Makes an object without members.
    public init() {
        members = []
    }

    /// Parses a JSON text that must be an object.
    ///
    /// - Throws: `malformed` or `tooLarge`; the reason names the byte at which parsing stopped.
    public init(parsing bytes: [UInt8], limits: ParsingLimits = .default) throws(JOSEError) {
        guard case .object(let object) = try JSON(parsing: bytes, limits: limits) else {
            throw JOSEError(.malformed, reason: "JSON: expected an object")
        }
        self = object
    }

    /// Takes members whose names the caller knows to differ.
    package init(uniqueMembers: [(name: String, value: JSON)]) {
        members = uniqueMembers
    }

    /// Takes members in order; of two with one name the last value stands.
    init(members elements: [(String, JSON)]) {
        self.init()
        members.reserveCapacity(elements.count)
        for (name, value) in elements {
            self[name] = value
        }
    }

    /// The value of the member `name`; setting `nil` removes it, and a new name goes to the end.
    public subscript(name: String) -> JSON? {
        get {
            for member in members where isSameText(member.name, name) {
                return member.value
            }
            return nil
        }
        set {
            let index = members.firstIndex { isSameText($0.name, name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// The member `name`, which must be a text if it is there.
    func text(_ name: String) throws(JOSEError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.stringValue else {
            throw JOSEError(.malformed, claim: name, reason: "expected a text")
        }
        return text
    }

    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }

    /// How many members there are.
    public var count: Int { members.count }

    /// The JSON text: compact, UTF-8, members in their order.
    public func serialized() -> [UInt8] {
        JSON.object(self).serialized()
    }
}

extension JSONObject: Hashable {
    /// Whether both have the same members, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
    }

    /// Feeds the members to the hasher, without their order.
    public func hash(into hasher: inout Hasher) {
        // The order does not count, so each member is hashed by itself and the results are added up.
        var sum = 0
        for member in members {
            var memberHasher = Hasher()
            hashText(member.name, into: &memberHasher)
            memberHasher.combine(member.value)
            sum &+= memberHasher.finalize()
        }
        hasher.combine(sum)
    }
}

extension JSONObject: Sequence {
    /// The members, in order.
    public func makeIterator() -> IndexingIterator<[(name: String, value: JSON)]> {
        members.makeIterator()
    }

    /// How many members there are.
    public var underestimatedCount: Int { members.count }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object of a literal; of two members with one name the last value stands.
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self.init(members: elements)
    }
}
