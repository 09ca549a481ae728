package import JOSE
package import OAuthVocabulary

/// `/revocations/snapshot`: everything that is ended, signed for the caller's nonce.
package struct FeedSnapshotEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/revocations/snapshot")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let api = try await FeedCaller.api(request, services)
            let nonce = try FeedCaller.nonce(request.parameters)
            let bytes = try await services.feed.snapshot(audience: api.audience.value, nonce: nonce)
            return EndpointResponse(
                body: .prepared(contentType: "application/vnd.signet.revocation-snapshot", bytes)
            )
        } catch {
            return .refusal(error)
        }
    }
}

/// `/revocations/events`: what is ended from a place on, as server-sent events.
package struct FeedEventsEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/revocations/events")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let feedRequest = try await FeedCaller.request(request, services)
            let body = try await services.feed.events(feedRequest)
            return EndpointResponse(
                // Proxies that gather an answer before they pass it on would gather this one for ever.
                headers: [(name: "X-Accel-Buffering", value: "no")],
                body: .stream(contentType: "text/event-stream", body)
            )
        } catch {
            return .refusal(error)
        }
    }
}

/// `/revocations/poll`: the same for whoever cannot hold a stream open.
package struct FeedPollEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/revocations/poll")
    package let patience = EndpointPatience.waitsForNews
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let feedRequest = try await FeedCaller.request(request, services)
            let seconds = try FeedCaller.number("wait", in: request.parameters, default: 0)
            guard seconds <= UInt64(FeedLimits.longestPoll.wholeSeconds) else {
                throw OAuthError.invalidRequest("wait must be 0 to 25 seconds", detail: "got \(seconds)")
            }
            let messages = try await services.feed.poll(feedRequest, wait: .seconds(Int64(seconds)))
            return EndpointResponse(
                body: .json(.object(["messages": .array(messages.map { .string($0) })]))
            )
        } catch {
            return .refusal(error)
        }
    }
}

/// `/revocations/jwks`: the feed's own keys, which sign no token.
package struct FeedKeysEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/revocations/jwks")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        // Never kept: a reader asks when it meets a key that it does not know, and wants it now.
        EndpointResponse(
            body: .prepared(contentType: "application/jwk-set+json", services.feed.keySetDocument)
        )
    }
}

/// Who reads the feed, and what they ask for.
enum FeedCaller {
    /// The API that the caller proved to be.
    static func api(_ request: EndpointRequest, _ services: Services) async throws(OAuthError) -> RegisteredAPI {
        let reader = Reader(services, now: services.time.moment().steady)
        switch try await ClientAuthentication(services, reader: reader).caller(request) {
        case .api(let api): return api
        case .client(let client):
            throw OAuthError(
                .accessDenied,
                "the revocation feed is for APIs, with the credentials of the API",
                status: 403,
                detail: "\(client.content.id) is a client"
            )
        }
    }

    static func request(_ request: EndpointRequest, _ services: Services) async throws(OAuthError) -> FeedRequest {
        let api = try await api(request, services)
        return FeedRequest(
            audience: api.audience.value,
            nonce: try nonce(request.parameters),
            epoch: try request.parameters.required("epoch"),
            after: try number("after", in: request.parameters)
        )
    }

    /// Drawn by the reader anew for every request: an answer that repeats it was made after it was drawn.
    static func nonce(_ parameters: Parameters) throws(OAuthError) -> String {
        let nonce = try parameters.required("nonce")
        let isWord = nonce.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isWord, FeedLimits.nonceLength.contains(nonce.utf8.count) else {
            throw .invalidRequest(
                "nonce must be 16 to 128 characters of base64url",
                detail: "\(nonce.utf8.count) bytes"
            )
        }
        return nonce
    }

    static func number(
        _ name: StaticString,
        in parameters: Parameters,
        default fallback: UInt64? = nil
    ) throws(OAuthError) -> UInt64 {
        if let fallback, parameters["\(name)"] == nil { return fallback }
        let text = try parameters.required(name)
        guard text.utf8.count <= 19, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = UInt64(text)
        else {
            throw .invalidRequest("a parameter must be a number in decimal digits", detail: "\(name) is none")
        }
        return number
    }
}

extension OAuthError {
    /// The reader's place is not one that this feed can go on from.
    static func snapshotRequired(_ detail: String) -> OAuthError {
        OAuthError(
            ErrorCode("snapshot_required"),
            "the feed cannot go on from there; take a snapshot",
            status: 410,
            detail: detail
        )
    }
}
