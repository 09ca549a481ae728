/// Reads Codable types out of one JSON value.
struct JSONDecoding: Decoder {
    /// How deep a type may follow the JSON: parsed JSON is limited by whoever parsed it, built JSON is not.
    static let maximumDepth = 128

    let value: JSON
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// Reads a value of this type here.
    func decodeValue<T: Decodable>(_ type: T.Type) throws -> T {
        guard codingPath.count <= Self.maximumDepth else {
            throw JOSEError(.tooLarge, reason: "claims nested deeper than \(Self.maximumDepth)")
        }
        if let scalar = type as? any ClaimScalar.Type {
            if let result = scalar.read(value) as? T { return result }
            throw mismatch(type, expected: scalar.expectation)
        }
        if let reason = UnfitForClaims.reason(type) { throw DecodingError.dataCorrupted(context(reason)) }
        return try T(from: self)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let object) = value else { throw mismatch(JSONObject.self, expected: "an object") }
        return KeyedDecodingContainer(KeyedDecoding(object, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw mismatch([JSON].self, expected: "an array") }
        return UnkeyedDecoding(elements: elements, codingPath: codingPath)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        SingleDecoding(decoding: self)
    }

    func context(_ description: String) -> DecodingError.Context {
        DecodingError.Context(codingPath: codingPath, debugDescription: description)
    }

    private func mismatch(_ type: Any.Type, expected: String) -> DecodingError {
        let found =
            switch value {
            case .null: "null"
            case .bool: "true or false"
            case .integer: "an integer"
            case .number: "a number"
            case .string: "a text"
            case .array: "an array"
            case .object: "an object"
            }
        let context = context("expected \(expected), got \(found)\(found == expected ? " that does not fit" : "")")
        if case .null = value { return .valueNotFound(type, context) }
        return .typeMismatch(type, context)
    }
}

/// One value that the type reads by itself.
private struct SingleDecoding: SingleValueDecodingContainer {
    let decoding: JSONDecoding
    var codingPath: [any CodingKey] { decoding.codingPath }

    func decodeNil() -> Bool {
        if case .null = decoding.value { true } else { false }
    }

    // The witness for every type that the protocol names.
    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try decoding.decodeValue(type)
    }
}

/// The members of an object.
private struct KeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let object: JSONObject
    private let values: [MemberName: JSON]
    let codingPath: [any CodingKey]

    init(_ object: JSONObject, codingPath: [any CodingKey]) {
        self.object = object
        self.codingPath = codingPath
        values = Dictionary(object.map { (MemberName(text: $0.name), $0.value) }) { first, _ in first }
    }

    var allKeys: [Key] { object.compactMap { Key(stringValue: $0.name) } }

    func contains(_ key: Key) -> Bool {
        values[MemberName(text: key.stringValue)] != nil
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        if case .null = try decoding(key).value { true } else { false }
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try decoding(key).decodeValue(type)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoding(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoding(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        try decoding(NameKey.superclass)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        try decoding(key)
    }

    private func decoding(_ key: some CodingKey) throws -> JSONDecoding {
        guard let value = values[MemberName(text: key.stringValue)] else {
            throw DecodingError.keyNotFound(
                key,
                DecodingError.Context(codingPath: codingPath, debugDescription: "the claim is required")
            )
        }
        return JSONDecoding(value: value, codingPath: codingPath + [key])
    }
}

/// The elements of an array, in turn.
private struct UnkeyedDecoding: UnkeyedDecodingContainer {
    let elements: [JSON]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(elements: [JSON], codingPath: [any CodingKey]) {
        self.elements = elements
        self.codingPath = codingPath
    }

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    mutating func decodeNil() throws -> Bool {
        guard case .null = try current(JSON.self).value else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let result = try current(type).decodeValue(type)
        currentIndex += 1
        return result
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try current(JSONObject.self).container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try current([JSON].self).unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoding = try current(JSON.self)
        currentIndex += 1
        return decoding
    }

    private func current(_ type: Any.Type) throws -> JSONDecoding {
        let path = codingPath + [IndexKey(currentIndex)]
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                type,
                DecodingError.Context(codingPath: path, debugDescription: "expected another element")
            )
        }
        return JSONDecoding(value: elements[currentIndex], codingPath: path)
    }
}
