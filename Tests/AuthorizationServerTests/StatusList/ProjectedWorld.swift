import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

extension TestWorld {
    /// Numbers what stands in the outbox, as the sequencer does, and lets the projections take it in.
    func settle() async throws {
        try await sequence()
        while await provider.projectors.tick() {}
    }

    /// Numbers what stands in the outbox.
    func sequence() async throws {
        let outbox = try await store.page(EndingRecord.kind, filter: .all, after: nil, limit: 1000, now: now)
        guard !outbox.isEmpty else { return }
        let endings = try outbox.map { try EndingRecord(from: $0) }
        let existing = try await store.find(FeedState.key, now: now)
        var state = FeedState(epoch: "test", first: 1, last: 0, lastSequencedAt: now, heads: [:])
        if let existing { state = try FeedState(from: existing) }
        state.last += 1
        let batch = FeedBatch(number: state.last, sequencedAt: now, endings: endings)
        let record = Record(key: FeedState.key, payload: try state.encoded())
        let changes: [Change] =
            [
                .insert(Record(key: FeedBatch.key(batch.number), payload: try batch.encoded())),
                existing.map { .replace(record, ifVersion: $0.version) } ?? .insert(record),
            ] + outbox.map { .delete($0.key) }
        #expect(try await store.apply(changes, now: now) == .applied)
    }

    func end(
        _ target: RevocationTarget,
        because cause: EndingCause = .operatorAct,
        edit: (inout Ending) -> Void = { _ in }
    ) async throws {
        var ending = Ending(target, because: cause)
        edit(&ending)
        try await services.revocations.apply(ending: ending, now: now)
    }

    /// A GET of a document, or a POST of JSON.
    func fetch(
        _ location: EndpointLocation,
        number: Int? = nil,
        parameters: [(name: String, value: String)] = [],
        json: JSON? = nil,
        authorization: String? = nil
    ) async throws -> EndpointResponse {
        let endpoint = try #require(provider.endpoints.first { $0.location == location })
        var request = EndpointRequest(
            method: json == nil ? .get : .post,
            parameters: try Parameters(parameters),
            authorization: authorization
        )
        request.json = json
        request.number = number
        #expect(endpoint.methods.contains(request.method))
        return await endpoint.respond(to: request, with: services)
    }

    /// What the list says of a token: the whole way that a verifier goes.
    func isListedAsRevoked(_ token: String) async throws -> Bool {
        let status = try #require(try claims(token)["status"]?.objectValue?["status_list"]?.objectValue)
        let uri = try #require(status["uri"]?.stringValue)
        let index = try #require(status["idx"]?.integerValue)
        let number = try #require(StatusListAddress.number(of: uri, configuration: services.configuration))
        let response = try await fetch(.numbered("/status-lists/"), number: number)
        guard case .prepared(_, let bytes) = response.body else { throw TestFailure() }
        let list = try UnverifiedToken(String(decoding: bytes, as: UTF8.self)).verified(
            by: services.keyring.current.published,
            expecting: Expectations(
                issuer: .exactly(Self.issuer),
                audience: .unchecked,
                type: .exactly("statuslist+jwt"),
                algorithms: Keyring.algorithms,
                now: now
            )
        )
        #expect(list.subject == uri)
        let lst = try #require(list["status_list"]?.objectValue?["lst"]?.stringValue)
        return try StatusBits(compressed: lst)[Int(index)]
    }

    func claims(_ token: String) throws -> JSONObject { try UnverifiedToken(token).unverifiedClaims }

    func place(of token: String) throws -> StatusReference {
        try #require(StatusReference(claims: try claims(token), configuration: services.configuration))
    }

    /// Time enough that a list answered before is looked at again.
    func letListsAge() { time.advance(by: StatusLists.recheck) }

    /// A world whose API has a status list, with a grant of one person.
    static func listed(store: any Store = MemoryStore()) async throws -> TestWorld {
        let world = try await TestWorld(store: store)
        _ = try await world.ordersAPI { $0.statusList = true }
        return world
    }

    func serviceToken() async throws -> String {
        let answer = try await ask(
            "/token",
            ["grant_type": "client_credentials"],
            authorization: Self.basic("service")
        )
        return try #require(try json(answer)["access_token"]?.stringValue)
    }
}
