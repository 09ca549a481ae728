// `signet jwt`: makes and checks tokens (RFC 7519) and their keys without a server: from files, from standard input, from
// a key set at an address. Owns how keys and tokens are read here and what is printed; every decision is JOSE's.

import ArgumentParser

struct JWTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jwt",
        abstract: "Sign, verify and decode tokens, and make keys, without a server.",
        subcommands: [
            JWTSign.self, JWTVerify.self, JWTDecode.self, JWTKeygen.self, JWTThumbprint.self,
        ]
    )
}
