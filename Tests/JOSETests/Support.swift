// The shared fixtures of the JOSE tests: published keys, a fixed moment, and a way to sign headers and payloads that
// JWT.signed would never write.

import Foundation
import Instants
import JOSE
import Testing

/// Files of the folder Vectors, named by their path in it.
enum Vectors {
    static func json(_ name: String) throws -> JSON {
        let url = try #require(Bundle.module.resourceURL).appending(path: "Vectors/\(name)")
        let limits = ParsingLimits(maximumBytes: 1 << 20, maximumDepth: 32)
        return try JSON(parsing: [UInt8](Data(contentsOf: url)), limits: limits)
    }

    /// The entry of rfc-examples.json of this name.
    static func rfcExample(_ name: String) throws -> JSONObject {
        let entries = try #require(try json("rfc-examples.json").objectValue?["vectors"]?.arrayValue)
        return try #require(entries.compactMap(\.objectValue).first { $0["name"] == .string(name) })
    }

    /// Every test of a file of Wycheproof, with its `tcId` and the group that it is in.
    static func wycheproof(_ file: String) throws -> [(id: String, test: JSONObject, group: JSONObject)] {
        let groups = try #require(try json("wycheproof/\(file)").objectValue?["testGroups"]?.arrayValue)
        return try groups.flatMap { value in
            let group = try #require(value.objectValue)
            return try #require(group["tests"]?.arrayValue).map { value in
                let test = try #require(value.objectValue)
                return (String(try #require(test["tcId"]?.integerValue)), test, group)
            }
        }
    }

    /// The private key of the first group of Wycheproof's signature vectors that has this comment.
    ///
    /// - Parameter algorithm: the `alg` that the key has, as the file writes it.
    static func wycheproofKey(_ comment: String, algorithm: String? = nil) throws -> JWK {
        let groups = try json("wycheproof/json_web_signature_test.json").objectValue?["testGroups"]?.arrayValue
        let keys = groups?.compactMap(\.objectValue).filter { $0["comment"] == .string(comment) }
            .compactMap { $0["private"]?.objectValue }
        return try JWK(try #require(keys?.first { algorithm == nil || $0["alg"] == algorithm.map { .string($0) } }))
    }
}

extension JSONObject {
    func text(_ name: String) throws -> String { try #require(self[name]?.stringValue) }

    func jwk(_ name: String = "jwk") throws -> JWK { try JWK(try #require(self[name]?.objectValue)) }

    func setting(_ name: String, _ value: JSON?) -> JSONObject {
        var copy = self
        copy[name] = value
        return copy
    }
}

/// One key for each algorithm, and the set that trusts them all. But for those of HS384, HS512 and ES384 they are
/// published ones.
struct TestKeys: Sendable {
    let all: [SigningKey]

    static let shared = Result { try TestKeys() }

    init() throws {
        var ed25519 = try Vectors.rfcExample("jws_eddsa").jwk().members
        ed25519["d"] = try Vectors.rfcExample("jws_eddsa")["private_d"]
        let p521 = try Vectors.wycheproofKey("rfc7520", algorithm: "ES521").members.setting("use", "sig")
        let p384: JSONObject = [
            "kty": "EC", "crv": "P-384", "d": "CXAmvH5xGRUCYpV_TQpQOF3XiVVT9CMmI1FBXUz__tJrg0nEPFLQcT_UmdUs9peA",
            "x": "Un6vuTl1lVakq4JYQh3XKgB7kWhm8S_GRWhs0EjjuoWNmcrctpzknixZIeJW3m0E",
            "y": "GtEeCAt4U_OhzZtIC_LgcNFvQxEHOvqGD9hMUW0xYOc1QjjEXwxgKrT_y7CNgq06",
        ]
        func octets(_ count: UInt8) -> JSONObject {
            ["kty": "oct", "k": .string(Base64URL.encode((0..<count).map { $0 &* 7 &+ 1 }))]
        }
        func key(_ members: JSONObject, _ algorithm: SignatureAlgorithm, kid: String) throws -> SigningKey {
            try SigningKey(JWK(members.setting("alg", .string(algorithm.name)).setting("kid", .string(kid))))
        }
        all = [
            try SigningKey(try Vectors.wycheproofKey("hs256")),
            try key(octets(48), .hs384, kid: "kid-oct-384"),
            try key(octets(64), .hs512, kid: "kid-oct-512"),
            try SigningKey(try Vectors.wycheproofKey("rs256")),
            try SigningKey(try Vectors.wycheproofKey("rs384")),
            try SigningKey(try Vectors.wycheproofKey("rs512")),
            try SigningKey(try Vectors.wycheproofKey("ps256")),
            try SigningKey(try Vectors.wycheproofKey("ps384")),
            try SigningKey(try Vectors.wycheproofKey("ps512")),
            try SigningKey(try Vectors.wycheproofKey("es256")),
            try key(p384, .es384, kid: "kid-ec-384"),
            try key(p521, .es512, kid: "kid-ec-521"),
            try key(ed25519, .edDSA, kid: "kid-okp-sign"),
            try key(ed25519, .ed25519, kid: "kid-okp-ed25519"),
            try SigningKey(Vectors.rfcExample("jws_ml_dsa_65").jwk()),
            try SigningKey(Vectors.rfcExample("jws_ml_dsa_87").jwk()),
        ]
    }

    static func key(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        try #require(try shared.get().all.first { $0.algorithm == algorithm })
    }

    static func keySet() throws -> KeySet {
        KeySet(try shared.get().all.map(\.verificationKey))
    }
}

/// A token in three parts, each of which a test may spoil.
struct Forgery {
    var header: String
    var payload: String

    init(header: JSONObject, claims: JSONObject = Sample.claims) {
        self.header = String(decoding: header.serialized(), as: UTF8.self)
        self.payload = String(decoding: claims.serialized(), as: UTF8.self)
    }

    init(header: String, payload: String) {
        self.header = header
        self.payload = payload
    }

    /// The token, signed over its own parts whatever they say.
    func signed(by key: SigningKey) throws -> String {
        try signed { try key.sign($0) }
    }

    func signed(with signature: ([UInt8]) throws -> [UInt8]) throws -> String {
        let input = Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8)
        return input + "." + Base64URL.encode(try signature(Array(input.utf8)))
    }
}

/// A good access token and what its reader expects.
enum Sample {
    static let now = Instant(secondsSinceEpoch: 1_800_000_000)

    static let claims: JSONObject = [
        "iss": "https://issuer.example", "aud": "https://api.example", "sub": "alice", "iat": 1_799_999_990,
        "nbf": 1_799_999_990, "exp": 1_800_000_900, "jti": "t-1",
    ]

    static let expectations = Expectations(
        issuer: .exactly("https://issuer.example"),
        audience: .exactly("https://api.example"),
        type: .exactly("at+jwt"),
        algorithms: SignatureAlgorithm.all,
        now: now
    )

    static func header(_ key: SigningKey) -> JSONObject {
        ["alg": .string(key.algorithm.name), "typ": "at+jwt", "kid": .string(key.keyID)]
    }

    /// Parses and verifies as a reader would.
    @discardableResult
    static func verify(
        _ token: String,
        by keys: KeySet? = nil,
        expecting expectations: Expectations = Sample.expectations
    ) throws -> VerifiedToken {
        try UnverifiedToken(token).verified(by: keys ?? TestKeys.keySet(), expecting: expectations)
    }
}

/// Runs what must be refused and hands back the refusal.
func refusal(
    _ body: () throws -> some Any,
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> JOSEError {
    let error = #expect(throws: JOSEError.self, sourceLocation: sourceLocation) { _ = try body() }
    return try #require(error, sourceLocation: sourceLocation)
}

/// SplitMix64: the same seed gives the same run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
