import Testing

@testable import signet

@Suite("Configuration: where records are kept")
struct StoreAddressTests {
    @Test(
        "An address is shown without its password, wherever it stands",
        arguments: [
            ("postgres://signet:s3cret@db.example/signet", "postgres://signet:***@db.example/signet"),
            ("postgres://signet@db.example/signet", "postgres://signet@db.example/signet"),
            ("postgres://u:a@b:s3cret@db/x", "postgres://u:***@db/x"),
            ("postgres://u:s3/cret@db/x", "postgres://u:***@db/x"),
            ("postgres://u:s3?cret@db/x", "postgres://u:***@db/x"),
            ("postgres://u:s3?c@t@db/x?sslmode=require", "postgres://u:***@db/x?sslmode=require"),
            ("postgres://u:s3c/r?t@db/x", "postgres://***"),
            ("postgres://u:1?s3/cret@db/x", "postgres://u:1?***"),
            ("postgres://u:1?a=s3/cret@db/x", "postgres://u:1?a=***"),
            ("postgres://[::1]:5432,/x?user=u@corp", "postgres://[::1]:5432,/x?user=u@corp"),
            (
                "postgresql://db/x?user=u&password=s3cret&sslmode=require",
                "postgresql://db/x?user=u&password=***&sslmode=require"
            ),
            ("postgresql://db/x?sslpassword=s3cret", "postgresql://db/x?sslpassword=***"),
            ("postgres://db/x?signet_direct=postgres%3A%2F%2Fu%3As3cret%40h%2Fx", "postgres://db/x?signet_direct=***"),
            ("postgres://a:1,b:2/x", "postgres://a:1,b:2/x"),
            ("sqlite", "sqlite"),
        ]
    )
    func shown(text: String, expected: String) throws {
        let address = try #require(StoreAddress(text))
        #expect(address.shown == expected)
        #expect(!address.shown.contains("s3"))
        #expect(address.hasPassword == (text != expected))
    }

    @Test(
        "Anything else is no address",
        arguments: ["", "postgres", "postgres://", "mysql://h/x", "sqlite:/tmp/x", " sqlite"]
    )
    func refused(text: String) { #expect(StoreAddress(text) == nil) }

    private func faults(flags: [Setting: [String]] = [:], environment: [String: String] = [:]) -> [String] {
        do {
            _ = try EffectiveConfiguration.load(flags: flags, file: nil, environment: environment) { _ in "" }
            return []
        } catch {
            return (error as? ConfigurationError)?.faults ?? ["\(error)"]
        }
    }

    @Test("A password is taken from the environment and refused on the command line, and no fault repeats it")
    func secrets() {
        let address = "postgres://signet:s3cret@db.example/signet"
        #expect(faults(environment: ["SIGNET_STORE_ADDRESS": address]) == [])
        let refused = faults(flags: [.storeAddress: [address]])
        #expect(refused.count == 1 && refused[0].contains("SIGNET_STORE_ADDRESS"))
        let typo = faults(environment: ["SIGNET_STORE_ADDRESS": "postgre://signet:s3cret@db.example/signet"])
        #expect(typo.count == 1)
        #expect(!(refused + typo).joined().contains("s3cret"))
    }

    @Test("A direct address is for PostgreSQL only")
    func direct() {
        #expect(faults(environment: ["SIGNET_STORE_DIRECT_ADDRESS": "postgres://db/x"]).count == 1)
        #expect(
            faults(environment: [
                "SIGNET_STORE_DIRECT_ADDRESS": "postgres://db/x", "SIGNET_STORE_ADDRESS": "postgres://pool/x",
            ]) == []
        )
    }
}
