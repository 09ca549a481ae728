import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// SSF 1.0 sections 7 and 8: what a receiver can find out by itself.
@Suite struct SecurityEventManagementTests {
    @Test func `The transmitter says what it can do, and every address that it names is there`() async throws {
        let world = try await TestWorld()
        let response = try await world.fetch(.wellKnown("ssf-configuration"))
        guard case .prepared("application/json", let bytes) = response.body else { throw TestFailure() }
        let document = try JSONObject(parsing: bytes)
        #expect(document["spec_version"] == "1_0" && document["issuer"] == "https://id.example")
        #expect(document["delivery_methods_supported"] == ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"])
        #expect(document["default_subjects"] == "ALL")
        for name in ["jwks_uri", "configuration_endpoint", "status_endpoint", "verification_endpoint"] {
            let address = try #require(document[name]?.stringValue)
            let path = String(address.dropFirst(TestWorld.issuer.count))
            #expect(world.provider.endpoints.contains { $0.location == .belowIssuer(path) }, "\(name)")
        }
    }

    @Test func `A receiver reads how its streams are configured, and never what it itself presents`() async throws {
        let world = try await TestWorld()
        let poll = try await world.stream()
        let push = try await world.stream(.push(url: "https://receiver.example/", authorization: Secret("Bearer x")))
        let response = try await world.fetch(.belowIssuer("/ssf/stream"), authorization: TestWorld.basic("api_orders"))
        guard case .json(.array(let all)) = response.body else { throw TestFailure() }
        let streams = all.compactMap(\.objectValue)
        #expect(Set(streams.map { $0["stream_id"]?.stringValue }) == [poll.id, push.id])
        for stream in streams {
            #expect(stream["iss"] == "https://id.example" && stream["aud"] == .string(TestWorld.api))
            #expect(stream["events_delivered"] == .array(SecurityEventType.all.map { .string($0) }))
            let delivery = try #require(stream["delivery"]?.objectValue)
            #expect(delivery["authorization_header"] == nil && delivery["endpoint_url"] != nil)
        }
    }

    @Test func `A verification event comes by the stream, with the state, at most once a minute`() async throws {
        let world = try await TestWorld()
        let stream = try await world.stream(events: [SecurityEventType.credentialChange])
        func verify(_ state: JSON?) async throws -> EndpointResponse {
            var body: JSONObject = ["stream_id": .string(stream.id)]
            if let state { body["state"] = state }
            return try await world.fetch(
                .belowIssuer("/ssf/verify"),
                json: .object(body),
                authorization: TestWorld.basic("api_orders")
            )
        }
        #expect(try await verify(7).status == 400)
        #expect(try await verify("VGhpcyBpcw").status == 204)
        #expect(try await verify("again").status == 429)
        let set = try #require(try await world.poll(stream).sets.values.first)
        let claims = try world.verified(set).claims
        #expect(claims["sub_id"] == .object(["format": "opaque", "id": .string(stream.id)]))
        let event = claims["events"]?.objectValue?[SecurityEventType.verification]?.objectValue
        #expect(event?["state"] == "VGhpcyBpcw")
        world.time.advance(by: .seconds(60))
        #expect(try await verify(nil).status == 204)
    }
}
