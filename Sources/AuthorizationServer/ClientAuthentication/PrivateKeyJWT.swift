import Instants
import JOSE
import OAuthVocabulary
import Storage

/// `private_key_jwt`: an assertion signed with a key of the client.
///
/// RFC 7523 §3, OpenID Connect Core §9.
enum PrivateKeyJWT {
    static let assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    static let algorithms: [SignatureAlgorithm] = [.es256, .rs256, .edDSA]
    static let assertionKind = RecordKind("client-assertion")
    static let maximumTokenIDLength = 256

    /// The client that the assertion says it is from: only good for finding the keys to check that with.
    static func issuer(_ assertion: String, claimed: ClientID?) throws(OAuthError) -> ClientID {
        guard let token = try? UnverifiedToken(assertion),
            let text = token.unverifiedClaims["sub"]?.stringValue, let id = ClientID(text)
        else { throw PresentedCredentials.failure("client_assertion is not a JWT with a sub") }
        guard claimed == nil || claimed == id else {
            throw PresentedCredentials.failure("client_id differs from the assertion's sub")
        }
        return id
    }

    /// Checks the assertion and returns the record that spends it.
    static func verify(
        _ assertion: String,
        client: RegisteredClient,
        configuration: ProviderConfiguration,
        at moment: Moment
    ) throws(OAuthError) -> Record {
        try spentRecord(
            verified(assertion, client: client, configuration: configuration, now: moment.wall),
            client: client,
            at: moment
        )
    }

    private static func verified(
        _ assertion: String,
        client: RegisteredClient,
        configuration: ProviderConfiguration,
        now: Instant
    ) throws(OAuthError) -> VerifiedToken {
        do throws(JOSEError) {
            let keys = try KeySet(parsing: Array((client.keySet ?? "").utf8))
            let token = try UnverifiedToken(assertion).verified(
                by: keys,
                expecting: Expectations(
                    issuer: .exactly(client.id.value),
                    // The issuer is what the current drafts want; the endpoint's address is what clients send.
                    audience: .anyOf([configuration.issuer.value, configuration.url("/token")]),
                    type: .unchecked,
                    algorithms: algorithms,
                    now: now,
                    leeway: Limits.clockSkew,
                    requiredClaims: ["sub", "jti"]
                )
            )
            return token
        } catch {
            throw PresentedCredentials.failure(
                "assertion of \(client.id) refused: \(error.code) \(error.claim ?? "") \(error.reason)"
            )
        }
    }

    private static func spentRecord(
        _ token: VerifiedToken,
        client: RegisteredClient,
        at moment: Moment
    ) throws(OAuthError) -> Record {
        // RFC 7523 §3: "For client authentication, the subject MUST be the client_id of the OAuth client."
        guard token.subject == client.id.value else { throw PresentedCredentials.failure("sub is not the client") }
        // One audience, or the assertion could be meant for another server as well.
        guard token.audience.count == 1 else {
            throw PresentedCredentials.failure("the assertion has several audiences")
        }
        guard let expiry = token.expiresAt, expiry - moment.wall <= Limits.clientAssertionLifetime + Limits.clockSkew
        else {
            throw PresentedCredentials.failure("the assertion lives longer than \(Limits.clientAssertionLifetime)")
        }
        guard let id = token.tokenID, !id.isEmpty, id.utf8.count <= maximumTokenIDLength else {
            throw PresentedCredentials.failure("jti is empty or too long")
        }
        return Record(
            key: RecordKey(assertionKind, "\(client.id)\u{0}\(id)"),
            client: client.id.value,
            // The client's clock says how long from now; the record counts that by ours.
            expiresAt: moment.steady + (expiry - moment.wall) + Limits.clockSkew,
            payload: []
        )
    }

    /// CVE-2020-5300, CVE-2020-15222: an assertion counts once.
    static func replayed(_ client: ClientID) -> OAuthError {
        PresentedCredentials.failure("the assertion of \(client) was used before")
    }
}
