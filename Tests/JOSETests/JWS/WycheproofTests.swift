import JOSE
import Testing

/// Wycheproof's JSON Web Signature and JSON Web Key vectors, all of them.
@Suite struct WycheproofTests {
    /// Every JWS vector comes out as Wycheproof says, the others are in the table.
    static func signatures() throws -> VectorReport {
        let vectors = try WycheproofVector.load("json_web_signature_test.json")
        return check(vectors, against: Deviation.signatures, unsupportedKeysMayDecide: false)
    }

    /// Every JWK vector comes out as Wycheproof says, the others are in the table.
    static func keys() throws -> VectorReport {
        let vectors = try WycheproofVector.load("json_web_key_test.json")
        return check(vectors, against: Deviation.keys, unsupportedKeysMayDecide: true)
    }

    @Test("The two invalid JWS vectors that we accept are the text of a valid one")
    func mislabelled() throws {
        let vectors = try WycheproofVector.load("json_web_signature_test.json")
        let valid = try #require(vectors.first { $0.id == 357 })
        #expect(valid.result == "valid")
        #expect(vectors.filter { $0.token == valid.token }.map(\.id) == [357, 367, 370])
    }

    @Test("Every private key of a supported algorithm signs what its public half verifies")
    func privateKeys() throws {
        var signed = 0
        for vector in try WycheproofVector.load("json_web_signature_test.json") where vector.result == "valid" {
            guard let jwk = vector.privateKeys.first, let key = try? SigningKey(jwk) else { continue }
            let token = try JWS.signed([7], by: key)
            let keys = KeySet(vector.publicKeys.compactMap { try? VerificationKey($0) })
            #expect(throws: Never.self) { try UnverifiedJWS(token).verified(by: keys, algorithms: [key.algorithm]) }
            signed += 1
        }
        #expect(signed == 43)
    }

    /// - Parameter unsupportedKeysMayDecide: where the vector is about the key itself, refusing its `alg` is an answer.
    private static func check(
        _ vectors: [WycheproofVector],
        against deviations: [Deviation],
        unsupportedKeysMayDecide: Bool
    ) -> VectorReport {
        let listed = deviations.flatMap { deviation in deviation.vectors.map { ($0, deviation) } }
        let table = Dictionary(listed) { first, _ in first }
        #expect(table.count == listed.count, "a vector is listed twice")
        #expect(Set(table.keys).isSubset(of: vectors.map(\.id)), "a listed vector does not exist")

        var report = VectorReport()
        for vector in vectors {
            let deviation = table[vector.id]
            if let deviation, deviation.outcome == .refused(.keyUnsupported) {
                #expect(vector.outcome() == deviation.outcome, "\(vector.id) \(vector.comment) can be run")
                report.skip("\(vector.id)", because: deviation.reason)
                continue
            }
            report.run("\(vector.id)") {
                let outcome = vector.outcome()
                if let deviation {
                    #expect(outcome == deviation.outcome, "\(vector.id) \(vector.comment): \(deviation.reason)")
                } else if vector.result == "valid" {
                    #expect(outcome == .accepted, "\(vector.id) \(vector.comment)")
                } else {
                    #expect(outcome != .accepted, "\(vector.id) \(vector.comment)")
                    let isRun = unsupportedKeysMayDecide || outcome != .refused(.keyUnsupported)
                    #expect(isRun, "\(vector.id) \(vector.comment) was not run and is not in the table")
                }
            }
        }
        return report
    }
}

/// Vectors that do not come out as Wycheproof says, or are refused before the point that they test.
private struct Deviation {
    let reason: String
    let outcome: WycheproofVector.Outcome
    let vectors: [Int]

    init(_ reason: String, _ outcome: WycheproofVector.Outcome, _ vectors: [ClosedRange<Int>]) {
        self.reason = reason
        self.outcome = outcome
        self.vectors = vectors.flatMap(Array.init)
    }

    static let signatures = [
        Deviation(
            "the key's alg is ES521, which no registry knows: ES512 is meant",
            .refused(.keyUnsupported),
            [347...347, 351...351]
        ),
        Deviation(
            "the token is PS384 (RFC 7520 §4.2), the key's alg PS256: a key serves one algorithm",
            .refused(.algorithmRefused),
            [346...346, 350...350]
        ),
        Deviation(
            "Wycheproof lets decoders skip foreign characters; RFC 7515 §2 leaves no room for any",
            .refused(.malformed),
            [372...373]
        ),
        Deviation(
            "byte for byte the token of vector 357, which is valid: the padding that the comment names is not in the file",
            .accepted,
            [367...367, 370...370]
        ),
    ]

    static let keys = [
        Deviation(
            "a set may mix symmetric and asymmetric keys: each is bound to its one algorithm, so nothing is confused",
            .accepted,
            [1...1]
        )
    ]
}

private struct WycheproofVector {
    enum Outcome: Equatable {
        case accepted
        case refused(JOSEError.Code)
    }

    let id: Int
    let comment: String
    let result: String
    let token: String
    let privateKeys: [JWK]
    let publicKeys: [JWK]
    /// What the keys' own text was refused for, if it was.
    let keyRefusal: JOSEError?

    static func load(_ file: String) throws -> [WycheproofVector] {
        try Vectors.wycheproof(file).map { try WycheproofVector($0.test, in: $0.group) }
    }

    private init(_ test: JSONObject, in group: JSONObject) throws {
        id = Int(try #require(test["tcId"]?.integerValue))
        comment = try test.text("comment")
        result = try test.text("result")
        token = try test.text("jws")
        var refused: JOSEError?
        func keys(_ name: String) throws -> [JWK] {
            guard let object = group[name]?.objectValue else { return [] }
            let entries = try object["keys"].map { try #require($0.arrayValue) } ?? [.object(object)]
            return try entries.compactMap { entry in
                do {
                    return try JWK(try #require(entry.objectValue))
                } catch let error as JOSEError {
                    refused = error
                    return nil
                }
            }
        }
        privateKeys = try keys("private")
        let published = try keys("public")
        // A symmetric key has no public half in the file.
        publicKeys = group["public"] == nil ? privateKeys : published
        keyRefusal = refused
    }

    /// What a reader says that trusts the group's keys.
    func outcome() -> Outcome {
        if let keyRefusal { return .refused(keyRefusal.code) }
        do throws(JOSEError) {
            var keys: [VerificationKey] = []
            for jwk in publicKeys { keys.append(try VerificationKey(jwk)) }
            _ = try UnverifiedJWS(token).verified(by: KeySet(keys), algorithms: SignatureAlgorithm.all)
            return .accepted
        } catch {
            return .refused(error.code)
        }
    }
}
