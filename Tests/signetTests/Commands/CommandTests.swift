import Foundation
import JOSE
import Testing

@testable import signet

@Suite("Executable: commands on the store of a running server", .timeLimit(.minutes(5)))
struct CommandTests {
    let temporary: TemporaryFolder
    var data: String { temporary.path + "/data" }

    init() throws { temporary = try TemporaryFolder() }

    func signet(_ arguments: String..., input: String = "") async throws -> Executable.Outcome {
        await (try Child(arguments + ["--data-dir", data], input: input)).outcome()
    }

    func json(_ arguments: String..., input: String = "") async throws -> JSON {
        let outcome = await (try Child(arguments + ["--data-dir", data, "--json"], input: input)).outcome()
        try #require(outcome.status == 0 && !outcome.output.isEmpty, "\(arguments): \(outcome)")
        return try outcome.json
    }

    @Test("serve --dev starts, answers, explains, and stops on SIGTERM with 0; its demo is registered as a demo")
    func development() async throws {
        try await RunningServer.with(["--dev"], folder: data) { server in
            let discovery = try await server.get("/.well-known/openid-configuration")
            #expect(discovery["issuer"] == .string(server.issuer))
            #expect(server.child.text(of: "output").contains("correct horse"))
            let secret = String(decoding: try temporary.bytes(of: "data/demo-service.secret"), as: UTF8.self)
            #expect(try temporary.mode(of: "data/demo-service.secret") == 0o600)
            let apiSecret = String(decoding: try temporary.bytes(of: "data/demo-api.secret"), as: UTF8.self)
            #expect(try temporary.mode(of: "data/demo-api.secret") == 0o600)
            let unknown = try await server.post(
                "/introspect",
                "token=none",
                authorization: RunningServer.basic("demo-api", String(apiSecret.dropLast()))
            )
            #expect(unknown == ["active": false])
            let token = try await server.post(
                "/token",
                "grant_type=client_credentials&scope=orders:read",
                authorization: RunningServer.basic("demo-service", String(secret.dropLast()))
            )
            #expect(token["token_type"] == "Bearer", "\(token)")
            #expect(try await json("client", "show", "demo-app")["record_origin"] == "demo")
            #expect(try await json("user", "show", "demo")["record_origin"] == "demo")
            #expect(try await json("api", "list")[0]["record_origin"] == "demo")
            server.child.terminate()
            let outcome = await server.child.outcome()
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        // A second start keeps the secret and finds everything in place.
        let before = try temporary.bytes(of: "data/demo-service.secret")
        try await RunningServer.with(["--dev"], folder: data) { server in
            server.child.interrupt()
            #expect(await server.child.outcome().status == 0)
        }
        #expect(try temporary.bytes(of: "data/demo-service.secret") == before)
    }

    @Test("A client is created, listed, shown, changed, gets a new secret and is deleted; the server sees each at once")
    func clientLife() async throws {
        try await RunningServer.with([], folder: data) { server in
            func token(_ secret: String) async throws -> JSON {
                try await server.post(
                    "/token",
                    "grant_type=client_credentials",
                    authorization: RunningServer.basic("billing", secret)
                )
            }
            let created = try await json(
                "client",
                "create",
                "--id",
                "billing",
                "--name",
                "Billing",
                "--role",
                "auditor"
            )
            let secret = try #require(created["client_secret"].stringValue)
            #expect(secret.hasPrefix("signet_cs_"))
            #expect(created["grant_types"] == ["client_credentials"])
            #expect(created["token_endpoint_auth_method"] == "client_secret_basic")
            #expect(try await token(secret)["token_type"] == "Bearer")

            // The secret is shown once.
            for later in [try await json("client", "show", "billing"), try await json("client", "list")[0]] {
                #expect(later["client_id"] == "billing")
                #expect(later["client_secret"] == .null)
            }
            let rotated = try await json("client", "rotate-secret", "billing")["client_secret"].stringValue
            #expect(try await token(secret)["error"] == "invalid_client")
            #expect(try await token(try #require(rotated))["token_type"] == "Bearer")

            let given = String(repeating: "k", count: 32)
            let withOwn = try await json("client", "rotate-secret", "billing", "--secret-stdin", input: given + "\n")
            #expect(withOwn["client_secret"] == .null, "what the operator brought is not shown back")
            #expect(try await token(given)["token_type"] == "Bearer")
            let short = try await signet("client", "rotate-secret", "billing", "--secret-stdin", input: "short\n")
            #expect(short.status == Status.data.code)

            #expect(try await json("client", "update", "billing", "--disable")["status"] == "disabled")
            #expect(try await token(given)["error"] == "invalid_client")
            #expect(try await json("client", "update", "billing", "--enable", "--clear", "roles")["roles"] == [])
            #expect(try await json("client", "delete", "billing")["client_id"] == "billing")
            #expect(try await signet("client", "show", "billing").status == Status.notOnRecord.code)
        }
    }

    @Test("Standard values follow from the type and the redirect URIs")
    func clientDefaults() async throws {
        try await RunningServer.with([], folder: data) { _ in }
        let spa = try await json(
            "client",
            "create",
            "--type",
            "public",
            "--redirect-uri",
            "https://app.example/",
            "--origin",
            "https://app.example"
        )
        #expect(spa["grant_types"] == ["authorization_code", "refresh_token"])
        #expect(spa["token_endpoint_auth_method"] == "none")
        #expect(spa["client_secret"] == .null)
        #expect(spa["scope"] == "openid profile email")
        let web = try await json("client", "create", "--redirect-uri", "https://shop.example/cb")
        #expect(web["client_type"] == "confidential")
        #expect(web["grant_types"] == ["authorization_code", "refresh_token"])
        #expect(web["pkce"] == "required")
        let relaxed = try await signet(
            "client",
            "create",
            "--redirect-uri",
            "https://old.example/cb",
            "--pkce",
            "optional"
        )
        #expect(relaxed.output.contains("OPTIONAL"), "the exemption is visible")
        let unsound = try await signet("client", "create", "--type", "public", "--grant", "client_credentials")
        #expect(unsound.status == Status.data.code)
        let slip = try await signet("client", "create", "--grant", "authorisation_code")
        #expect(slip.status == Status.usage.code)
        #expect(slip.errors.contains("did you mean authorization_code?"), "\(slip.errors)")
    }

    @Test("A person is created, changed, disabled and deleted; the password comes by standard input only")
    func personLife() async throws {
        try await RunningServer.with([], folder: data) { _ in
            let ada = try await json(
                "user",
                "create",
                "--username",
                "ada",
                "--email",
                "ada@example.org",
                "--email-verified",
                "--name",
                "Ada",
                "--role",
                "admin",
                "--claim",
                "tenant=7",
                "--claim",
                #"tags=["a"]"#,
                "--claim",
                "motto=so be it",
                "--password-stdin",
                input: "correct battery\n"
            )
            #expect(ada["claims"] == ["tenant": 7, "tags": ["a"], "motto": "so be it"])
            #expect(ada["email_verified"] == true)
            #expect(ada["has_password"] == true)
            let subject = try #require(ada["sub"].stringValue)
            for reference in ["ada", "ada@example.org", subject] {
                #expect(try await json("user", "show", reference)["sub"] == .string(subject))
            }
            let changed = try await json(
                "user",
                "update",
                "ada",
                "--claim",
                "tenant=null",
                "--clear",
                "roles",
                "--group",
                "staff"
            )
            #expect(changed["claims"] == ["tags": ["a"], "motto": "so be it"])
            #expect(changed["roles"] == [])
            #expect(changed["groups"] == ["staff"])
            #expect(try await signet("user", "create", "--username", "ada", "--no-password").status == Status.data.code)
            _ = try await json("user", "disable", "ada")
            #expect(try await json("user", "list")[0]["status"] == "disabled")
            _ = try await json("user", "enable", "ada")
            _ = try await json("user", "set-password", "ada", "--password-stdin", input: "another battery\n")
            let short = try await signet("user", "set-password", "ada", "--password-stdin", input: "short\n")
            #expect(short.status == Status.data.code)
            let noTerminal = try await signet("user", "set-password", "ada")
            #expect(noTerminal.status == Status.usage.code)
            _ = try await json("user", "delete", "ada")
            #expect(try await signet("user", "show", "ada").status == Status.notOnRecord.code)
        }
    }

    @Test("An API with its scopes; introspection by its credentials; revoking, inspecting and explaining a token")
    func tokens() async throws {
        try await RunningServer.with([], folder: data) { server in
            let api = try await json(
                "api",
                "create",
                "--audience",
                "https://orders.example",
                "--name",
                "Orders",
                "--scope",
                "orders:read=See your orders"
            )
            #expect(api["status_list"] == false)
            let listed = try await json("api", "update", "https://orders.example", "--status-list")
            #expect(listed["status_list"] == true && listed["scopes"] == api["scopes"])
            #expect(try await json("api", "show", "https://orders.example")["status_list"] == true)
            #expect(
                try await json("api", "update", "https://orders.example", "--no-status-list")["status_list"] == false
            )
            #expect(api["scopes"] == [["name": "orders:read", "description": "See your orders"]])
            let credentials = RunningServer.basic(
                try #require(api["credential_id"].stringValue),
                try #require(api["credential_secret"].stringValue)
            )
            let client = try await json("client", "create", "--id", "billing", "--scope", "orders:read")
            let own = RunningServer.basic("billing", try #require(client["client_secret"].stringValue))
            let answer = try await server.post("/token", "grant_type=client_credentials", authorization: own)
            let token = try #require(answer["access_token"].stringValue)

            let found = try await json("token", "inspect", input: token + "\n")
            #expect(found["finding"] == "active")
            #expect(found["claims"]["aud"] == "https://orders.example")
            #expect(
                try await server.post("/introspect", "token=\(token)", authorization: credentials)["active"] == true
            )
            let elsewhere = try await Executable.run("token", "inspect", input: token)
            #expect(elsewhere.output.contains("NOT VERIFIED"))

            let forged = String(token.dropLast(4)) + (token.hasSuffix("AAAA") ? "BBBB" : "AAAA")
            #expect(try await json("token", "inspect", input: forged)["finding"] == "refused")

            let jti = try #require(found["claims"]["jti"].stringValue)
            _ = try await json("revoke", "--jti", jti)
            #expect(try await json("token", "inspect", input: token)["finding"] == "refused")
            #expect(
                try await server.post("/introspect", "token=\(token)", authorization: credentials) == ["active": false]
            )

            let refused = try await server.post("/token", "grant_type=password", authorization: own)
            let trace = try #require(refused["trace_id"].stringValue)
            var explained = try await signet("explain", trace, "--json")
            for _ in 0..<100 where explained.status != 0 {
                try await Task.sleep(for: .milliseconds(20))
                explained = try await signet("explain", trace, "--json")
            }
            #expect(try explained.json["error"] == refused["error"])
            #expect(try await signet("explain", "nonsense").status == Status.notOnRecord.code)
            let update = try await json("api", "update", "https://orders.example", "--token-format", "opaque")
            #expect(update["token_format"] == "opaque")
            let opaque = try await server.post("/token", "grant_type=client_credentials", authorization: own)
            let text = try #require(opaque["access_token"].stringValue)
            #expect(try await json("token", "inspect", input: text)["finding"] == "active")
            _ = try await json("revoke", "--all")
            #expect(try await json("token", "inspect", input: text)["finding"] == "refused")
            let revoked = try await json("revoke", "--list").arrayValue ?? []
            #expect(revoked.compactMap { $0["revoked"].stringValue } == ["everything", "token:\(jti)"])
            #expect(try await signet("revoke", "--list").output.contains("token:\(jti)"))
            _ = try await json("api", "delete", "https://orders.example")
        }
    }

    @Test("Keys that the command line makes are published by the running server, retired ones are gone")
    func keys() async throws {
        try await RunningServer.with([], folder: data) { server in
            func published() async throws -> Set<String> {
                Set(try await server.get("/jwks.json")["keys"].arrayValue?.compactMap { $0["kid"].stringValue } ?? [])
            }
            let before = try await published()
            #expect(before.count == 3)
            let made = try await json("keys", "rotate", "--algorithm", "ES256")
            let kid = try #require(made[0]["kid"].stringValue)
            #expect(made[0]["state"] == "pending")
            for _ in 0..<500 where try await !published().contains(kid) { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await published() == before.union([kid]))
            _ = try await json("keys", "retire", kid)
            for _ in 0..<500 where try await published().contains(kid) { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await published() == before)
            let slip = try await signet("keys", "rotate", "--algorithm", "ES265")
            #expect(slip.status == Status.usage.code)
            #expect(slip.errors.contains("did you mean ES256?"))
            #expect(try await signet("keys", "retire", "nonsense").status == Status.notOnRecord.code)
            // One thumbprint in 64 begins with a hyphen: no option, and with an "h" in it no wish for help.
            let hyphenated = "-K9l4yfw9z8zV31nIyhYNDNrofRyRSoFw5OS0Oo-ObE"
            let unknown = try await signet("keys", "retire", hyphenated)
            #expect(unknown.status == Status.notOnRecord.code)
            #expect(unknown.sentences.contains { $0.contains(hyphenated) })
        }
    }

    @Test(
        "Each refusal of the command line has its exit code",
        arguments: [
            (["frobnicate"], 64), (["client", "show"], 64), (["revoke"], 64), (["revoke", "--all", "--jti", "x"], 64),
            (["revoke", "--all", "--list"], 64),
            (["client", "list", "--data-dir", "/nonexistent"], 66),
            (["config", "check", "--config", "/nonexistent.yaml"], 66),
            (["version"], 0), (["--help"], 0), (["config", "show", "--json"], 0), (["token", "inspect", "a.b.c"], 65),
        ] as [([String], Int32)]
    )
    func exitCodes(arguments: [String], status: Int32) async throws {
        let outcome = await (try Child(arguments)).outcome()
        #expect(outcome.status == status, "\(outcome)")
        #expect(outcome.errors.isEmpty == (status == 0))
    }
}
