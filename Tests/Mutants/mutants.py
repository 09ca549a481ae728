#!/usr/bin/env python3
"""Removes one security check at a time and shows that a test notices.

    python3 Tests/Mutants/mutants.py            every mutant, in a copy of the tree under .build/mutants
    python3 Tests/Mutants/mutants.py PKCE       those whose name contains the word

A mutant survives if the tests pass without the check: then a test is missing. Takes about a minute a mutant, so it is
run by hand before a release and not by `make test`. `make lint` runs `--check`, which only looks whether every line to be
removed is still there.
"""

import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = "Sources/AuthorizationServer/"
JWE = "../JOSE/JWE/"
POSTGRES = "../PostgresStore/"
POSTGRES_PROMISES = "The PostgreSQL store keeps every promise"

# name, file, the text of the check, what stands there instead, the tests that must notice
MUTANTS = [
    ("the memory: a commit of another process", "../SQLiteStore/RecordMemory.swift",
     "if state == known { return state }", "if state == known || true { return known }", "RecordMemoryTests"),
    ("the memory: another process right behind us", "../SQLiteStore/RecordMemory.swift",
     "guard hasWritten ? LogHeader.commits(state) == ours : state == contents.known else {",
     "guard hasWritten || LogHeader.commits(state) == ours || true else {", "RecordMemoryTests"),
    ("the memory: a commit of ours that wrote nothing", "../SQLiteStore/RecordMemory.swift",
     "guard hasWritten ? LogHeader.commits(state) == ours : state == contents.known else {",
     "guard state == contents.known || LogHeader.commits(state) == ours else {", "RecordMemoryTests"),
    ("the memory: a read beside a commit", "../SQLiteStore/RecordMemory.swift",
     "guard contents.known == state, contents.current() == state else { return false }",
     "guard contents.header != nil else { return false }", "RecordMemoryTests"),
    ("the memory: what was swept", "../SQLiteStore/RecordMemory.swift",
     "case .record(let record) = found, record.isExpired(at: sweptUpTo) { return nil }",
     "case .record(let record) = found, record.isExpired(at: sweptUpTo), false { return nil }", "RecordMemoryTests"),
    ("the memory: what was loaded", "../SQLiteStore/WriteLane.swift",
     "doings.isMore = true", "doings.isMore = false", "RecordMemoryTests"),
    ("the memory: second names", "../SQLiteStore/RecordMemory.swift",
     "for index in record?.indexes ?? [] { drop(.index(key.kind, index)) }", "_ = record", "RecordMemoryTests"),
    ("the memory: swept and written in one transaction", "../SQLiteStore/WriteLane.swift",
     "if let sweptUpTo = done.sweptUpTo, record.isExpired(at: sweptUpTo) { return try table.record(key) }",
     "_ = done.sweptUpTo", "RecordMemoryTests"),
    ("the rolls: a commit of another process", "../SQLiteStore/RecordMemory.swift",
     "earlier = RecordMemory.Half()\n        rolls.forget()", "earlier = RecordMemory.Half()", "RecordMemoryTests"),
    ("the rolls: what is written", "../SQLiteStore/RecordMemory.swift",
     "if write.after != nil { rolls.wrote(key) }", "_ = write.after", "RecordMemoryTests"),
    ("the rolls: what is written while one is read", "../SQLiteStore/RecordRolls.swift",
     ".whole(marks.union(written))", "written.isEmpty ? .whole(marks) : .whole(marks)", "RecordMemoryTests"),
    ("the rolls: an old reading", "../SQLiteStore/RecordRolls.swift",
     "guard case .underWay(reading, let written)", "guard case .underWay(_, let written)", "RecordMemoryTests"),
    ("prompt answers: before Hummingbird's", "../ServerHTTP/Listening/PromptAnswers.swift",
     "elsewhere == 0 && !isClosing && desk.takes(head)", "!isClosing && desk.takes(head)", "PromptAnswersTests"),
    ("prompt answers: after the last one", "../ServerHTTP/Listening/PromptAnswers.swift",
     "elsewhere == 0 && !isClosing && desk.takes(head)", "elsewhere == 0 && desk.takes(head)", "PromptAnswersTests"),
    ("prompt answers: one that waits for all others", "../ServerHTTP/Listening/PromptAnswers.swift",
     "if state.value.waiting.count >= Self.most {", "if state.value.waiting.count >= .max {", "PromptAnswersHandlerTests"),
    ("prompt answers: nobody is there any more", "../ServerHTTP/Listening/PromptAnswers.swift",
     "case .failure: end()", "case .failure: answered(context)", "PromptAnswersTests"),
    ("prompt answers: one at a time", "../ServerHTTP/Listening/PromptAnswers.swift",
     "if isAnswering || isCatchingUp {", "if isCatchingUp {", "PromptAnswersTests"),
    ("prompt answers: what came in meanwhile", "../ServerHTTP/Listening/PromptAnswers.swift",
     "while !isAnswering, let arrival = waiting.popFirst()", "while false, let arrival = waiting.popFirst()",
     "PromptAnswersTests"),
    ("the log: a checkpoint for ever behind", "../SQLiteStore/Checkpointer.swift",
     "case .here:\n            let pass = Self.checkpoint(writer)", "case .here:\n            let pass: Log.Pass? = nil; _ = writer",
     "CheckpointTests"),
    ("the feed: a wish that went to nobody", "RevocationFeed/FeedPublisher+Reading.swift",
     "guard withSet, feed.set == nil else { return true }", "guard withSet, feed.set == nil, false else { return true }",
     "RevocationFeedLagTests"),
    ("a retired key that is gone from the set", "../ResourceServer/TokenVerifier+Judging.swift",
     "feed.isRetired(keyID: keyID)\n            {", "feed.isRetired(keyID: keyID), false\n            {",
     "IssuerKeysTests"),
    ("the digest of keys that the feed brought", "../ResourceServer/Feed/FeedFollower.swift",
     "state.note(keySetDigest: keys.digest)", "if step.issuerTime != nil { state.note(keySetDigest: keys.digest) }",
     "FeedReaderTests"),
    ("an identifier that looks like an option", "../signet/Console/Identifiers.swift",
     "guard !arguments.contains(\"--\") else { return arguments }", "guard arguments.isEmpty else { return arguments }",
     "CommandTreeTests"),
    ("C8 a code pays twice", "Grants/AuthorizationCode/AuthorizationCodeGrant.swift",
     "guard code.record.consumedAt == nil else {", "guard true || code.record.consumedAt == nil else {",
     "AuthorizationCodeGrantTests"),
    ("C8 a code of another client", "Grants/AuthorizationCode/AuthorizationCodeGrant.swift",
     "guard code.content.client == request.client.content.id else {",
     "guard true || code.content.client == request.client.content.id else {", "AuthorizationCodeGrantTests"),
    ("C8 another redirect URI", "Grants/AuthorizationCode/AuthorizationCodeGrant.swift",
     "guard redirectURI == code.redirectURI ||", "guard true || redirectURI == code.redirectURI ||",
     "AuthorizationCodeGrantTests"),
    ("B7 PKCE not verified", "Grants/AuthorizationCode/AuthorizationCodeGrant.swift",
     "try PKCE.verify(challenge: code.codeChallenge, verifier: verifier)", "_ = verifier",
     "AuthorizationCodeGrantTests"),
    ("C8 a closed session's code", "Grants/StandingRight.swift",
     "guard let session, session.subject == subject else {",
     "guard session?.subject == subject || true else {", "RefreshRotationTests"),
    ("C8 a device code pays twice", "Grants/DeviceCode/DeviceCodeGrant.swift",
     "guard code.record.consumedAt == nil else {", "guard true || code.record.consumedAt == nil else {",
     "DeviceCodeGrantTests"),
    ("C10 a device code of another client", "Grants/DeviceCode/DeviceCodeGrant.swift",
     "guard code.content.client == request.client.content.id else {",
     "guard true || code.content.client == request.client.content.id else {", "DeviceCodeGrantTests"),
    ("C10 an expired device code", "Grants/DeviceCode/DeviceCodeGrant.swift",
     "guard request.moment.steady < code.content.expiresAt else {", "guard true else {", "DeviceCodeGrantTests"),
    ("C10 an answer for another request", "Grants/DeviceCode/DeviceVerificationEndpoint.swift",
     "try checkFormToken(request, .deviceConsent, names: Self.names(userCode, name), signOn)", "_ = name",
     "DeviceVerificationTests"),
    ("K34 the form of the code", "Grants/DeviceCode/DeviceVerificationEndpoint.swift",
     "try checkFormToken(request, .deviceCode, names: \"\", signOn)", "", "DeviceVerificationTests"),
    ("L36 guesses are not counted", "Grants/DeviceCode/DeviceVerificationEndpoint.swift",
     "if let wait { return try again(request, signOn, .throttled(wait)) }", "_ = wait", "DeviceVerificationTests"),
    ("G25 a device shows another scope", "Grants/DeviceCode/DeviceVerificationEndpoint.swift",
     "access.scope == code.content.scope, access.audience == code.content.audience", "true",
     "DeviceAuthorizationTests"),
    ("G25 a device gets tokens for another API", "Grants/DeviceCode/DeviceCodeGrant.swift",
     "guard access.scope == code.content.scope, access.audience == code.content.audience else {", "guard true else {",
     "DeviceAuthorizationTests"),
    ("C10 the session of a device's ID token", "Issuance/Minter.swift",
     "if issuance.grantType != .deviceCode {", "if true {", "DeviceVerificationTests"),
    ("D11 the retry limit", "Grants/RefreshToken/RotationRules.swift",
     "guard family.retries < configuration.refreshRetryLimit else {", "guard true else {", "RefreshRotationTests"),
    ("D12 the retry window", "Grants/RefreshToken/RotationRules.swift",
     "elapsed <= configuration.refreshRetryWindow", "true", "RefreshRotationTests"),
    ("D12 a clock in the future", "Grants/RefreshToken/RotationRules.swift",
     "guard elapsed >= .zero else {", "guard true else {", "RefreshRotationTests"),
    ("D11 reuse is judged before access", "Grants/RefreshToken/RefreshTokenGrant.swift",
     "let access = Result {", "_ = try narrowedAccess(request, family.content, material)\n            let access = Result {",
     "RefreshRotationTests"),
    ("D13 a nonce of another history", "Grants/RefreshToken/RotationRules.swift",
     "guard token.nonce == family.nonce else {", "guard true else {", "RefreshRotationTests"),
    ("D14 the person behind a refresh", "Grants/RefreshToken/RefreshTokenGrant.swift",
     "guard let person = material.person, person.isEnabled else {", "guard let person = material.person else {",
     "RefreshRotationTests"),
    ("D14 a changed password", "Grants/RefreshToken/RefreshTokenGrant.swift",
     "guard person.credentialsChangedAt <= content.createdAt else {", "guard true else {", "RefreshRotationTests"),
    ("D14 a closed session", "Grants/RefreshToken/RefreshTokenGrant.swift",
     "guard let live = material.session, live.subject == content.subject else {",
     "guard true else {", "RefreshRotationTests"),
    ("D14 the scope widens", "Grants/RefreshToken/RefreshTokenGrant.swift",
     "if let beyond = accessMaterial.scopes.first(where: { !family.scope.contains($0) }) {",
     "if false, let beyond = accessMaterial.scopes.first(where: { !family.scope.contains($0) }) {",
     "RefreshRotationTests"),
    ("R49 the MAC of a refresh token", "Issuance/RefreshToken.swift",
     "ConstantTime.equal(mac, Array(bytes[Self.bodyLength...]))", "mac.count == 32", "RefreshRotationTests"),
    ("K34 where a request to /session comes from", "BrowserSessions/RequestForgery.swift",
     "guard configuration.csrfDefences.contains(.origin) else { return }", "return", "ForgeryTests"),
    ("K34 the site of a request to /session", "BrowserSessions/RequestForgery.swift",
     """guard provenance.fetchSites.allSatisfy({ $0 == "same-origin" || $0 == "same-site" }) else {""",
     "guard true else {", "ForgeryTests"),
    ("K34 the header of JSON", "BrowserSessions/RequestForgery.swift",
     "guard request.provenance.markers == [marker] else {", "guard true else {", "ForgeryTests"),
    ("K34 the token of a form", "BrowserSessions/RequestForgery.swift",
     "guard let token, Secret(token) == Secret(expected) else {", "guard token != nil || !expected.isEmpty else {",
     "ForgeryTests"),
    ("K34 an answer without a cookie clears one", "BrowserSessions/SessionCookie.swift",
     "guard request.cookies.has(name) else { return [] }", "", "ForgeryTests"),
    ("K34 a code that another site posts", "BrowserSessions/RefreshDelivery.swift",
     "try RequestForgery.checkOrigin(request.provenance, of: client, services.configuration)", "", "CookieDeliveryTests"),
    ("who may take a password", "BrowserSessions/SessionLoginEndpoint.swift",
     "guard client.isFirstParty, client.browserSession != .none else {", "guard true else {", "SessionLoginTests"),
    ("F22 another client's session", "../Accounts/Sessions/Sessions.swift",
     "record.application?.client == client else {", "client != nil || record.application == nil else {",
     "SessionModeTests"),
    ("E16 an assertion's jti", "ClientAuthentication/ClientAuthentication.swift",
     "guard case .applied = outcome else { throw PrivateKeyJWT.replayed(id) }", "_ = outcome", "ClientAuthenticationTests"),
    ("E16 an assertion with two audiences", "ClientAuthentication/PrivateKeyJWT.swift",
     "guard token.audience.count == 1 else {", "guard true else {", "ClientAuthenticationTests"),
    ("E16 an assertion's lifetime", "ClientAuthentication/PrivateKeyJWT.swift",
     "expiry - moment.wall <= Limits.clientAssertionLifetime + Limits.clockSkew", "expiry > now", "ClientAuthenticationTests"),
    ("E17 the secret", "ClientAuthentication/ClientAuthentication.swift",
     "guard matches else {", "guard matches || true else {", "ClientAuthenticationTests"),
    ("E19 a disabled client", "ClientAuthentication/ClientAuthentication.swift",
     "guard client.isEnabled else {", "guard true else {", "ClientAuthenticationTests"),
    ("E18 the registered method", "ClientAuthentication/ClientAuthentication.swift",
     "guard client.authenticationMethod == method else {", "guard true else {", "ClientAuthenticationTests"),
    ("F23 introspection by a stranger", "Endpoints/Introspection/IntrospectionEndpoint.swift",
     "guard live.reading.audience.contains(api.audience.value) else", "guard true else", "ProtectedEndpointTests"),
    ("F23 introspection by another client", "Endpoints/Introspection/IntrospectionEndpoint.swift",
     "guard client.content.id == live.client.content.id else", "guard true else", "ProtectedEndpointTests"),
    ("P44 whose session is ended", "../Accounts/Sessions/Sessions.swift",
     "owner ?? stored.subject == stored.subject", "owner == owner", "SessionTests"),
    ("K34 the token of an account form", "../ServerHTTP/Account/AccountRoom.swift",
     "try visit.check(act, object)", "_ = object", "AccountPageTests"),
    ("K34 the proof of a notice", "../ServerHTTP/Account/AccountRoom.swift",
     "Secret(proof) == Secret(self.proof(of: notice, session: session))", "!proof.isEmpty", "AccountPageTests"),
    ("M39 credentials that changed since they were proven", "../Accounts/People/PeopleChanges.swift",
     "person.credentialsChangedAt == proven.credentialsChangedAt", "proven.subject == person.subject", "PeopleTests"),
    ("K33 who signed in for a request", "Authorization/SessionChoice.swift",
     "if let interaction, interaction.isFresh(current) { return current }", "", "SessionChoiceTests"),
    ("P44 an account that is not signed in here", "Interaction/InteractionEndpoints.swift",
     "guard let chosenOne = accounts.first(where: { $0.subject.value == account }) else { throw .staleForm }",
     "let chosenOne = accounts.first { $0.subject.value == account } ?? accounts[0]", "SessionChoiceTests"),
    ("F22 the type of an access token", "Issuance/AccessTokenVerifier.swift",
     'type: .exactly("at+jwt"),\n            algorithms', "type: .unchecked,\n            algorithms",
     "ProtectedEndpointTests"),
    ("revocation is read", "Issuance/AccessTokenReading.swift",
     'return issuedAt <= cutOff ? "revoked" : nil', 'return issuedAt <= cutOff && false ? "revoked" : nil',
     "ProtectedEndpointTests"),
    ("a claim that introspection adds itself", "Endpoints/Introspection/IntrospectionEndpoint.swift",
     "guard !live.reading.namesIntrospectionMembers else", "guard !live.claims.isEmpty else", "ProtectedEndpointTests"),
    ("revoking another client's token", "Endpoints/Revocation/RevocationEndpoint.swift",
     'guard claims["client_id"]?.stringValue == client.id.value else {', "guard true else {", "ProtectedEndpointTests"),
    ("userinfo without openid", "Endpoints/UserInfo/UserInfoEndpoint.swift",
     "token.scope.contains(.openID) else {", "true else {", "ProtectedEndpointTests"),
    ("a scope that the client may not have", "APIs/ResolvedAccess.swift",
     "for scope in scopes where !client.scopes.contains(scope) {",
     "for scope in scopes where false && !client.scopes.contains(scope) {", "AccessTokenTests"),
    ("personal data in access tokens", "Issuance/AccessTokenClaims.swift",
     "for name in names where claims[name] == nil && !personalClaims.contains(name) {",
     "for name in names where claims[name] == nil {", "AccessTokenTests"),
    ("A1 the redirect URI at the authorization endpoint", "Authorization/Checks/RedirectURICheck.swift",
     "$0.matches(presented)", "presented.hasPrefix($0.value)", "AuthorizationServerTests"),
    ("F20 an agreement on zeros", JWE + "KeyManagement/KeyAgreement.swift",
     "return union == 0 ? nil : secret", "return union == 0 ? secret : secret", "EncryptionAttackTests"),
    ("F20 a private ephemeral key", JWE + "DecryptionKey.swift",
     'guard members["d"] == nil else {', 'guard members["d"] == nil || true else {', "EncryptionAttackTests"),
    ("F21 the tag of encrypted content", JWE + "ContentEncryption/AESCBCHMAC.swift",
     "guard ConstantTime.equal(expected, sealed.tag) else { return nil }",
     "_ = ConstantTime.equal(expected, sealed.tag)", "EncryptionAttackTests"),
    ("F21 a random key where none unwraps", JWE + "CompactJWE.swift", "let contentKey = received?.bitCount",
     'guard received != nil else { throw JOSEError(.decryptionFailed, reason: "no key") }\n'
     "        let contentKey = received?.bitCount", "EncryptionAttackTests"),
    ("F21 an encrypted key beside dir", JWE + "DecryptionKey.swift",
     "return encrypted.isEmpty ? key : nil", "return key", "EncryptionAttackTests"),
    ("F22 a claim that the header of a nested token repeats", JWE + "NestedJWT.swift",
     "repeated != token.unverifiedClaims[name] else", "repeated != token.unverifiedClaims[name], false else",
     "NestedTokenTests"),
    ("PostgreSQL: the version that a replacement names", "../Storage/ChangeJudge.swift",
     "guard present.version == version else { return Conflict(record: present) }\n        if let", "if let",
     POSTGRES_PROMISES),
    ("PostgreSQL: what has expired counts in judgement", "../Storage/ChangeJudge.swift",
     "guard let record = try stored(key), !record.isExpired(at: now) else", "guard let record = try stored(key) else",
     POSTGRES_PROMISES),
    ("PostgreSQL: names are not locked", POSTGRES + "Worker.swift",
     "[Command(sql.lock, locks.parameters()), names.command(sql)]", "[names.command(sql)]", "RaceTests"),
    ("PostgreSQL: what is required is not locked", POSTGRES + "LockName.swift",
     ".requireAbsent(let key): add(key, exclusively: false)", ".requireAbsent(let key): _ = key", "RaceTests"),
    ("PostgreSQL: the order of the locks", POSTGRES + "LockName.swift",
     "locks.sorted { $0.name < $1.name }", "locks", "RaceTests"),
    ("PostgreSQL: the row that was judged", POSTGRES + "RecordSQL.swift",
     "AND r.xmin = n.seen RETURNING 1", "RETURNING 1", "RaceTests"),
    ("PostgreSQL: rows that were judged and not written", POSTGRES + "Schema.swift",
     "IF written IS DISTINCT FROM judged THEN", "IF false THEN", "RaceTests"),
    ("PostgreSQL: an expired record is found", POSTGRES + "Worker.swift",
     "record.flatMap { $0.isExpired(at: now) ? nil : $0 }", "record", POSTGRES_PROMISES),
    ("PostgreSQL: an expired record is listed", POSTGRES + "RecordSQL.swift",
     "(r.expires_at IS NULL OR r.expires_at > $3)", "$3 = $3", POSTGRES_PROMISES),
    ("PostgreSQL: a sweep takes what lives longer by now", POSTGRES + "RecordSQL.swift",
     " AND r.expires_at <= $1\n", "\n", POSTGRES_PROMISES),
    ("PostgreSQL: a commit without an answer is repeated", POSTGRES + "Worker.swift",
     "if error.isInDoubt { return refuse(requests, error.fault) }", "", "LostAnswerTests"),
    ("Redis: an apply that fails has written", "../RedisStore/Scripts/ApplyScript.swift",
     "put(m, r)\n                elseif op == 'consume'",
     "keep(m, writes[seen[m]].before, r)\n                  put(m, r)\n                elseif op == 'consume'",
     "RedisConformanceTests"),
    ("Redis: the record that stood in the way", "../RedisStore/Scripts/ApplyScript.swift",
     "if not r then return {0, position} end", "if true then return {0, position} end", "RedisConformanceTests"),
    ("Redis: what is spent pays twice", "../RedisStore/Scripts/ApplyScript.swift",
     "if not r or r.u ~= '' then return conflict(change, m, r) end", "if not r then return conflict(change, m, r) end",
     "RedisConformanceTests"),
    ("Redis: one apply over two stores", "../Storage/SplitStore.swift",
     "guard belongs == isVolatile ?? belongs else {", "guard true || belongs == isVolatile else {", "SplitStoreTests"),
    ("Redis: another client's session", "../Accounts/Sessions/ApplicationSessions.swift",
     "guard record.application?.client == client else { return nil }", "", "ApartSessionTests"),
    ("Redis: a session whose end is written", "../Accounts/Sessions/SessionsApart.swift",
     "guard end == nil, let person", "guard let person", "ApartFaultTests"),
    ("Redis: a session of a store that lost everything and found it again", "../Accounts/Sessions/SessionsApart.swift",
     "guard let era, session.apart?.era == era.name else { return nil }", "", "ApartFaultTests"),
    ("Redis: a session that somebody else wrote there", "../Accounts/Sessions/SessionsApart.swift",
     "code(record, payload)) else {", "code(record, payload)) || true else {", "ApartFaultTests"),
    ("Redis: a lost session comes back after everything was ended", "../Accounts/Sessions/SessionsApart.swift",
     "if let ended, ended.ends(session) { return nil }", "", "ApartFaultTests"),
    ("Redis: a session that is closed while it is renewed", "../Accounts/Sessions/ApartSessions.swift",
     "end.next = renewed.id", "end.next = nil", "ApartFaultTests"),
    ("Redis: a session under the name of another", "../Accounts/Sessions/SessionsApart.swift",
     "if case .index(let id) = lookup, !session.ids.contains(id) { return nil }", "", "ApartFaultTests"),
    ("Redis: a session listed as another person's", "../Accounts/Sessions/ApartSessions.swift",
     ", session.subject == subject else { continue }", " else { continue }", "ApartFaultTests"),
    ("Redis: a loss right after another", "../Accounts/Sessions/SessionsApart.swift",
     "guard age >= Self.eraInterval || age <= .zero - Self.eraInterval else { return .unsettled }",
     "guard age >= Self.eraInterval || age <= .zero - Self.eraInterval else { return .settled(era) }",
     "ApartFaultTests"),
    ("Redis: a loss that is noticed when an application is disconnected", "../Accounts/Sessions/ApartSessions.swift",
     "told that nothing is left to end.\n        _ = try await settledEra(now: now)", "told that nothing is left to end.",
     "ApartFaultTests"),
    ("Redis: the lease of another one", "../OAuthClientRedis/RedisTokenCache.swift",
     "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end", "redis.call('DEL', KEYS[1])",
     "RedisTokenCacheTests"),
    ("Redis: a token that can be read", "../OAuthClientRedis/RedisTokenCache.swift",
     'command.add("\\(token.fingerprint) ", Array(sealed))', 'command.add("\\(token.accessToken) ", Array(sealed))',
     "RedisTokenCacheTests"),
    ("Redis: a denylist without a beat", "../RevocationFeed/DenylistLayout.swift",
     "values[0] != nil else { return nil }", "values[0] != nil || true else { return nil }", "DenylistTests"),
    ("Redis: a beat while an act waits", "../RedisDenylist/DenylistWriter.swift",
     "guard !step.isBehind else { return false }", "_ = step.isBehind", "DenylistTests"),
    ("Redis: a denylist that is evicted", "../RedisDenylist/DenylistWriter.swift",
     "if !memory.isUnfit {", "if !memory.isUnfit || true {", "DenylistTests"),
    ("Redis: endings where no API is on record", "RevocationFeed/DenylistSource.swift",
     "audiences.insert(configuration.issuerAudience)", "", "DenylistFaultTests"),
    ("Redis: the default audience of yesterday", "RevocationFeed/DenylistSource.swift",
     "audiences.formUnion(try TokenHorizon(from: record).audiences(at: now))", "_ = record", "DenylistFaultTests"),
    ("Redis: a cut-off that is no act", "RevocationFeed/DenylistSource.swift",
     "batch.endings.lazy.filter { $0.cause != .widened }", "batch.endings.lazy.filter { _ in true }",
     "DenylistFaultTests"),
    ("Redis: what was evicted stays away", "../RedisDenylist/DenylistWriter.swift",
     "if !hasBegun { try await beginAnew() }", "", "DenylistFaultTests"),
    ("the feed of a node that slept while the log was pruned", "RevocationFeed/FeedSequencer.swift",
     "guard state.first <= memory.state.last + 1 else { return nil }", "", "RevocationFeedLagTests"),
    ("the numbering stays with a node that cannot follow", "RevocationFeed/FeedPublisher+Look.swift",
     "if engine.failure == nil { engine.lease", "do { engine.lease", "RevocationFeedLagTests"),
    ("what a node read before its reading broke off", "RevocationFeed/FeedPublisher+Look.swift",
     "its messages are lost.\n            reconcile(memory)", "its messages are lost.", "RevocationFeedLagTests"),
    ("a status list while the log stands still", "StatusList/StatusLists.swift",
     "guard !isBehind else {", "guard !isBehind || true else {", "StatusListTokenTests"),
    ("Redis: a beat on what was flushed", "../RedisDenylist/DenylistWriter.swift",
     "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n", "", "DenylistTests"),
    ("Redis: a denylist written over a place that is not the one read", "../RedisDenylist/DenylistWriter.swift",
     "if place ~= ARGV[1] then return 0 end\n", "", "DenylistPlaceTests"),
    ("Redis: a part of the denylist with the mark of another", "../RedisDenylist/DenylistWriter.swift",
     "marks.add(1, ordering: .relaxed).newValue", "marks.load(ordering: .relaxed)", "DenylistPlaceTests"),
    ("Redis: a part of the denylist that comes twice", "../RedisDenylist/DenylistWriter.swift",
     "if place == ARGV[2] then return 1 end\n", "", "DenylistPlaceTests"),
    ("the claim of another process on a client", "Logout/LogoutPush.swift",
     "guard stored.content.claimedUntil == lane.claimedUntil else { return }", "", "LogoutDeliveryTests"),
    ("the claim of another process on a stream", "SecurityEvents/SecurityEventPush.swift",
     "if stream.claimedUntil == lane.claimedUntil { stream.claimedUntil = nil }", "stream.claimedUntil = nil",
     "SecurityEventPushTests"),
    ("Redis: an API without a feed yet", "RevocationFeed/DenylistSource.swift",
     ".union(APIs(store: store).audiences(now: now))", "", "DenylistTests"),
    ("Redis: a second store is swept when the first is done", "../Storage/SplitStore.swift",
     "[(first, half), (second, limit), (first, limit)]", "[(durable, limit), (volatile, limit)]", "SplitSweepTests"),
    ("Redis: a store that fails hides what the other swept", "../Storage/SplitStore.swift",
     "if swept == 0, let failure { throw failure }", "if let failure { throw failure }", "SplitSweepTests"),
    ("Redis: a user without a password", "../RedisClient/RedisAddress.swift",
     'credentials.cut(at: ":"), !password.isEmpty else {', 'credentials.cut(at: ":") else {', "AddressTests"),
    ("Redis: a user is taken for the default one", "../RedisClient/Connections/RedisConnector.swift",
     "if address.user != nil || address.password != nil {", "if address.password != nil {", "OpeningTests"),
    ("a move: whoever opened the store before", "../signet/DataFolder/UnmovedStore.swift",
     "changes + [.requireAbsent(StoreMark.key)]", "changes", "StoreMoveTests"),
    ("a move: a server that was being started", "../signet/Commands/Store/StoreMove.swift",
     "guard settling > .zero else { return }", "guard false else { return }", "StoreMoveTests"),
    ("a move: a server that heeds no mark", "../signet/Commands/Store/StoreMove.swift",
     'try await requireStandstill("the move is not finished, and this store still counts")', "", "StoreMoveTests"),
    ("a move: a server that goes on", "../signet/Serving/MoveWatch.swift", "throw error", "", "StoreMoveTests"),
    ("a restore: what lives longer than the copy knows", "Restoration/Restoration.swift",
     "[.delete(TokenHorizon.key)]", "[]", "RestorationTests"),
    ("a restore: what is ended after it", "Restoration/Restoration.swift",
     "longest.accessTokenLifetime = Limits.longestTokenLifetime", "", "RestorationTests"),
    ("a restore: a store that went back by other means", "../signet/Commands/Store/StoreRestored.swift",
     "try await settings.restoration(of: store, now: now).run(grants, now: now)", "", "StoreCommandTests"),
    ("PostgreSQL: a password with a question mark", POSTGRES + "AddressParts.swift",
     "rest[(at ?? rest.startIndex)...].firstIndex", "rest.firstIndex", "StoreAddressTests"),
    ("PostgreSQL: an address that nobody can read", POSTGRES + "AddressParts.swift",
     'guard isReadable else { return scheme + "***" }', "", "StoreAddressTests"),
    ("PostgreSQL: an announcement that was refused", POSTGRES + "Pool.swift",
     "if case .notify = queued.request { noteNotifying() }", "", "ConnectionTests"),
    ("security events of a storm in one apply", "SecurityEvents/SecurityEventProjection.swift",
     "guard changes.count < Self.largestStep else {", "guard true else {", "SecurityEventProjectionTests"),
    ("security events: where the last step ended", "SecurityEvents/SecurityEventProjection.swift",
     "stream.id == place?.lane ? place?.position ?? 0 : 0", "0", "SecurityEventProjectionTests"),
]


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def check(mutants):
    """Every check that a mutant removes must be there, once."""
    faults = []
    for name, file, old, _, _ in mutants:
        count = (ROOT / SERVER / file).read_text().count(old)
        if count != 1:
            faults.append(f"{name}: its check stands {count} times in {file}")
    for fault in faults:
        print(fault)
    print(f"mutants: {len(mutants) - len(faults)} of {len(mutants)} checks are where they are expected")
    return 1 if faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("word", nargs="?", default="")
    parser.add_argument("--check", action="store_true", help="only look whether every check is still there")
    parser.add_argument("--tree", type=pathlib.Path, help="a clone to change instead of one under .build/mutants")
    arguments = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if arguments.word.lower() in mutant[0].lower()]
    if arguments.check:
        return check(chosen)
    tree = arguments.tree or ROOT / ".build" / "mutants"
    if not tree.exists():
        subprocess.run(["git", "clone", "--quiet", ROOT, tree], check=True)
    survivors = []
    for name, file, old, new, tests in chosen:
        path = tree / SERVER / file
        sound = path.read_text()
        if sound.count(old) != 1:
            survivors.append(f"{name}: the check is not there")
            continue
        path.write_text(sound.replace(old, new))
        began = time.monotonic()
        try:
            outcome = run("swift", "test", "--disable-xctest", "--filter", tests, cwd=tree)
        finally:
            path.write_text(sound)
        output = outcome.stdout + outcome.stderr
        compiled = "Test run started" in output
        verdict = "noticed" if outcome.returncode != 0 and compiled else "SURVIVED" if compiled else "DOES NOT COMPILE"
        if verdict != "noticed":
            survivors.append(name)
        print(f"{verdict:>16}  {name}  ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{len(chosen) - len(survivors)} noticed, {len(survivors)} not: {', '.join(survivors) or 'none'}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
