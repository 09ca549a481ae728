// Keys in PEM that other programs made, with the JWK that another library read from them or the refusal that they earn;
// and the keys that the RFCs print.

import JOSE
import Testing

/// A row of pem/keys.json.
struct KeyFile: Sendable, CustomTestStringConvertible {
    let name: String
    let pem: String
    /// The JWK, or nil where the file is to be refused.
    let jwk: JSONObject?
    let refused: String
    let says: String

    var testDescription: String { name }

    static func all() throws -> [KeyFile] {
        let entries = try #require(try Vectors.json("pem/keys.json").objectValue?["vectors"]?.arrayValue)
        return try entries.map { entry in
            let entry = try #require(entry.objectValue)
            return KeyFile(
                name: try entry.text("name"),
                pem: try entry.text("pem"),
                jwk: entry["jwk"]?.objectValue,
                refused: entry["refused"]?.stringValue ?? "",
                says: entry["says"]?.stringValue ?? ""
            )
        }
    }

    static func named(_ name: String) throws -> KeyFile {
        try #require(try all().first { $0.name == name }, "no key file \(name)")
    }

    /// Every file that is to be read.
    static func good() throws -> [KeyFile] {
        try all().filter { $0.jwk != nil }
    }
}

/// RFC 7468, RFC 5958 §2, RFC 5915 §3, RFC 8017 §A.1.2, RFC 8410, RFC 9881; RFC 7517.
@Suite struct KeyFileVectors {
    /// Every file is read as the JWK that pyca/cryptography found in it, or refused with a reason that helps.
    static func files() throws -> VectorReport {
        var report = VectorReport()
        for file in try KeyFile.all() {
            report.run(file.name) {
                if let expected = file.jwk {
                    let jwk = try JWK(pem: file.pem)
                    #expect(jwk.members == expected, "\(file.name)")
                    try roundTrip(jwk)
                } else {
                    let error = try refusal { try JWK(pem: file.pem) }
                    #expect(error.code.description == file.refused, "\(file.name): \(error)")
                    #expect(error.reason.contains(file.says), "\(file.name): \(error)")
                }
            }
        }
        return report
    }

    /// The keys of RFC 7517 A: read, and the asymmetric ones through PEM and back.
    static func rfc7517() throws -> VectorReport {
        var report = VectorReport()
        let entries = try #require(try Vectors.json("rfc7517-keys.json").objectValue?["vectors"]?.arrayValue)
        for entry in entries {
            let entry = try #require(entry.objectValue)
            report.run(try entry.text("name")) { try throughPEM(try entry.jwk()) }
        }
        return report
    }

    /// A key of the cookbook (RFC 7520 §3), which must come out of PEM as it went in.
    static func cookbook(_ name: String) throws -> VectorReport {
        var report = VectorReport()
        let members = try #require(try Vectors.json("cookbook/jwk/\(name)").objectValue)
        report.run("key") { try throughPEM(try JWK(members)) }
        return report
    }

    private static func throughPEM(_ jwk: JWK) throws {
        #expect(try JWK(parsing: jwk.members.serialized()) == jwk)
        guard jwk.members["kty"] != "oct" else {
            let error = try refusal { try jwk.pem() }
            #expect(error.code == .keyUnsupported)
            #expect(error.reason.contains("symmetric"))
            return
        }
        var bare = jwk.members
        for name in ["kid", "use", "alg"] { bare[name] = nil }
        #expect(try JWK(pem: jwk.pem()).members == bare)
        try roundTrip(jwk)
    }

    /// Out and in again, both halves, in both forms.
    private static func roundTrip(_ jwk: JWK) throws {
        for half in [jwk, jwk.publicJWK] {
            let again = try JWK(pem: half.pem())
            #expect(again.thumbprint() == half.thumbprint())
            #expect(again.isPrivate == half.isPrivate)
            #expect(try again.pem() == half.pem())
            #expect(try JWK(der: half.der()) == again)
            for name in ["d", "p", "q", "dp", "dq", "qi", "priv"] where half.members[name] != nil {
                #expect(again.members[name] == half.members[name], "\(name)")
            }
        }
    }
}
