import Instants
import JOSE
import OAuthVocabulary
import Storage
import Testing

@testable import AuthorizationServer

/// What version 1 of each payload looks like in a database, frozen: a program that cannot read one of these would lose
/// somebody's data.
@Suite struct PayloadFixtureTests {
    static let client =
        #"{"body":{"authenticationMethod":"client_secret_basic","consent":"required","createdAt":1800000000000,"credentialsChangedAt":1800000000000,"defaultResource":"https://api.example","entitlements":[],"grantTypes":["authorization_code","refresh_token"],"groups":[],"id":"web","idTokenAlgorithm":"RS256","name":"Web","origin":"registered","origins":["https://app.example"],"personalTokenClaims":["email"],"pkce":"required","postLogoutRedirectURIs":["https://app.example/"],"redirectURIs":["https://app.example/callback"],"refreshAbsoluteSeconds":100,"refreshIdleSeconds":10,"roles":["r"],"scopes":"openid email","secretHash":"abc","status":"enabled","tokenClaims":["roles"],"type":"confidential"},"v":1}"#
    static let clientInBrowsers = client.replacing(
        #""consent":"#,
        with: #""browserUse":{"isFirstParty":true,"session":"tokens","tokenDelivery":"cookie"},"consent":"#
    )
    static let api =
        #"{"body":{"audience":"https://api.example","createdAt":1800000000000,"credentialID":"api_1","name":"API","origin":"registered","personalTokenClaims":[],"scopes":[{"scope":"a:b","text":"See"}],"secretHash":"abc","tokenClaims":[],"tokenFormat":"jwt"},"v":1}"#
    static let listedAPI =
        #"{"body":{"audience":"https://api.example","createdAt":1800000000000,"credentialID":"api_1","name":"API","origin":"registered","personalTokenClaims":[],"scopes":[{"scope":"a:b","text":"See"}],"secretHash":"abc","statusList":true,"tokenClaims":[],"tokenFormat":"jwt"},"v":2}"#
    static let family =
        #"{"body":{"absoluteExpiry":1802592000000,"authentication":{"acr":"1","amr":["pwd"],"at":1800000000000},"client":"web","createdAt":1800000000000,"generation":1,"id":"AAAAAAAAAAAAAAAAAAAAAA","keyVersion":1,"nonce":[1,2],"previousNonce":[3,4],"requestDigest":"d","resource":"https://api.example","retries":2,"rotations":[{"at":1800000000000,"generation":0}],"scope":"openid","session":"s","signOnSession":"s","subject":"alice"},"v":1}"#
    static let code =
        #"{"body":{"authentication":{"acr":"1","amr":["pwd"],"at":1800000000000},"client":"web","codeChallenge":"c","family":"f","issuedAt":1800000000000,"nonce":"n","redirectURI":"https://app.example/callback","resource":"https://api.example","scope":"openid","session":"s","subject":"alice"},"v":1}"#
    static let revocation = #"{"body":{"notBefore":1800000000000,"target":"subject:alice"},"v":1}"#
    static let signingKey =
        #"{"body":{"activeFrom":1800000000000,"algorithm":"ES256","createdAt":1800000000000,"keyID":"k","publicJWK":"{}","sealedPrivateJWK":[1,2,3]},"v":1}"#

    func decode<P: Payload>(_ type: P.Type, _ fixture: String) throws -> P {
        try P(from: Record(key: RecordKey(P.kind, "x"), payload: Array(fixture.utf8)))
    }

    func roundTrip<P: Payload>(_ type: P.Type, _ fixture: String) throws {
        let bytes = try decode(type, fixture).encoded()
        #expect(String(decoding: bytes, as: UTF8.self) == fixture)
    }

    @Test func `Version 1 of every payload is read, and written the same`() throws {
        try roundTrip(RegisteredClient.self, Self.client)
        try roundTrip(RegisteredClient.self, Self.clientInBrowsers)
        #expect(try !decode(RegisteredClient.self, Self.client).usesCookies)
        #expect(try decode(RegisteredClient.self, Self.clientInBrowsers).usesCookies)
        try roundTrip(RefreshFamily.self, Self.family)
        try roundTrip(AuthorizationCodeRecord.self, Self.code)
        try roundTrip(RevocationRecord.self, Self.revocation)
        try roundTrip(SigningKeyRecord.self, Self.signingKey)
    }

    /// Both ways lead to the same bytes, so that only this shows which one was taken.
    @Test func `What is written by the thousand a second spells and reads itself`() throws {
        func spells<P: Payload>(_ type: P.Type, _ fixture: String) throws {
            let body = try #require(try decode(type, fixture).spelledBody)
            #expect("{\"body\":\(String(decoding: body, as: UTF8.self)),\"v\":1}" == fixture)
            var text = PayloadScanner(body)
            let read = P.read(&text)
            #expect(read != nil && text.isAtEnd)
        }
        try spells(RefreshFamily.self, Self.family)
        let sparse = Self.family
            .replacing(#""previousNonce":[3,4],"requestDigest":"d","resource":"https://api.example","#, with: "")
            .replacing(#""rotations":[{"at":1800000000000,"generation":0}]"#, with: #""rotations":[]"#)
            .replacing(#","session":"s""#, with: "")
        try spells(RefreshFamily.self, sparse)
        try roundTrip(RefreshFamily.self, sparse)
        let named = Self.family.replacing(#""generation":1,"id""#, with: #""generation":1,"grantType":"urn:x","id""#)
        try spells(RefreshFamily.self, named)
        let ending =
            #"{"body":{"at":1,"audiences":["a","b"],"cause":"client_disabled","client":"c","expiresAt":2,"session":"s","statusIndex":3,"subject":"p","target":"client:c","version":4},"v":1}"#
        try spells(EndingRecord.self, ending)
        #expect(try decode(RevocationRecord.self, Self.revocation).spelledBody != nil)
        // A text that needs an escape is left to the general encoder.
        let quoted = Self.family.replacing(#""requestDigest":"d""#, with: ##""requestDigest":"\"""##)
        #expect(try decode(RefreshFamily.self, quoted).spelledBody == nil)
        try roundTrip(RefreshFamily.self, quoted)
    }

    @Test func `An API of version 1 is read as one without a status list, and version 2 says whether it has one`()
        throws
    {
        let old = try decode(RegisteredAPI.self, Self.api)
        #expect(!old.statusList && old.name == "API" && old.scopes.count == 1 && old.tokenFormat == .jwt)
        try roundTrip(RegisteredAPI.self, Self.listedAPI)
        #expect(try decode(RegisteredAPI.self, Self.listedAPI).statusList)
    }

    @Test func `Version 1 of the status list's payloads is read, and written the same`() throws {
        try roundTrip(StatusAllocationRecord.self, #"{"body":{"list":3,"next":512},"v":1}"#)
        try roundTrip(StatusListRecord.self, #"{"body":{"lst":"eNo","number":3,"until":1800000000000},"v":1}"#)
        let assigned = #"[{"at":1800000000000,"reference":{"index":7,"list":3}}]"#
        try roundTrip(
            StatusEntryRecord.self,
            #"{"body":{"assigned":\#(assigned),"isSpent":false,"session":"s"},"v":1}"#
        )
    }

    @Test func `Version 1 of a device code and of its family is read, and written the same`() throws {
        let asked =
            #""address":"203.0.113.9","audience":["https://api.example"],"client":"tv","expiresAt":1800000600000,"intervalSeconds":5,"polledAt":1800000001000,"requestedAt":1800000000000,"resource":"https://api.example","scope":"a:b""#
        try roundTrip(DeviceCodeRecord.self, #"{"body":{\#(asked)},"v":1}"#)
        let answer =
            #""answer":{"at":1800000002000,"authentication":{"acr":"1","amr":["pwd"],"at":1800000000000},"family":"f","session":"s","subject":"alice","verdict":"allowed"}"#
        let answered = asked.replacing(#""address":"203.0.113.9","#, with: "")
        try roundTrip(DeviceCodeRecord.self, #"{"body":{\#(answer),\#(answered)},"v":1}"#)
        let family = Self.family.replacing(
            #""id":"#,
            with: #""grantType":"urn:ietf:params:oauth:grant-type:device_code","id":"#
        )
        try roundTrip(RefreshFamily.self, family)
    }

    @Test func `Version 1 of the event streams' payloads is read, and written the same`() throws {
        let health = #""health":{"delivered":1,"failures":2,"lost":3,"refused":4}"#
        try roundTrip(
            EventStreamRecord.self,
            #"{"body":{"audience":"https://api.example","createdAt":1800000000000,"delivery":{"poll":{}},"events":["e"],\#(health),"id":"s"},"v":1}"#
        )
        let push = #"{"push":{"sealedCredential":[1,2],"url":"https://receiver.example/"}}"#
        try roundTrip(
            EventStreamRecord.self,
            #"{"body":{"audience":"https://api.example","createdAt":1800000000000,"delivery":\#(push),"events":["e"],\#(health),"id":"s","madeAfter":3},"v":1}"#
        )
        try roundTrip(
            QueuedEventRecord.self,
            #"{"body":{"attempts":1,"claims":"{}","queuedAt":1800000000000,"restsUntil":1800000001000,"stream":"s","tokenID":"t"},"v":1}"#
        )
    }

    @Test func `A client of before logout is read as one that hears of none, and one of today as it is`() throws {
        let old = try decode(RegisteredClient.self, Self.client)
        #expect(!old.hearsOfLogout && old.backchannelLogoutSessionRequired == nil)
        let back = #""backchannelLogoutSessionRequired":true,"backchannelLogoutURI":"https://app.example/back","#
        let front = #""frontchannelLogoutSessionRequired":true,"frontchannelLogoutURI":"https://app.example/front","#
        try roundTrip(
            RegisteredClient.self,
            Self.client.replacing("\"consent\"", with: back + "\"consent\"")
                .replacing("\"grantTypes\"", with: front + "\"grantTypes\"")
        )
    }

    @Test func `Version 1 of logout's payloads is read, and written the same`() throws {
        try roundTrip(
            ParticipationRecord.self,
            #"{"body":{"authenticatedAt":1800000000000,"client":"web","session":"s","subject":"alice"},"v":1}"#
        )
        try roundTrip(LogoutOrderRecord.self, #"{"body":{"at":1800000000000,"target":"session:s"},"v":1}"#)
        try roundTrip(
            LogoutDeliveryRecord.self,
            #"{"body":{"attempts":2,"client":"web","failedAt":1800000003000,"id":"d","lastAttemptAt":1800000002000,"lastError":"e","queuedAt":1800000000000,"restsUntil":1800000001000,"session":"s","subject":"alice"},"v":1}"#
        )
        try roundTrip(
            LogoutLaneRecord.self,
            #"{"body":{"claimedUntil":1800000001000,"client":"web","failures":3,"restsUntil":1800000002000},"v":1}"#
        )
    }

    @Test func `A payload that is newer, damaged or of another kind is refused by name and without its content`() throws
    {
        let newer = Self.revocation.replacing("\"v\":1", with: "\"v\":2")
        for (fixture, part) in [(newer, "version 2"), ("{", "cannot be read"), ("", "cannot be read")] {
            let error = #expect(throws: StoreError.self) { try decode(RevocationRecord.self, fixture) }
            guard case .corrupt(let reason) = error else { throw TestFailure() }
            #expect(reason.contains(part) && reason.contains("revocation") && !reason.contains("alice"))
        }
        #expect(throws: StoreError.self) {
            try RevocationRecord(
                from: Record(key: RecordKey(RecordKind("client"), "x"), payload: Array(Self.revocation.utf8))
            )
        }
    }
}
