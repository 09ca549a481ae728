import Instants
import OAuthVocabulary

// Version 1, spelled by hand: a family is read and written at every refresh, and by the general encoder and decoder that took
// longer than everything else about it.

extension RefreshFamily {
    package var spelledBody: [UInt8]? {
        var text = PayloadWriter(reserving: 768)
        text.add("{\"absoluteExpiry\":", absoluteExpiry.millisecondsSinceEpoch)
        text.add(",\"authentication\":")
        text.add(body: authentication.spelledBody)
        text.add(",\"client\":", client.value)
        text.add(",\"createdAt\":", createdAt.millisecondsSinceEpoch)
        text.add(",\"generation\":", Int64(generation))
        text.add(",\"grantType\":", grantType?.value)
        text.add(",\"id\":", id.value)
        text.add(",\"keyVersion\":", Int64(keyVersion))
        text.add(",\"nonce\":", nonce)
        text.add(",\"previousNonce\":", previousNonce)
        text.add(",\"requestDigest\":", requestDigest)
        text.add(",\"resource\":", resource?.value)
        text.add(",\"retries\":", Int64(retries))
        text.add(",\"rotations\":[")
        for (index, rotation) in rotations.enumerated() {
            text.add(index > 0 ? ",{\"at\":" : "{\"at\":", rotation.at.millisecondsSinceEpoch)
            text.add(",\"generation\":", Int64(rotation.generation))
            text.add("}")
        }
        text.add("],\"scope\":", scope.description)
        text.add(",\"senderConstraint\":", senderConstraint)
        text.add(",\"session\":", session?.value)
        text.add(",\"signOnSession\":", signOnSession.value)
        text.add(",\"subject\":", subject.value)
        text.add("}")
        return text.spelled
    }

    package static func read(_ text: inout PayloadScanner) -> RefreshFamily? {
        guard let absoluteExpiry = text.value("{\"absoluteExpiry\":", { $0.instant() }),
            let authentication = text.value(",\"authentication\":", AuthenticationEvent.read),
            let client = text.value(",\"client\":", { $0.text().flatMap { ClientID($0) } }),
            let createdAt = text.value(",\"createdAt\":", { $0.instant() }),
            let generation = text.value(",\"generation\":", { $0.number().flatMap { UInt32(exactly: $0) } }),
            let grantType = text.optional(",\"grantType\":", { $0.text().map { GrantType($0) } }),
            let id = text.value(",\"id\":", { $0.text().flatMap { FamilyID($0) } }),
            let keyVersion = text.value(",\"keyVersion\":", { $0.number().flatMap { UInt8(exactly: $0) } }),
            let nonce = text.value(",\"nonce\":", { $0.bytes() }),
            let previousNonce = text.optional(",\"previousNonce\":", { $0.bytes() }),
            let requestDigest = text.optional(",\"requestDigest\":", { $0.text() }),
            let resource = text.optional(",\"resource\":", { $0.text().flatMap { ResourceIndicator($0) } }),
            let retries = text.value(",\"retries\":", { $0.number().flatMap { Int(exactly: $0) } }),
            let rotations = text.value(",\"rotations\":[", { $0.elements(Rotation.read) }),
            let scope = text.value(",\"scope\":", { $0.text().flatMap(ScopeSet.init(parameter:)) }),
            let senderConstraint = text.optional(",\"senderConstraint\":", { $0.text() }),
            let session = text.optional(",\"session\":", { $0.text().flatMap { SessionID($0) } }),
            let signOnSession = text.value(",\"signOnSession\":", { $0.text().flatMap { SessionID($0) } }),
            let subject = text.value(",\"subject\":", { $0.text().flatMap { Subject($0) } }), text.take("}")
        else { return nil }
        return RefreshFamily(
            id: id,
            client: client,
            subject: subject,
            session: session,
            signOnSession: signOnSession,
            authentication: authentication,
            scope: scope,
            resource: resource,
            createdAt: createdAt,
            absoluteExpiry: absoluteExpiry,
            generation: generation,
            nonce: nonce,
            previousNonce: previousNonce,
            rotations: rotations,
            retries: retries,
            requestDigest: requestDigest,
            keyVersion: keyVersion,
            senderConstraint: senderConstraint,
            grantType: grantType
        )
    }
}

extension RefreshFamily.Rotation {
    fileprivate static func read(_ text: inout PayloadScanner) -> Self? {
        guard let at = text.value("{\"at\":", { $0.instant() }),
            let generation = text.value(",\"generation\":", { $0.number().flatMap { UInt32(exactly: $0) } }),
            text.take("}")
        else { return nil }
        return Self(generation: generation, at: at)
    }
}

extension AuthenticationEvent {
    var spelledBody: [UInt8]? {
        var text = PayloadWriter(reserving: 64)
        text.add("{\"acr\":", acr)
        text.add(",\"amr\":")
        text.add(texts: amr)
        text.add(",\"at\":", at.millisecondsSinceEpoch)
        text.add("}")
        return text.spelled
    }

    static func read(_ text: inout PayloadScanner) -> Self? {
        guard let acr = text.value("{\"acr\":", { $0.text() }),
            let amr = text.value(",\"amr\":[", { $0.elements { $0.text() } }),
            let at = text.value(",\"at\":", { $0.instant() }), text.take("}")
        else { return nil }
        return Self(at: at, acr: acr, amr: amr)
    }
}
