import JOSE
import OAuthVocabulary
import Storage

/// What the transmitter is: SSF 1.0 section 7.
package struct TransmitterConfigurationEndpoint: Endpoint {
    package let location = EndpointLocation.wellKnown("ssf-configuration")
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.everyone
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let configuration = services.configuration
        let document: JSONObject = [
            "spec_version": "1_0",
            "issuer": .string(configuration.issuer.value),
            "jwks_uri": .string(configuration.url("/jwks.json")),
            "delivery_methods_supported": [
                .string(SecurityEventDelivery.push), .string(SecurityEventDelivery.poll),
            ],
            "configuration_endpoint": .string(configuration.url(StreamConfigurationEndpoint.path)),
            "status_endpoint": .string(configuration.url(StreamStatusEndpoint.path)),
            "verification_endpoint": .string(configuration.url(StreamVerificationEndpoint.path)),
            // HTTP Basic with the credentials of the API.
            "authorization_schemes": [.object(["spec_urn": "urn:ietf:rfc:7617"])],
            "default_subjects": "ALL",
        ]
        return EndpointResponse(
            body: .prepared(contentType: "application/json", document.serialized()),
            caching: .publicFor(.seconds(300))
        )
    }
}

/// The names of the delivery methods: SSF 1.0 section 6.1.
enum SecurityEventDelivery {
    static let push = "urn:ietf:rfc:8935"
    static let poll = "urn:ietf:rfc:8936"
}

/// Who receives.
enum SecurityEventReceiver {
    /// The API that the caller proved to be.
    static func api(_ request: EndpointRequest, _ services: Services) async throws(OAuthError) -> RegisteredAPI {
        let reader = Reader(services, now: services.time.moment().steady)
        switch try await ClientAuthentication(services, reader: reader).caller(request) {
        case .api(let api): return api
        case .client(let client):
            throw OAuthError(
                .accessDenied,
                "event streams are for APIs, with the credentials of the API",
                status: 403,
                detail: "\(client.content.id) is a client"
            )
        }
    }
}

/// The configuration of the caller's streams, to read only: SSF 1.0 section 8.1.1.2.
///
/// The operator registers them, because the operator decides who learns what of whom.
package struct StreamConfigurationEndpoint: Endpoint {
    static let path = "/ssf/stream"
    package let location = EndpointLocation.belowIssuer(path)
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let api = try await SecurityEventReceiver.api(request, services)
            if let id = request.parameters["stream_id"] {
                let stream = try await services.securityEvents.stream(id, of: api)
                return EndpointResponse(body: .json(.object(document(stream.content, services))))
            }
            let now = services.time.moment().steady
            let all = try await answering { () async throws(StoreError) in
                try await services.securityEvents.streams.list(now: now)
            }
            let mine = all.filter { $0.audience == api.audience }.map { JSON.object(document($0, services)) }
            return EndpointResponse(body: .json(.array(mine)))
        } catch {
            return .refusal(error)
        }
    }

    private func document(_ stream: EventStreamRecord, _ services: Services) -> JSONObject {
        let delivery: JSONObject =
            switch stream.delivery {
            case .poll:
                // SSF 1.0 section 6.1.2: "These URLs MAY be reused across Receivers, but MUST be unique per stream"
                [
                    "method": .string(SecurityEventDelivery.poll),
                    "endpoint_url": .string(
                        services.configuration.url("\(SecurityEventPollEndpoint.path)?stream_id=\(stream.id)")
                    ),
                ]
            case .push(let url, _): ["method": .string(SecurityEventDelivery.push), "endpoint_url": .string(url)]
            }
        return [
            "stream_id": .string(stream.id),
            "iss": .string(services.configuration.issuer.value),
            "aud": .string(stream.audience.value),
            "events_supported": .array(SecurityEventType.all.map { .string($0) }),
            "events_requested": .array(stream.events.map { .string($0) }),
            "events_delivered": .array(stream.events.map { .string($0) }),
            "delivery": .object(delivery),
            "min_verification_interval": .integer(SecurityEvents.verificationInterval.wholeSeconds),
        ]
    }
}

/// How a stream is: SSF 1.0 section 8.1.2.1.
package struct StreamStatusEndpoint: Endpoint {
    static let path = "/ssf/status"
    package let location = EndpointLocation.belowIssuer(path)
    package let methods: Set<EndpointRequest.Method> = [.get]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let api = try await SecurityEventReceiver.api(request, services)
            let id = try request.parameters.required("stream_id")
            let stream = try await services.securityEvents.stream(id, of: api).content
            var document: JSONObject = ["stream_id": .string(stream.id), "status": "enabled"]
            if let moment = stream.health.lastLostAt {
                document["reason"] = .string(
                    "\(stream.health.lost) events waited longer than 7 days and were dropped, the last ones at "
                        + "\(moment.secondsSinceEpoch)"
                )
            }
            return EndpointResponse(body: .json(.object(document)))
        } catch {
            return .refusal(error)
        }
    }
}

/// Asks for an event that shows that the stream works: SSF 1.0 section 8.1.4.2.
package struct StreamVerificationEndpoint: Endpoint {
    static let path = "/ssf/verify"
    /// The longest `state`, in bytes.
    private static let longestState = 1024
    package let location = EndpointLocation.belowIssuer(path)
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs
    package let accepts = AcceptedBody.json(maximumBytes: 4096)

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let api = try await SecurityEventReceiver.api(request, services)
            guard let body = request.json?.objectValue, let id = body["stream_id"]?.stringValue else {
                throw OAuthError.invalidRequest("the body must be a JSON object with stream_id")
            }
            let state = body["state"]?.stringValue
            guard body["state"] == nil || state != nil, state?.utf8.count ?? 0 <= Self.longestState else {
                throw OAuthError.invalidRequest("state must be a string of at most 1024 bytes")
            }
            let stream = try await services.securityEvents.stream(id, of: api)
            try await services.securityEvents.verify(stream, state: state)
            return EndpointResponse(status: 204, body: .empty)
        } catch {
            return .refusal(error)
        }
    }
}

/// Where a receiver fetches its events: RFC 8936.
package struct SecurityEventPollEndpoint: Endpoint {
    static let path = "/ssf/poll"
    package let location = EndpointLocation.belowIssuer(path)
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.programs
    package let accepts = AcceptedBody.json(maximumBytes: 64 * 1024)
    package let patience = EndpointPatience.waitsForNews

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            let api = try await SecurityEventReceiver.api(request, services)
            let id = try request.parameters.required("stream_id")
            let stream = try await services.securityEvents.stream(id, of: api).content
            guard case .poll = stream.delivery else {
                throw OAuthError.invalidRequest("this stream is pushed, not polled", detail: "stream \(id)")
            }
            let poll = try SecurityEventPoll(request.json)
            return EndpointResponse(body: .json(.object(try await services.securityEvents.poll(id, poll))))
        } catch {
            return .refusal(error)
        }
    }
}
