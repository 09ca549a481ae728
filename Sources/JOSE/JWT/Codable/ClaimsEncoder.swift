/// What all parts of one encoding share.
final class EncodingState {
    let maximumDepth: Int
    /// The first fault of a call that cannot throw.
    var failure: EncodingError?

    init(maximumDepth: Int) {
        self.maximumDepth = maximumDepth
    }
}

/// A place for one JSON value, filled by whatever a Codable type asks for.
///
/// A reference, because a type may hold on to several containers and encoders of one place and fill them in any order.
final class EncodingNode: Encoder {
    private enum Content {
        case nothing
        case value(JSON)
        case members
        case elements
    }

    private let state: EncodingState
    let codingPath: [any CodingKey]
    private let depth: Int
    private var content = Content.nothing
    private var members: [(name: String, node: EncodingNode)] = []
    private var places: [MemberName: Int] = [:]
    private(set) var elements: [EncodingNode] = []
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(state: EncodingState, path: [any CodingKey], depth: Int = 0) {
        self.state = state
        codingPath = path
        self.depth = depth
    }

    // MARK: Filling

    func encode<T: Encodable>(_ value: T) throws {
        guard depth <= state.maximumDepth else { throw tooDeep }
        if let scalar = value as? any ClaimScalar {
            guard let json = scalar.json else { throw fault(value, "the value has no exact JSON form") }
            guard json.nesting <= state.maximumDepth - depth else { throw tooDeep }
            return try set(json)
        }
        if let reason = UnfitForClaims.reason(T.self) { throw fault(value, reason) }
        try value.encode(to: self)
    }

    func set(_ json: JSON) throws {
        guard case .nothing = content else { throw fault(json, "the claim is written twice") }
        content = .value(json)
    }

    /// The place of a member that was not there before.
    func newMember(_ key: some CodingKey) throws -> EncodingNode {
        guard places[MemberName(text: key.stringValue)] == nil else {
            throw EncodingError.invalidValue(key.stringValue, context("the claim is written twice", at: key))
        }
        return member(key)
    }

    /// The place of a member, new or not: containers of one member are one container.
    func member(_ key: some CodingKey) -> EncodingNode {
        let name = MemberName(text: key.stringValue)
        if let place = places[name] { return members[place].node }
        let node = EncodingNode(state: state, path: codingPath + [key], depth: depth + 1)
        places[name] = members.count
        members.append((key.stringValue, node))
        return node
    }

    func newElement() -> EncodingNode {
        let node = EncodingNode(state: state, path: codingPath + [IndexKey(elements.count)], depth: depth + 1)
        elements.append(node)
        return node
    }

    // MARK: Encoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(keyed(by: type))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        unkeyed()
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleEncoding(node: self)
    }

    fileprivate func keyed<Key: CodingKey>(by type: Key.Type) -> KeyedEncoding<Key> {
        switch content {
        case .nothing: content = .members
        case .members: break
        case .value, .elements: note("the claim is written as an object and as something else")
        }
        return KeyedEncoding(node: self)
    }

    fileprivate func unkeyed() -> UnkeyedEncoding {
        switch content {
        case .nothing: content = .elements
        case .elements: break
        case .value, .members: note("the claim is written as an array and as something else")
        }
        return UnkeyedEncoding(node: self)
    }

    // MARK: Result

    /// The JSON, once everything is filled.
    func resolved() throws -> JSON {
        if let failure = state.failure { throw failure }
        switch content {
        case .nothing: throw fault(JSON.null, "nothing was written for the claim")
        case .value(let json): return json
        case .members:
            try checkDepth()
            return .object(JSONObject(uniqueMembers: try members.map { ($0.name, try $0.node.resolved()) }))
        case .elements:
            try checkDepth()
            return .array(try elements.map { try $0.resolved() })
        }
    }

    /// Objects and arrays count; what they hold does not.
    private func checkDepth() throws {
        guard depth < state.maximumDepth else { throw tooDeep }
    }

    private var tooDeep: JOSEError {
        JOSEError(.tooLarge, reason: "claims nested deeper than \(state.maximumDepth)")
    }

    private func note(_ description: String) {
        if state.failure == nil { state.failure = fault(JSON.null, description) }
    }

    private func fault(_ value: Any, _ description: String) -> EncodingError {
        .invalidValue(value, EncodingError.Context(codingPath: codingPath, debugDescription: description))
    }

    private func context(_ description: String, at key: some CodingKey) -> EncodingError.Context {
        EncodingError.Context(codingPath: codingPath + [key], debugDescription: description)
    }
}

/// One value that the type writes by itself.
private struct SingleEncoding: SingleValueEncodingContainer {
    let node: EncodingNode
    var codingPath: [any CodingKey] { node.codingPath }

    func encodeNil() throws {
        try node.set(.null)
    }

    // The witness for every type that the protocol names.
    func encode<T: Encodable>(_ value: T) throws {
        try node.encode(value)
    }
}

/// The members of an object.
private struct KeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: EncodingNode
    var codingPath: [any CodingKey] { node.codingPath }

    func encodeNil(forKey key: Key) throws {
        try node.newMember(key).set(.null)
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try node.newMember(key).encode(value)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(node.member(key).keyed(by: type))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        node.member(key).unkeyed()
    }

    func superEncoder() -> any Encoder {
        node.member(NameKey.superclass)
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        node.member(key)
    }
}

/// The elements of an array.
private struct UnkeyedEncoding: UnkeyedEncodingContainer {
    let node: EncodingNode
    var codingPath: [any CodingKey] { node.codingPath }
    var count: Int { node.elements.count }

    func encodeNil() throws {
        try node.newElement().set(.null)
    }

    func encode<T: Encodable>(_ value: T) throws {
        try node.newElement().encode(value)
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        KeyedEncodingContainer(node.newElement().keyed(by: type))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        node.newElement().unkeyed()
    }

    func superEncoder() -> any Encoder {
        node.newElement()
    }
}
