import Instants
import JOSE
import Testing

@testable import signet

@Suite struct IssuerKeysTests {
    private let fixture: DemoFixture
    private let keys: IssuerKeys

    init() throws {
        fixture = try DemoFixture()
        keys = IssuerKeys(issuer: DemoFixture.issuer, documents: fixture.documents, time: fixture.time)
    }

    private var fetches: Int { fixture.documents.asked(for: DemoFixture.keysAddress) }

    @Test func `a hundred requests at once fetch the keys once`() async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<100 { group.addTask { try await keys.keySet(with: "key-1").keys.count } }
            for try await count in group { #expect(count == 1) }
        }
        #expect(fetches == 1)
    }

    @Test func `an unknown key makes us ask again, at most every ten seconds`() async throws {
        _ = try await keys.keySet(with: "key-1")
        let successor = try SigningKey.generate(.es256, keyID: "key-2")
        fixture.documents.set(DemoFixture.keySet(fixture.key, successor), at: DemoFixture.keysAddress)
        fixture.time.advance(by: .milliseconds(9_999))
        for _ in 0..<50 { #expect(try await keys.keySet(with: "key-2").keys.count == 1) }
        #expect(fetches == 1)
        fixture.time.advance(by: .milliseconds(1))
        #expect(try await keys.keySet(with: "key-2").keys.count == 2)
        for name in ["invented-1", "invented-2", "key-2", "key-1"] { _ = try await keys.keySet(with: name) }
        #expect(fetches == 2)
    }

    @Test func `a retired key is forgotten within the lifetime`() async throws {
        _ = try await keys.keySet(with: "key-1")
        fixture.documents.set(["keys": []], at: DemoFixture.keysAddress)
        fixture.time.advance(by: IssuerKeys.lifetime - .milliseconds(1))
        #expect(try await keys.keySet(with: "key-1").keys.count == 1)
        fixture.time.advance(by: .milliseconds(1))
        #expect(try await keys.keySet(with: "key-1").keys.isEmpty)
    }

    @Test func `good keys outlast an issuer that is away, until their lifetime ends`() async throws {
        _ = try await keys.keySet(with: "key-1")
        fixture.documents.set(nil, at: DemoFixture.metadataAddress)
        fixture.time.advance(by: .seconds(20))
        #expect(try await keys.keySet(with: "unknown").keys.count == 1)
        fixture.time.advance(by: IssuerKeys.lifetime)
        await #expect(throws: (any Error).self) { try await keys.keySet(with: "key-1") }
    }

    @Test func `a failure is repeated after a second and not for every request`() async throws {
        fixture.documents.set(nil, at: DemoFixture.metadataAddress)
        for _ in 0..<5 { await #expect(throws: (any Error).self) { try await keys.keySet(with: "key-1") } }
        #expect(fixture.documents.asked(for: DemoFixture.metadataAddress) == 1)
        fixture.documents.set(
            ["issuer": .string(DemoFixture.issuer), "jwks_uri": .string(DemoFixture.keysAddress)],
            at: DemoFixture.metadataAddress
        )
        fixture.time.advance(by: .seconds(1))
        #expect(try await keys.keySet(with: "key-1").keys.count == 1)
    }

    @Test(
        "metadata that names another issuer is not believed (OIDC Discovery §4.3)",
        arguments: ["http://localhost:8080/", "https://evil.example", nil]
    )
    func otherIssuer(issuer: String?) async throws {
        var metadata: JSONObject = ["jwks_uri": .string(DemoFixture.keysAddress)]
        metadata["issuer"] = issuer.map { .string($0) }
        fixture.documents.set(metadata, at: DemoFixture.metadataAddress)
        await #expect(throws: KeysUnavailable.self) { try await keys.keySet(with: "key-1") }
        #expect(fetches == 0)
    }
}
