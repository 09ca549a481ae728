internal import Foundation

/// The files of one algorithm that the driver wrote: keys, claims, tokens good and bad.
struct Material {
    static let issuer = "https://id.example.org"
    static let audience = "https://orders.example"
    static let type = "at+jwt"

    let folder: String
    let algorithm: String

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(folder)/\(algorithm).\(name)")))
    }

    func text(_ name: String) throws -> String {
        String(decoding: try bytes(name), as: UTF8.self)
    }

    /// The token's `kid`.
    var keyID: String { "bench-\(algorithm)" }

    /// The members of the key's JWK that hold bytes, such as the seed of an ML-DSA key.
    func jwkMember(_ name: String) throws -> [UInt8] {
        guard let members = try JSONSerialization.jsonObject(with: Data(bytes("jwk"))) as? [String: String] else {
            return []
        }
        return base64URLDecoded(members[name, default: ""])
    }

    /// The good token as swift-crypto wants it: what was signed, and the signature.
    func goodParts() throws -> (message: [UInt8], signature: [UInt8]) {
        parts(of: try text("good"))
    }

    func parts(of token: String) -> (message: [UInt8], signature: [UInt8]) {
        guard let dot = token.lastIndex(of: ".") else { return ([], []) }
        return (Array(token[..<dot].utf8), base64URLDecoded(String(token[token.index(after: dot)...])))
    }
}

func base64URLDecoded(_ text: String) -> [UInt8] {
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    let standard = text.replacing("-", with: "+").replacing("_", with: "/") + padding
    return Array(Data(base64Encoded: standard) ?? Data())
}
