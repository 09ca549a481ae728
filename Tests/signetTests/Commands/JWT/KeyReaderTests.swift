import ArgumentParser
import Foundation
import Hummingbird
import HummingbirdTesting
import JOSE
import Testing

@testable import signet

@Suite("Keys from an address", .timeLimit(.minutes(5)))
struct KeyReaderTests {
    private static func keySet(_ keys: SigningKey...) -> JSONObject {
        ["keys": .array(keys.map { .object($0.publicJWK.members) })]
    }

    private static func answering(_ body: JSONObject) -> KeyReader {
        KeyReader { _ in body.serialized() }
    }

    private static func refusal(_ reader: KeyReader = KeyReader(), _ address: String) async -> Failure? {
        do {
            _ = try await reader.read(address)
            return nil
        } catch {
            return error as? Failure
        }
    }

    @Test(
        "Keys are fetched by https, and by http from this machine only",
        arguments: [
            "http://example.com/jwks", "http://127.0.0.1.example.com/jwks", "http://localhost.example.com/jwks",
            "http://user:hunter2@localhost/jwks", "https://user@id.example/jwks", "https://",
            "https://id.example/#keys",
            "http://10.0.0.1/jwks", "http://[::2]/jwks", "http://0x7f000001/jwks",
        ]
    )
    func refusedAddresses(address: String) async throws {
        let set = Self.keySet(try SigningKey.generate(.es256))
        let failure = await Self.refusal(Self.answering(set), address)
        #expect(failure?.status == .usage, "\(address)")
        #expect(failure?.description.contains("hunter2") != true)
    }

    @Test(
        "Good addresses are read",
        arguments: [
            "https://id.example/jwks", "http://localhost:1/jwks", "http://127.0.0.1/jwks", "http://[::1]:8080/",
        ]
    )
    func goodAddresses(address: String) async throws {
        let key = try SigningKey.generate(.es256)
        let found = try await Self.answering(Self.keySet(key)).read(address)
        #expect(found.keys == [key.publicJWK])
    }

    @Test("A symmetric key that is published verifies nothing")
    func publishedSecret() async throws {
        let key = try SigningKey.generate(.hs256)
        let failure = await Self.refusal(
            Self.answering(["keys": [.object(key.privateJWK.members)]]),
            "https://id.example/"
        )
        #expect(failure?.status == .data)
        #expect(failure?.description.contains("secret") == true)
    }

    @Test("From a live address: a set is read, a redirect is not followed, a long answer and an error are refused")
    func live() async throws {
        let key = try SigningKey.generate(.es256)
        let set = String(decoding: Self.keySet(key).serialized(), as: UTF8.self)
        let router = Router()
        router.get("jwks") { _, _ in set }
        router.get("away") { _, _ in Response.redirect(to: "/jwks", type: .found) }
        router.get("long") { _, _ in set + String(repeating: " ", count: KeyReader.maximumBytes) }
        router.get("none") { _, _ in HTTPResponse.Status.notFound }
        router.get("page") { _, _ in "<html>" }
        try await Application(router: router).test(.live) { client async throws -> Void in
            let base = "http://localhost:\(client.port ?? 0)/"
            #expect(try await KeyReader().read(base + "jwks").keys == [key.publicJWK])
            let rows: [(String, Status, String)] = [
                ("away", .unavailable, "redirects to \"/jwks\""), ("long", .data, "more than"),
                ("none", .unavailable, "404"), ("page", .data, "expected PEM"),
            ]
            for (path, status, says) in rows {
                let failure = await Self.refusal(KeyReader(), base + path)
                #expect(failure?.status == status, "\(path): \(String(describing: failure))")
                #expect(failure?.description.contains(says) == true, "\(path): \(String(describing: failure))")
            }
        }
        #expect(await Self.refusal(KeyReader(), "http://localhost:1/jwks")?.status == .unavailable)
    }

    @Test("A key that names no algorithm gets the one that is expected of it, and no second one")
    func unnamedAlgorithms() async throws {
        let key = try SigningKey.generate(.rs256)
        let pem = KeyReader.Keys(name: "key.pem", keys: [try JWK(pem: key.publicJWK.pem())], areNamed: false)
        let token = try JWT.signed(["iss": "a", "exp": 2000], type: "JWT", by: key)
        for (algorithms, isGood) in [
            ("any", true), ("RS256", true), ("RS256,ES256", true), ("ES256", false), ("RS256,PS256", true),
            ("PS256", false),
        ] {
            let options = try ExpectedOptions.parse([
                "--unchecked-issuer", "--unchecked-audience", "--unchecked-type", "--algorithms", algorithms,
            ])
            let now = Instant(secondsSinceEpoch: 1000)
            let verified = try? options.verify(token, by: pem, now: now)
            #expect((verified != nil) == isGood, "\(algorithms)")
        }
    }
}
