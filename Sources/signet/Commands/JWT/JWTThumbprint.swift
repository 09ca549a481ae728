import ArgumentParser
import JOSE

struct JWTThumbprint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thumbprint",
        abstract: "Print the RFC 7638 thumbprint of a key.",
        discussion: """
            A private key has the thumbprint of its public half. Of a set, each key has a line, in the set's order. The \
            thumbprint of a symmetric key is a hash of the secret: do not publish it.

            Examples:
              signet jwt thumbprint key.pem
              signet jwt thumbprint --uri https://id.example/jwks
            """
    )

    @Argument(help: "The key: PEM, a JWK, a JWK Set, or the address of one.") var key: String
    @Flag(name: .customLong("uri"), help: "As a URI (RFC 9278).") var asURI = false

    func run() async throws {
        let found = try await KeyReader().read(key)
        guard !found.keys.isEmpty else { throw Failure(.data, "\(key) holds no key") }
        for jwk in found.keys {
            if jwk.members["kty"] == "oct" {
                Console.standard.note("signet: this is a hash of a secret: do not publish it")
            }
            Console.standard.say(asURI ? jwk.thumbprintURI() : jwk.thumbprint())
        }
    }
}
