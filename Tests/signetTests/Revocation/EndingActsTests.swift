import Accounts
import AsyncHTTPClient
import AuthorizationServer
import JOSE
import NIOCore
import NIOHTTP1
import OAuthVocabulary
import ResourceServer
import SQLiteStore
import Testing

@testable import signet

@Suite("Revocation, server and API: acts that end a right", .serialized, .timeLimit(.minutes(5)))
struct EndingActsTests {
    enum Act: String, CaseIterable, Sendable {
        case accessTokenRevoked, refreshTokenRevoked, refreshTokenReused, signedOut, sessionClosedByAnother
        case passwordChanged, personDisabled, personDisabledByCommand, consentWithdrawn
        case tokenRevokedByCommand, personRevokedByCommand, clientDisabled, keyRetired, everythingRevokedByCommand
    }

    @Test("RFC 7009 §2.1: a token works, a right ends, the API refuses, and asked nobody: it heard of it by the feed")
    func acts() async throws {
        try await FeedHouse.with { house in
            try await FollowingAPI.with(house) { api in
                var bystander = try await house.holder("bystander")
                for act in Act.allCases {
                    let holder = try await house.holder(act.rawValue.lowercased())
                    #expect(await api.serves(holder.access), "\(act)")
                    let before = api.way.requests
                    try await perform(act, holder, house)
                    #expect(await api.refusesInTheEnd(holder.access), "\(act)")
                    let since = api.way.requests.filter { $0.value != before[$0.key] }.keys
                    // A connection that broke under load may have been made anew; nobody was asked about a token.
                    let feed: Set<String> = ["events", "snapshot", "poll", "feed-keys"]
                    #expect(feed.isSuperset(of: since), "\(act): \(since)")
                    let code = await api.refusal(bystander.access)?.code
                    switch act {
                    case .keyRetired:
                        // By the key that took its place the same things are served.
                        #expect(code == .tokenRevoked || code == .keyUnknown)
                        let isSigned = try await becomesTrue {
                            let next = try FeedHouse.keyID(of: try await house.token())
                            return next != (try FeedHouse.keyID(of: bystander.access))
                        }
                        #expect(isSigned)
                        bystander = try await house.holder("bystander2")
                        #expect(await api.serves(bystander.access))
                    case .everythingRevokedByCommand: #expect(code == .tokenRevoked)
                    default: #expect(code == nil, "\(act)")
                    }
                }
                let late = try await house.token()
                #expect(await api.serves(late), "what is issued after everything was ended is good")
                #expect(api.verifier.statistics.introspections == 0)
            }
        }
    }

    private func perform(_ act: Act, _ holder: FeedHouse.Holder, _ house: FeedHouse) async throws {
        let bench = try house.bench
        switch act {
        case .accessTokenRevoked: try await house.revoke(holder.access, of: holder.client)
        case .refreshTokenRevoked: try await house.revoke(holder.refresh, of: holder.client)
        case .refreshTokenReused:
            let form = "grant_type=refresh_token&refresh_token=\(holder.refresh)"
            let server = try house.server
            #expect(try await house.post("/token", form, client: holder.client, at: server) == 200)
            #expect(try await house.post("/token", form, client: holder.client, at: server) == 400)
        case .signedOut: try await signOut(holder, house)
        case .sessionClosedByAnother: _ = try await bench.sessions.close(holder.session, now: bench.now)
        case .passwordChanged:
            // As `signet user set-password` has it.
            try await bench.people.setPassword(holder.subject, to: Secret("another long password"), now: bench.now)
        case .personDisabled: try await bench.people.disable(holder.subject, now: bench.now)
        case .personDisabledByCommand: try await house.command("user", "disable", act.rawValue.lowercased())
        case .consentWithdrawn:
            let consents = Consents(store: bench.store, revocations: bench.revocations)
            let client = try #require(ClientID(holder.client))
            #expect(try await consents.withdraw(subject: holder.subject, client: client, now: bench.now))
        case .tokenRevokedByCommand:
            let id = try #require(try FeedHouse.claim("jti", of: holder.access).stringValue)
            try await house.command("revoke", "--jti", id)
        case .personRevokedByCommand: try await house.command("revoke", "--user", act.rawValue.lowercased())
        case .clientDisabled: try await house.command("client", "update", holder.client, "--disable")
        case .keyRetired: try await house.command("keys", "retire", try FeedHouse.keyID(of: holder.access))
        case .everythingRevokedByCommand: try await house.command("revoke", "--all")
        }
    }

    /// As a browser does it: the page, and its form.
    private func signOut(_ holder: FeedHouse.Holder, _ house: FeedHouse) async throws {
        let address = try house.server.issuer + "/logout"
        var page = HTTPClientRequest(url: address)
        page.headers.add(name: "Cookie", value: "\(Self.sessionCookie)=\(holder.cookie.exposed)")
        let question = try await HTTPClient.shared.execute(page, timeout: .seconds(30))
        let text = String(buffer: try await question.body.collect(upTo: 1 << 20))
        let cookies = question.headers["set-cookie"].map { String($0.prefix { $0 != ";" }) }
        let marker = "name=\"form_token\" value=\""
        let start = try #require(text.ranges(of: marker).first, "\(question.status) \(text)").upperBound
        let token = text[start...].prefix { $0 != "\"" }
        var form = HTTPClientRequest(url: address)
        form.method = .POST
        let jar = ["\(Self.sessionCookie)=\(holder.cookie.exposed)"] + cookies
        form.headers.add(name: "Cookie", value: jar.joined(separator: "; "))
        form.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        form.headers.add(name: "Sec-Fetch-Site", value: "same-origin")
        form.headers.add(name: "Origin", value: try house.server.issuer)
        form.body = .bytes(ByteBuffer(string: "form_token=\(token)&decision=sign-out"))
        let answer = try await HTTPClient.shared.execute(form, timeout: .seconds(30))
        #expect(answer.status == .ok)
        _ = try await answer.body.collect(upTo: 1 << 20)
    }

    static let sessionCookie = "signet-session"
}
