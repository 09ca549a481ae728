internal import Instants
internal import IssuerConnection
public import JOSE
internal import OAuthVocabulary

/// What a client expects of ID tokens in general (OpenID Connect Core §3.1.3.7).
public struct IDTokenPolicy: Sendable {
    /// The algorithms that may come: those that the client is registered for.
    public var algorithms: [SignatureAlgorithm]
    /// How far the issuer's clock may be off.
    public var leeway: Duration
    /// How old an ID token may be when it comes.
    public var maximumTokenAge: Duration
    /// Who else may be in `aud`.
    public var trustedAudiences: Set<String>

    /// The algorithms of asymmetric keys in use today; a minute of leeway.
    public init(
        algorithms: [SignatureAlgorithm] = [.rs256, .ps256, .es256, .edDSA, .ed25519],
        leeway: Duration = .seconds(60),
        maximumTokenAge: Duration = .seconds(600),
        trustedAudiences: Set<String> = []
    ) {
        self.algorithms = algorithms
        self.leeway = leeway
        self.maximumTokenAge = maximumTokenAge
        self.trustedAudiences = trustedAudiences
    }
}

/// What one ID token must say besides.
struct IDTokenExpectation: Sendable {
    /// The nonce of the login; `nil` where there was none to send.
    var nonce: String?
    /// Who it must be about, where that is known already.
    var subject: String?
    var maximumAge: Duration?
    var requiredACR: [String] = []
    /// What `at_hash` is of.
    var accessToken: String
}

/// Judges ID tokens.
struct IDTokenJudge: Sendable {
    let dialogue: IssuerDialogue
    let keys: IssuerKeys
    let policy: IDTokenPolicy

    init(_ dialogue: IssuerDialogue, _ policy: IDTokenPolicy) {
        self.dialogue = dialogue
        self.policy = policy
        keys = IssuerKeys(dialogue)
    }

    /// The token, if it is our issuer's, for us, about this login, and in time.
    func verified(
        _ text: String,
        _ expectation: IDTokenExpectation
    ) async throws(OAuthClientError) -> VerifiedToken {
        let now = dialogue.clock.now
        var outcome = verify(text, by: try await keys.current(), now: now)
        // A key that is not there may be younger than our copy.
        if case .failure(let error) = outcome, error.code == .keyUnknown, let newer = try await keys.newer() {
            outcome = verify(text, by: newer, now: now)
        }
        switch outcome {
        case .failure(let error):
            throw Self.refusal("\(error.code) \(error.claim ?? "")")
        case .success(let token):
            try await checkTenant(token)
            try checkParties(token)
            try checkOccasion(token, expectation, now: now)
            return token
        }
    }

    func verify(
        _ text: String,
        by keys: KeySet,
        requiring claims: Set<String> = ["sub", "iat"],
        now: Instant
    ) -> Result<VerifiedToken, JOSEError> {
        Result { () throws(JOSEError) in
            // OIDC Core §3.1.3.7: "The Issuer Identifier for the OpenID Provider (which is typically obtained during
            // Discovery) MUST exactly match the value of the iss (issuer) Claim."
            try UnverifiedToken(text).verified(
                by: keys,
                expecting: Expectations(
                    issuer: dialogue.source.template == nil ? .exactly(dialogue.registration.issuer) : .unchecked,
                    audience: .exactly(dialogue.registration.clientID),
                    type: .unchecked,
                    algorithms: policy.algorithms,
                    now: now,
                    leeway: policy.leeway,
                    maximumAge: policy.maximumTokenAge,
                    requiredClaims: claims
                )
            )
        }
    }

    /// That a token of an issuer with many tenants is of the tenant that it names, signed by a key of that tenant.
    private func checkTenant(_ token: VerifiedToken) async throws(OAuthClientError) {
        guard let template = dialogue.source.template else { return }
        guard let issuer = token.issuer, let tenant = template.tenant(of: issuer),
            token["tid"]?.stringValue?.utf8.elementsEqual(tenant.utf8) == true
        else { throw Self.refusal("iss is not that of its tenant") }
        guard template.admits(tenant) else { throw Self.refusal("the tenant is not one of those allowed") }
        guard let owner = keys.owner(of: token.keyID) else { return }
        // A key may sign for one tenant only; what it signed for another is a forgery by somebody inside.
        guard template.covers(owner, issuer) else { throw Self.refusal("the key is another tenant's") }
    }

    /// Who it is for, and that it is an ID token at all.
    private func checkParties(_ token: VerifiedToken) throws(OAuthClientError) {
        // FIELD F22: an access token or a logout token is no ID token, whoever signed it. Some issuers set no typ.
        let type = token.header["typ"]?.stringValue?.lowercased()
        guard type == nil || type == "jwt" || type == "application/jwt", token["events"] == nil else {
            throw Self.refusal("another kind of token")
        }
        guard let subject = token.subject, !subject.isEmpty, subject.utf8.count <= 255 else {
            throw Self.refusal("sub")
        }
        // OIDC Core §3.1.3.7: "The ID Token MUST be rejected if the ID Token does not list the Client as a valid
        // audience, or if it contains additional audiences not trusted by the Client."
        let others = Set(token.audience).subtracting([dialogue.registration.clientID])
        guard others.isSubset(of: policy.trustedAudiences) else { throw Self.refusal("aud names strangers") }
        // OIDC Core §2: "the party to which the ID Token was issued. If present, it MUST contain the OAuth 2.0 Client ID of
        // this party."
        guard let party = token["azp"] else {
            guard token.audience.count == 1 else { throw Self.refusal("several audiences, and no azp") }
            return
        }
        guard party.stringValue == dialogue.registration.clientID else { throw Self.refusal("azp") }
    }

    /// That it belongs to this login and this access token.
    private func checkOccasion(
        _ token: VerifiedToken,
        _ expectation: IDTokenExpectation,
        now: Instant
    ) throws(OAuthClientError) {
        if let nonce = expectation.nonce {
            // OIDC Core §3.1.3.7: "If a nonce value was sent in the Authentication Request, a nonce Claim MUST be present
            // and its value checked to verify that it is the same value as the one that was sent"
            guard let claimed = token["nonce"]?.stringValue, Secret(claimed) == Secret(nonce) else {
                throw Self.refusal("nonce")
            }
        }
        if let subject = expectation.subject {
            // OIDC Core §12.2: "its sub Claim Value MUST be the same as in the ID Token issued when the original
            // authentication occurred"
            guard token.subject?.utf8.elementsEqual(subject.utf8) == true else {
                throw Self.refusal("sub is another's")
            }
        }
        if let hash = token["at_hash"] {
            let own = token.algorithm.tokenHash(of: expectation.accessToken)
            guard let text = hash.stringValue, ConstantTime.equal(Array(text.utf8), Array(own.utf8)) else {
                throw Self.refusal("at_hash")
            }
        }
        if let maximumAge = expectation.maximumAge {
            // OIDC Core §3.1.2.1: "When max_age is used, the ID Token returned MUST include an auth_time Claim Value."
            guard let time = token["auth_time"]?.integerValue else { throw Self.refusal("auth_time is missing") }
            guard now - Instant(secondsSinceEpoch: time) <= maximumAge + policy.leeway else {
                throw Self.refusal("auth_time is too long ago")
            }
        }
        guard
            expectation.requiredACR.isEmpty
                || token["acr"]?.stringValue.map(expectation.requiredACR.contains) == true
        else { throw Self.refusal("acr") }
    }

    private static func refusal(_ what: String) -> OAuthClientError {
        OAuthClientError(.tokenInvalid, reason: "the ID token is refused: \(what)")
    }
}
