import Instants
import JOSE
import Logging
import OAuthVocabulary
import Storage

/// Turns what was decided into tokens: the only phase that signs or draws identifiers.
struct Minter {
    let services: Services

    init(_ services: Services) { self.services = services }

    /// What was minted: the answer, and what must be stored before it is given.
    struct Minted {
        var response: JSONObject
        var changes: [Change] = []
        /// The refresh token in the answer, if there is one, and when it ends unless it is used.
        var refresh: (token: Secret, expiresAt: Instant)?
        /// What to tell the log once the changes are applied.
        var event: Logger.Message?
        var eventMetadata: Logger.Metadata = [:]

        func log(_ logger: Logger, traceID: String) {
            guard let event else { return }
            logger.info(event, metadata: eventMetadata.merging(["trace_id": "\(traceID)"]) { first, _ in first })
        }
    }

    /// - Parameter place: where the access token is listed, if its API asks for that.
    func mint(
        _ issuance: Issuance,
        for client: RegisteredClient,
        at moment: Moment,
        listedAt place: StatusPlace? = nil
    ) throws(OAuthError) -> Minted {
        var minted = Minted(response: [:])
        let refresh = try refreshToken(issuance, for: client, at: moment, into: &minted)
        guard let tokenID = TokenID(TokenIdentifier.make(at: moment.steady, random: services.random)) else {
            throw .internalFault("an identifier was drawn that is none")
        }
        var claims = AccessTokenClaims.make(
            issuance,
            client: client,
            generation: refresh?.generation ?? 0,
            configuration: services.configuration,
            keys: services.keys,
            at: moment,
            tokenID: tokenID
        )
        if let place {
            claims[StatusReference.claimName] = place.reference.claim(services.configuration)
            minted.changes += try storing { () throws(StoreError) in try place.changes(token: tokenID) }
        }
        let accessToken = try accessToken(claims, format: issuance.access.api?.tokenFormat)
        // RFC 6749 §5.1
        var members: [(name: String, value: JSON)] = [
            ("access_token", .string(accessToken)),
            ("token_type", "Bearer"),
            ("expires_in", .integer(services.configuration.accessTokenLifetime.wholeSeconds)),
            ("scope", .string(issuance.access.scope.description)),
        ]
        if let refresh {
            members.append(("refresh_token", .string(refresh.text)))
            minted.refresh = (Secret(refresh.text), refresh.expiresAt)
        }
        if let plan = issuance.idToken {
            let idToken = try idToken(plan, issuance, for: client, accessToken: accessToken, at: moment)
            members.append(("id_token", .string(idToken)))
        }
        minted.response = JSONObject(uniqueMembers: members)
        return minted
    }

    // MARK: - Access token

    private func accessToken(
        _ claims: JSONObject,
        format: RegisteredAPI.TokenFormat?
    ) throws(OAuthError) -> String {
        if format == .opaque {
            return OpaqueAccessToken.prefix + Base64URL.encode(try services.keys.sealOpaqueToken(claims.serialized()))
        }
        return try sign(claims, type: "at+jwt", algorithm: services.configuration.accessTokenAlgorithm.name)
    }

    private func sign(_ claims: JSONObject, type: String, algorithm: String) throws(OAuthError) -> String {
        guard let key = services.keyring.current.signing[algorithm] else {
            throw .internalFault("there is no active signing key for \(algorithm)")
        }
        do {
            return try JWT.signed(claims, type: type, by: key)
        } catch {
            throw .internalFault("signing with \(algorithm) failed: \(error.code)")
        }
    }

    // MARK: - ID token

    /// OpenID Connect Core §2 and §3.1.3.6.
    private func idToken(
        _ plan: Issuance.IDTokenPlan,
        _ issuance: Issuance,
        for client: RegisteredClient,
        accessToken: String,
        at moment: Moment
    ) throws(OAuthError) -> String {
        guard case .person(let person, let authentication, let session) = issuance.party else {
            throw .internalFault("an ID token was planned without a person")
        }
        let now = moment.wall
        var claims: JSONObject = [
            "iss": .string(services.configuration.issuer.value),
            "sub": .string(person.subject.value),
            "aud": .string(client.id.value),
            "exp": .integer((now + services.configuration.idTokenLifetime).secondsSinceEpoch),
            "iat": .integer(now.secondsSinceEpoch),
            "auth_time": .integer(moment.onTheWall(authentication.at).secondsSinceEpoch),
            "acr": .string(authentication.acr),
            "amr": .array(authentication.amr.map { .string($0) }),
        ]
        // The session is that of a browser elsewhere. A device that could name it could end it: at the logout endpoint an
        // ID token of a session is the proof that the application means that very session.
        if issuance.grantType != .deviceCode { claims["sid"] = .string(session.value) }
        if let algorithm = SignatureAlgorithm(name: client.idTokenAlgorithm) {
            claims["at_hash"] = .string(algorithm.tokenHash(of: accessToken))
        }
        if let nonce = plan.nonce { claims["nonce"] = .string(nonce) }
        return try sign(claims, type: "JWT", algorithm: client.idTokenAlgorithm)
    }

    // MARK: - Refresh token

    private func refreshToken(
        _ issuance: Issuance,
        for client: RegisteredClient,
        at moment: Moment,
        into minted: inout Minted
    ) throws(OAuthError) -> (text: String, generation: UInt32, expiresAt: Instant)? {
        let family: RefreshFamily
        switch issuance.refresh {
        case .none:
            return nil
        case .start(let id):
            family = try newFamily(id, issuance, client: client, at: moment)
            minted.changes.append(
                try storing { () throws(StoreError) in
                    .insert(
                        Record(
                            key: RefreshFamily.key(id),
                            family: id.value,
                            subject: family.subject.value,
                            client: client.id.value,
                            expiresAt: family.expiry(idle: idleLifetime(client), at: moment.steady),
                            payload: try family.encoded()
                        )
                    )
                }
            )
        case .rotate(let stored):
            var next = stored
            next.content.rotate(
                nonce: services.random.bytes(RefreshToken.nonceLength),
                digest: issuance.requestDigest,
                at: moment
            )
            next.record.expiresAt = next.content.expiry(idle: idleLifetime(client), at: moment.steady)
            minted.changes.append(try storing(next.replaced))
            family = next.content
        case .repeatSuccessor(let stored):
            var next = stored
            next.content.retries += 1
            minted.changes.append(try storing(next.replaced))
            minted.event = "refresh token repeated within the retry window"
            minted.eventMetadata = [
                "family": "\(next.content.id)", "client": "\(client.id)", "retries": "\(next.content.retries)",
            ]
            family = next.content
        }
        guard let text = RefreshToken(family).text(client: client.id, keys: services.keys) else {
            throw .internalFault("family \(family.id) does not make a refresh token")
        }
        return (text, family.generation, family.expiry(idle: idleLifetime(client), at: moment.steady))
    }

    private func newFamily(
        _ id: FamilyID,
        _ issuance: Issuance,
        client: RegisteredClient,
        at moment: Moment
    ) throws(OAuthError) -> RefreshFamily {
        guard case .person(let person, let authentication, let session) = issuance.party else {
            throw .internalFault("a refresh family was planned without a person")
        }
        let absolute =
            client.refreshAbsoluteSeconds.map { Duration.seconds($0) } ?? services.configuration.refreshAbsoluteLifetime
        return RefreshFamily(
            id: id,
            client: client.id,
            subject: person.subject,
            // OpenID Connect Back-Channel Logout §2.7: refresh tokens without offline_access end with the session.
            session: issuance.access.scope.contains(.offlineAccess) ? nil : session,
            signOnSession: session,
            authentication: authentication,
            scope: issuance.access.scope,
            resource: issuance.access.api?.audience,
            createdAt: issuance.authorizedAt ?? moment.steady,
            absoluteExpiry: moment.steady + min(absolute, services.configuration.longestRefreshLifetime),
            nonce: services.random.bytes(RefreshToken.nonceLength),
            grantType: issuance.grantType == .authorizationCode ? nil : issuance.grantType
        )
    }

    private func idleLifetime(_ client: RegisteredClient) -> Duration {
        client.refreshIdleSeconds.map { .seconds($0) } ?? services.configuration.refreshIdleLifetime
    }

    private func storing<Value>(_ encode: () throws(StoreError) -> Value) throws(OAuthError) -> Value {
        do {
            return try encode()
        } catch {
            throw .internalFault("\(error)")
        }
    }
}

extension RefreshFamily {
    /// Moves on to the next generation; what the retry rules need to know of this one stays.
    mutating func rotate(nonce next: [UInt8], digest: String?, at moment: Moment) {
        rotations.append(Rotation(generation: generation, at: moment.steady))
        rotations.removeFirst(max(0, rotations.count - Limits.rememberedRotations))
        previousNonce = nonce
        nonce = next
        generation += 1
        retries = 0
        requestDigest = digest
    }

    /// When the family ends if it is not used again.
    func expiry(idle: Duration, at now: Instant) -> Instant { min(now + idle, absoluteExpiry) }
}
