import Instants
import JOSE
import OAuthVocabulary
import Storage

/// `/device_authorization`, RFC 8628 §3.1: a device asks for a code to show.
package struct DeviceAuthorizationEndpoint: Endpoint {
    /// How often another user code is drawn where one is taken.
    private static let draws = 8

    package let location = EndpointLocation.belowIssuer("/device_authorization")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.registeredOrigins
    package let audience = EndpointAudience.programs
    package let patience = EndpointPatience.answersAtOnce

    package init() {}

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        var known: RegisteredClient?
        do throws(OAuthError) {
            let now = services.time.moment().steady
            let reader = Reader(services, now: now)
            // RFC 8628 §3.1: "The client authentication requirements of Section 3.2.1 of [RFC6749] apply to requests on this
            // endpoint"
            let client = try await ClientAuthentication(services, reader: reader).client(request)
            known = client.content
            let record = try await prove(request, client, reader, services)
            let codes = try await keep(record, for: client, services)
            return EndpointResponse(body: .json(.object(answer(record, codes, services))), client: client.content)
        } catch {
            return .refusal(error, client: known)
        }
    }

    /// The same checks of grant, scope and resource as everywhere (FIELD G25, CVE-2024-52287).
    private func prove(
        _ request: EndpointRequest,
        _ client: Stored<RegisteredClient>,
        _ reader: Reader,
        _ services: Services
    ) async throws(OAuthError) -> DeviceCodeRecord {
        let context = try await AuthorizationContext.load(
            request.parameters,
            client: client,
            from: reader,
            services: services
        )
        var draft = AuthorizationDraft()
        draft.client = client
        if let fault = Pipeline.check(.device, context, &draft) { throw fault.error }
        guard let access = draft.access else { throw .internalFault("the pipeline has no row for scope") }
        return DeviceCodeRecord(
            client: client.content.id,
            scope: access.scope,
            audience: access.audience,
            resource: draft.resource,
            address: request.remoteAddress,
            requestedAt: reader.now,
            expiresAt: reader.now + services.configuration.deviceCodeLifetime,
            intervalSeconds: Limits.devicePollInterval.wholeSeconds
        )
    }

    private struct Codes {
        var device: String
        var user: UserCode
    }

    private func keep(
        _ record: DeviceCodeRecord,
        for client: Stored<RegisteredClient>,
        _ services: Services
    ) async throws(OAuthError) -> Codes {
        for _ in 0..<Self.draws {
            guard let userCode = UserCode(drawnFrom: services.random.bytes(4 * UserCode.length)) else { continue }
            let codes = Codes(device: DeviceCodeRecord.prefix + services.random.text(32), user: userCode)
            let outcome = try await answering { () async throws(StoreError) in
                let insertion = try record.insertion(code: codes.device, userCode: userCode, keys: services.keys)
                return try await services.store.apply([client.unchanged, insertion], now: record.requestedAt)
            }
            switch outcome {
            case .applied: return codes
            // The guard stands first: the client changed since it was authenticated.
            case .conflict(change: 0, _): throw .unavailable("the client changed while a device code was made")
            case .conflict: continue
            }
        }
        throw .unavailable("no user code was free in \(Self.draws) draws")
    }

    /// The answer of RFC 8628 §3.2.
    private func answer(_ record: DeviceCodeRecord, _ codes: Codes, _ services: Services) -> JSONObject {
        let page = services.configuration.url(DeviceVerificationEndpoint.path)
        let complete = FormEncoding.appending([(name: DeviceField.userCode, value: codes.user.shown)], to: page)
        return [
            "device_code": .string(codes.device),
            "user_code": .string(codes.user.shown),
            "verification_uri": .string(page),
            "verification_uri_complete": .string(complete),
            "expires_in": .integer(services.configuration.deviceCodeLifetime.wholeSeconds),
            "interval": .integer(record.intervalSeconds),
        ]
    }
}
