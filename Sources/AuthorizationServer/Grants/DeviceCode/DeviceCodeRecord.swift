package import Instants
package import OAuthVocabulary
package import Storage

/// What a device asked for, and what became of it.
///
/// The device code is stored only as the hash that names the record, the user code only as a MAC by which it is found.
package struct DeviceCodeRecord: Payload, Hashable {
    package static let kind = RecordKind("device-code")
    /// Device codes are 256 random bits behind this prefix, so that scanners find them.
    package static let prefix = "signet_dc_"

    /// What the person said.
    package struct Answer: Codable, Hashable, Sendable {
        package enum Verdict: String, Codable, Sendable { case allowed, denied }

        package var verdict: Verdict
        package var at: Instant
        package var subject: Subject
        /// The session of the browser in which they said it.
        package var session: SessionID
        package var authentication: AuthenticationEvent
        /// The grant that begins when the device redeems its code.
        package var family: FamilyID
    }

    package var client: ClientID
    package var scope: ScopeSet
    /// What was asked for when it was shown to a person is what is granted, whatever the records say meanwhile.
    package var audience: [String]
    /// The API that the request named or that its scopes belong to.
    package var resource: ResourceIndicator?
    /// Where the request came from: shown to the person, and forgotten once they have answered.
    package var address: String?
    package var requestedAt: Instant
    /// The record stays a while longer, so that a late device is told what happened.
    package var expiresAt: Instant
    package var intervalSeconds: Int64
    /// When the device last asked, on the steady clock.
    package var polledAt: Instant?
    package var answer: Answer?

    package static func key(_ code: String) -> RecordKey { RecordKey(kind, code) }
    static func index(_ code: UserCode, keys: DerivedKeys) -> SecondaryIndex {
        SecondaryIndex(name: "user-code", value: IdentifierHash(bytes: keys.userCodeMAC(code.letters)))
    }

    /// The change that lets people and the device find it.
    func insertion(code: String, userCode: UserCode, keys: DerivedKeys) throws(StoreError) -> Change {
        .insert(
            Record(
                key: Self.key(code),
                indexes: [Self.index(userCode, keys: keys)],
                client: client.value,
                expiresAt: expiresAt + Limits.expiredDeviceCodeMemory,
                payload: try encoded()
            )
        )
    }

    /// Whether a person may still answer.
    func isOpen(_ record: Record, at now: Instant) -> Bool {
        answer == nil && record.consumedAt == nil && now < expiresAt
    }

    /// The scope that the family outlives its browser's session by.
    var outlivesSession: Bool { scope.contains(.offlineAccess) }
}

extension DeviceCodeRecord {
    /// The device asked before anybody answered: what it is told (RFC 8628 §3.5).
    mutating func poll(at moment: Moment) -> OAuthError {
        let interval = Duration.seconds(intervalSeconds)
        let elapsed = polledAt.map { moment.steady - $0 }
        polledAt = moment.steady
        // A last time in this clock's future is another node's: nobody is blamed for that.
        guard let elapsed, elapsed >= .zero, elapsed < interval - Limits.devicePollTolerance else {
            return OAuthError(.authorizationPending, "the person has not answered yet")
        }
        // RFC 8628 §3.5, slow_down: "the interval MUST be increased by 5 seconds for this and all subsequent requests"
        let slower = min(interval + Limits.devicePollSlowDown, Limits.longestDevicePollInterval)
        intervalSeconds = slower.wholeSeconds
        return OAuthError(
            .slowDown,
            "the device asks too often: wait 5 seconds longer from now on",
            detail: "asked after \(elapsed) of \(interval); the interval is \(intervalSeconds) s now"
        )
    }
}
