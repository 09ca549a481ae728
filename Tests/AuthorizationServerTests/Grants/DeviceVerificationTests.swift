import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// RFC 8628 §3.3 and §5: what the person sees and does. FIELD C10, K34, L36.
@Suite struct DeviceVerificationTests {
    @Test func `The person signs in first, and comes back to the code that the address brought`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let codes = try await browser.world.startDevice()
        let first = try await browser.follow(browser.get("/device", ["user_code": codes.user]))
        let signIn = try #require(first.signIn)
        #expect(signIn.applicationName == nil)
        try await browser.signIn()
        let page = try #require(await browser.resume(signIn.interaction).deviceCode)
        #expect(page.typed == codes.user && page.problem == nil)
    }

    @Test func `RFC 8628 §5.4: the page names the application, the code, where the request came from, and the scopes`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice(address: "203.0.113.9")
        browser.world.time.advance(by: .seconds(90))
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        #expect(page.applicationName == "Television tv" && page.userCode.shown == codes.user)
        #expect(page.address == "203.0.113.9" && page.origin == .otherAddress && page.age == .seconds(90))
        #expect(page.scopes.map(\.scope.value) == ["openid", "offline_access", "orders:read"])
        #expect(page.scopes.last?.text == "See or change your orders")
        let near = try await browser.world.startDevice(address: "127.0.0.1")
        #expect(try await browser.enter(near.user).deviceConsent?.origin == .sameAddress)
    }

    @Test func `RFC 8628 §5.4: a code in the address approves nothing, and shows nothing of the request`() async throws
    {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        let page = try await browser.get("/device", ["user_code": codes.user])
        #expect(page.deviceCode?.typed == codes.user)
        #expect(try await browser.world.poll(codes.device).failure?.code == .authorizationPending)
    }

    @Test(arguments: ["lower", "spaces", "dashes", "bare", "typographic"])
    func `RFC 8628 §6.1: case, dashes and spaces do not matter`(_ way: String) async throws {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        let letters = codes.user.filter { $0 != "-" }
        let typed =
            switch way {
            case "lower": codes.user.lowercased()
            case "spaces": " " + letters.map { "\($0)" }.joined(separator: " ") + " "
            case "dashes": letters.map { "\($0)" }.joined(separator: "-")
            case "bare": letters
            default: "\(letters.prefix(4))\u{2013}\(letters.suffix(4))\u{00A0}"
            }
        #expect(try await browser.enter(typed).deviceConsent != nil)
    }

    @Test func `Unknown, malformed, over-long, expired, denied and used codes are all answered alike`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let old = try await world.startDevice()
        world.time.advance(by: .seconds(600))
        let (denied, used) = (try await world.startDevice(), try await world.startDevice())
        try await browser.connect(denied, "deny")
        try await browser.connect(used)
        _ = try await world.poll(used.device)
        let codes = [
            "BBBBBBBB", "AEIOUAEI", "B", "1234-5678", String(repeating: "B", count: 5000), "\u{0}", "WDJB-MJHT'--",
            "ＢＣＤＦＧＨＪＫ", old.user, denied.user, used.user, used.device,
        ]
        for code in codes {
            let answer = try await browser.enter(code)
            #expect(answer.status == 400 && answer.deviceCode?.problem == .unknownCode, "\(code)")
            #expect(answer.failure?.description == "the code is unknown, has expired or was used")
        }
    }

    // MARK: - Guessing

    /// RFC 8628 §5.1: "It is therefore necessary to rate-limit user code attempts".
    @Test
    func `FIELD L36: guesses are counted before they are judged, and a right code forgives none of the wrong ones`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let own = try await world.startDevice()
        for letter in "BCDF" { _ = try await browser.enter(String(repeating: letter, count: 8)) }
        #expect(world.throttle.userCodes == 4)
        #expect(try await browser.enter(own.user).deviceConsent != nil)
        #expect(world.throttle.userCodes == 4)
        _ = try await browser.enter("nonsense")
        #expect(world.throttle.userCodes == 4, "what can be no code is no guess")
        world.throttle.demandWait(.seconds(7))
        let refused = try await browser.enter(own.user)
        #expect(refused.status == 429 && refused.deviceCode?.problem == .throttled(.seconds(7)))
        #expect(refused.headers.contains { $0.name == "Retry-After" && $0.value == "7" })
    }

    @Test func `FIELD L36: the form of the answer tells nothing about codes that it was not made for`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let (own, other) = (try await world.startDevice(), try await world.startDevice())
        let page = try #require(await browser.enter(own.user).deviceConsent)
        let count = world.throttle.userCodes
        var answers: [OAuthError?] = []
        for code in [other.user, "BBBB-BBBB"] {
            answers.append(try await browser.answer(page, "allow", changes: ["user_code": code]).shownError)
        }
        #expect(answers == [.staleForm, .staleForm])
        #expect(world.throttle.userCodes == count)
        #expect(try await browser.answer(page, "allow").deviceAnswered != nil)
    }

    // MARK: - Forms

    @Test func `FIELD K34: a form without our token, or with another one, neither guesses nor answers`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        let (entry, page) = (try await browser.codePage(), try #require(await browser.enter(codes.user).deviceConsent))
        let count = world.throttle.userCodes
        for token in [nil, "", "x", page.formToken] {
            let fields = ["user_code": codes.user].merging(token.map { ["form_token": $0] } ?? [:]) { $1 }
            #expect(try await browser.post("/device", fields).shownError == .staleForm)
        }
        for token in [nil, "", "x", entry.formToken] {
            let answer = try await browser.answer(page, "allow", changes: ["form_token": token])
            #expect(answer.shownError == .staleForm)
        }
        #expect(world.throttle.userCodes == count)
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
        #expect(try await browser.answer(page, "allow").deviceAnswered?.verdict == .allowed)
    }

    @Test func `FIELD C10, Dex 4928: an answer counts for the very request that was shown`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let (shown, other) = (try await world.startDevice(), try await world.startDevice())
        let page = try #require(await browser.enter(shown.user).deviceConsent)
        let otherName = Base64URL.encode(Digest.sha256(other.device))
        for change in [
            ["request": otherName], ["request": nil], ["request": ""], ["user_code": other.user],
            ["user_code": nil], ["user_code": other.user, "request": otherName],
        ] as [[String: String?]] {
            #expect(try await browser.answer(page, "allow", changes: change).shownError == .staleForm, "\(change)")
        }
        #expect(try await world.poll(other.device).failure?.code == .authorizationPending)
        #expect(try await browser.answer(page, "allow").deviceAnswered != nil)
        #expect(try await world.poll(other.device).failure?.code != nil, "and the other device still waits")
    }

    @Test func `FIELD C10, CVE-2024-38371: another browser or another session cannot use the form`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        var stranger = Browser(world: world, binding: "binding-of-another-browser")
        #expect(try await stranger.answer(page, "allow").location?.contains("/sign-in") == true, "nobody is signed in")
        try await stranger.signIn("mallory")
        #expect(try await stranger.answer(page, "allow").shownError == .staleForm)
        var again = browser
        try await again.signIn("bob")
        #expect(try await again.answer(page, "allow").shownError == .staleForm, "another person in the same browser")
        #expect(try await world.poll(codes.device).failure?.code == .authorizationPending)
        #expect(try await browser.answer(page, "allow").deviceAnswered != nil)
    }

    @Test(arguments: [nil, "", "maybe", "ALLOW"])
    func `CVE-2026-49443: a form without an answer skips no step`(_ decision: String?) async throws {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        let answer = try await browser.answer(page, "allow", changes: ["decision": decision])
        #expect(answer.shownError?.description == "the form came without a decision")
        #expect(try await browser.world.poll(codes.device).failure?.code == .authorizationPending)
    }

    @Test func `A button pressed twice shows the same page twice, and the other button changes nothing any more`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        for _ in 0..<2 { #expect(try await browser.answer(page, "allow").deviceAnswered?.verdict == .allowed) }
        #expect(try await browser.answer(page, "deny").deviceCode?.problem == .unknownCode)
        _ = try Tokens(browser.world.json(await browser.world.poll(codes.device)))
    }

    @Test func `Of two people with the same code the first one decides`() async throws {
        var alice = try await TestWorld.deviceWorld()
        var bob = Browser(world: alice.world, binding: "binding-of-bobs-browser")
        try await alice.signIn("alice")
        try await bob.signIn("bob")
        let codes = try await alice.world.startDevice()
        let forAlice = try #require(await alice.enter(codes.user).deviceConsent)
        let forBob = try #require(await bob.enter(codes.user).deviceConsent)
        #expect(try await bob.answer(forBob, "deny").deviceAnswered?.verdict == .denied)
        #expect(try await alice.answer(forAlice, "allow").deviceCode?.problem == .unknownCode)
        #expect(try await alice.world.poll(codes.device).failure?.code == .accessDenied)
    }

    // MARK: - Between the answer and the device

    @Test(arguments: GrantEnding.allCases)
    func `What ends the person's right between the answer and the device refuses the code`(_ ending: GrantEnding)
        async throws
    {
        let world = try await TestWorld.deviceWorld().world
        // The endings speak of the client "app" and of the session "s1".
        try await world.deviceClient("app")
        var browser = Browser(world: world)
        let session = try await world.signIn()
        _ = try await world.store.apply([.insert(Record(key: session.key, payload: []))], now: world.now)
        browser.session = session
        let codes = try await world.startDevice("app", scope: "openid orders:read")
        let twin = try await world.startDevice("app", scope: "openid orders:read")
        try await browser.connect(codes)
        try await browser.connect(twin)
        _ = try Tokens(world.json(await world.poll(twin.device, client: "app")))
        world.time.advance(by: .milliseconds(10))
        try await ending.apply(to: world)
        let refused = try await world.poll(codes.device, client: "app").failure?.code
        #expect([.invalidGrant, .invalidClient].contains(refused))
    }

    @Test func `A consent that is withdrawn takes the approved device with it`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        let session = try await browser.signIn()
        let codes = try await world.startDevice()
        try await browser.connect(codes)
        world.time.advance(by: .milliseconds(10))
        let client = try #require(ClientID("tv"))
        #expect(try await world.services.consents.withdraw(subject: session.subject, client: client, now: world.now))
        #expect(try await world.poll(codes.device).failure?.code == .invalidGrant)
    }

    @Test func `A disabled client or person cannot be answered for`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        try await browser.signIn()
        let codes = try await world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        let disabled = browser
        try await world.signIn("alice", session: "other") { $0.isEnabled = false }
        #expect(try await disabled.answer(page, "allow").location?.contains("/sign-in") == true)
        try await browser.signIn()
        _ = try await world.services.clients.update(
            try #require(ClientID("tv")),
            now: world.now,
            revocations: world.services.revocations
        ) { $0.status = .disabled }
        #expect(try await browser.enter(codes.user).deviceCode?.problem == .unknownCode)
    }

    @Test func `FIELD C10, Hydra e6a7354: devices of two people in one browser never share a person or a session`()
        async throws
    {
        var browser = try await TestWorld.deviceWorld()
        let world = browser.world
        var sessions: [String] = []
        var tokens: [Tokens] = []
        for person in ["alice", "bob"] {
            sessions.append(try await browser.signIn(person).id.value)
            let codes = try await world.startDevice()
            try await browser.connect(codes)
            tokens.append(try Tokens(world.json(await world.poll(codes.device))))
        }
        for (index, person) in ["alice", "bob"].enumerated() {
            let access = try UnverifiedToken(tokens[index].access).unverifiedClaims
            #expect(access["sub"] == .string(person) && access["sid"] == .string(sessions[index]))
            let id = try UnverifiedToken(#require(tokens[index].id)).unverifiedClaims
            #expect(id["sub"] == .string(person))
            #expect(id["sid"] == nil, "a device that could name the browser's session could end it")
            let fresh = try Tokens(world.json(await world.refresh(tokens[index].refresh, client: "tv")))
            #expect(try UnverifiedToken(#require(fresh.id)).unverifiedClaims["sid"] == nil, "nor after a refresh")
        }
    }

    @Test func `FIELD C10, Hydra e6a7354: a device's ID token signs nobody out without being asked`() async throws {
        var browser = try await TestWorld.deviceWorld()
        let session = try await browser.signIn()
        let codes = try await browser.world.startDevice()
        try await browser.connect(codes)
        let tokens = try Tokens(browser.world.json(await browser.world.poll(codes.device)))
        let answer = try await browser.get("/logout", ["id_token_hint": try #require(tokens.id)])
        #expect(answer.endedSession == nil)
        guard case .screen(.confirmSignOut) = answer.body else { throw TestFailure() }
        let own = try browser.world.idToken(["aud": "tv", "sid": .string(session.id.value)])
        #expect(try await browser.get("/logout", ["id_token_hint": own]).endedSession == session.id, "its twin does")
    }

    @Test func `A device with offline_access outlives the browser that allowed it, and without it ends with it`()
        async throws
    {
        for (scope, outlives) in [("openid offline_access", true), ("openid", false)] {
            var browser = try await TestWorld.deviceWorld()
            let world = browser.world
            let session = try await browser.signIn()
            let codes = try await world.startDevice(scope: scope)
            let late = try await world.startDevice(scope: scope)
            try await browser.connect(codes)
            try await browser.connect(late)
            let tokens = try Tokens(world.json(await world.poll(codes.device)))
            world.time.advance(by: .seconds(1))
            world.endUsers.remove(session.id)
            try await world.services.revocations.apply(ending: .session(session.id), now: world.now)
            world.time.advance(by: .seconds(1))
            #expect((try await world.refresh(tokens.refresh, client: "tv").failure == nil) == outlives)
            #expect((try await world.poll(late.device).failure == nil) == outlives, "before it had its tokens, too")
        }
    }

    @Test func `An answer that loses a race is judged again by what is true then`() async throws {
        let store = MeddledStore()
        var browser = try await TestWorld.deviceWorld(store: store)
        try await browser.signIn()
        let world = browser.world
        let codes = try await world.startDevice()
        let page = try #require(await browser.enter(codes.user).deviceConsent)
        await store.beforeNextApply { _ in _ = try await world.poll(codes.device) }
        #expect(try await browser.answer(page, "allow").deviceAnswered?.verdict == .allowed)
        _ = try Tokens(world.json(await world.poll(codes.device)))
        let second = try await world.startDevice()
        let open = try #require(await browser.enter(second.user).deviceConsent)
        await store.fail(.unavailable(reason: "the disk is full"))
        #expect(try await browser.answer(open, "allow").shownError?.status == 503)
        await store.fail(nil)
        #expect(try await world.poll(second.device).failure?.code == .authorizationPending)
    }

    @Test func `Where the device asked from is forgotten once the person has answered`() async throws {
        var browser = try await TestWorld.deviceWorld()
        try await browser.signIn()
        let codes = try await browser.world.startDevice(address: "203.0.113.9")
        #expect(try await browser.world.deviceRecord(codes.device)?.content.address == "203.0.113.9")
        try await browser.connect(codes)
        #expect(try await browser.world.deviceRecord(codes.device)?.content.address == nil)
    }
}
