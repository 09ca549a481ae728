import ArgumentParser
import JOSE

struct JWTKeygen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make a new key.",
        discussion: """
            The private key goes to --out, a new file that only you may read, or to standard output; the public half to \
            --public. No file is ever overwritten. A JWK says its algorithm and its name (kid, the RFC 7638 thumbprint if \
            none is given); PEM has room for neither.

            Examples:
              signet jwt keygen --out key.jwk --public public.jwk
              signet jwt keygen --alg EdDSA --format pem --out key.pem --public public.pem
            """
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case jwk
        case pem
    }

    @Option(name: .customLong("alg"), help: "The algorithm that the key is for.")
    var algorithm = AlgorithmArgument(.es256)
    @Option(help: "How keys are written.") var format = Format.jwk
    @Option(name: .customLong("kid"), help: "The name of the key, in a JWK.") var keyID: String?
    @Option(name: .customLong("out"), help: ArgumentHelp("Where the private key goes.", valueName: "file"))
    var privateFile: String?
    @Option(name: .customLong("public"), help: ArgumentHelp("Where the public half goes.", valueName: "file"))
    var publicFile: String?

    func validate() throws {
        if format == .pem, keyID != nil { throw ValidationError("PEM has no room for a --kid: take --format jwk") }
        if let publicFile, publicFile == privateFile {
            throw ValidationError("--out and --public name the same file")
        }
    }

    func run() async throws {
        let key = try SigningKey.generate(algorithm.algorithm, keyID: keyID)
        let isSymmetric = key.privateJWK.members["kty"] == "oct"
        if isSymmetric, publicFile != nil {
            throw Failure(.usage, "a key for \(key.algorithm) is one secret: it has no public half")
        }
        let secret = try text(of: key.privateJWK)
        // Either file may be in the way: both are looked for before one is written, so that no half stays behind alone.
        for path in [privateFile, publicFile] {
            if let path, (try? Files.status(path)) != nil { throw Self.exists(path) }
        }
        if let publicFile { try write(try text(of: key.publicJWK), to: publicFile, mode: 0o644) }
        guard let privateFile else { return Console.standard.say(String(secret.dropLast())) }
        try write(secret, to: privateFile, mode: 0o600)
        Console.standard.note("signet: wrote the private key \(privateFile); keep it to yourself")
    }

    private func text(of jwk: JWK) throws -> String {
        switch format {
        case .jwk: JSON.object(jwk.members).pretty + "\n"
        case .pem: try jwk.pem()
        }
    }

    private static func exists(_ path: String) -> Failure {
        Failure(.cannotCreate, "\(path) exists, and keys are never overwritten: name another file")
    }

    private func write(_ text: String, to path: String, mode: UInt32) throws(Failure) {
        do {
            try Files.create(path, mode: mode, content: Array(text.utf8))
        } catch  where error == .exists {
            throw Self.exists(path)
        } catch {
            throw Failure(.cannotCreate, "\(path) cannot be written (\(error))")
        }
    }
}
