import Instants
import JOSE
import OAuthVocabulary
import Storage

/// The names of the fields in the forms of a device's person.
package enum DeviceField {
    /// RFC 8628 §3.3.1 leaves the name to the server.
    package static let userCode = "user_code"
    package static let request = "request"
}

/// `/device`, the `verification_uri` of RFC 8628 §3.3: GET asks for the code, POST looks it up and asks for consent.
package struct DeviceVerificationEndpoint: Endpoint {
    static let path = "/device"

    package let location = EndpointLocation.belowIssuer(path)
    package let methods: Set<EndpointRequest.Method> = [.get, .post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        let verification = DeviceVerification(services, now: services.time.moment().steady)
        do throws(OAuthError) {
            return request.method == .get ? try await verification.ask(request) : try await verification.look(request)
        } catch {
            return .errorScreen(error)
        }
    }
}

/// `/device/answer`: allow or deny.
package struct DeviceAnswerEndpoint: Endpoint {
    package let location = EndpointLocation.belowIssuer("/device/answer")
    package let methods: Set<EndpointRequest.Method> = [.post]
    package let browserAccess = BrowserAccess.none
    package let audience = EndpointAudience.people

    package func respond(to request: EndpointRequest, with services: Services) async -> EndpointResponse {
        do throws(OAuthError) {
            // Whoever loses a race reads everything again.
            for _ in 0..<Limits.applyAttempts {
                let verification = DeviceVerification(services, now: services.time.moment().steady)
                if let response = try await verification.take(request) { return response }
            }
            throw OAuthError.unavailable("an answer for a device lost every race")
        } catch {
            return .errorScreen(error)
        }
    }
}

/// A person's side of the grant: from the code on a screen to an answer.
struct DeviceVerification: Sendable {
    let services: Services
    let now: Instant

    init(_ services: Services, now: Instant) {
        self.services = services
        self.now = now
    }

    private var reader: Reader { Reader(services, now: now) }
    private var interactions: Interactions { Interactions(services) }

    /// A request that somebody may answer now, with everything that its page and its answer rest on.
    struct OpenRequest: Sendable {
        var code: Stored<DeviceCodeRecord>
        var client: Stored<RegisteredClient>
        var access: ResolvedAccess

        /// The hash that names the record: no credential.
        var name: String { Base64URL.encode(code.record.key.identifier.bytes) }
    }

    // MARK: - The code

    /// Asks for the code.
    ///
    /// One in the address fills the form in and does no more (RFC 8628 §5.4).
    func ask(_ request: EndpointRequest) async throws(OAuthError) -> EndpointResponse {
        switch try await visitor(request) {
        case .mustSignIn(let response): return response
        case .signedIn(let signOn):
            return EndpointResponse(body: .screen(.deviceCode(try codeScreen(request, signOn, problem: nil))))
        }
    }

    /// Looks the code up and shows what the device asks for.
    func look(_ request: EndpointRequest) async throws(OAuthError) -> EndpointResponse {
        let signOn: SignOn
        switch try await visitor(request) {
        case .mustSignIn(let response): return response
        case .signedIn(let found): signOn = found
        }
        // Before anything is counted: another site must not use up this person's attempts.
        try checkFormToken(request, .deviceCode, names: "", signOn)
        guard let userCode = typed(request).flatMap({ UserCode(typed: $0) }) else {
            return try again(request, signOn, .unknownCode)
        }
        // RFC 8628 §5.1: "It is therefore necessary to rate-limit user code attempts". Counted before it is looked up, so that
        // no hundred at once are all the first (FIELD L36, CVE-2018-14657).
        let wait = try await answering { () async throws(StoreError) in
            try await services.throttle.reserveUserCode(by: signOn.subject, address: request.remoteAddress, now: now)
        }
        if let wait { return try again(request, signOn, .throttled(wait)) }
        guard let open = try await open(userCode) else { return try again(request, signOn, .unknownCode) }
        try await answering { () async throws(StoreError) in
            try await services.throttle.giveBackUserCode(by: signOn.subject, address: request.remoteAddress, now: now)
        }
        return EndpointResponse(body: .screen(.deviceConsent(try consentScreen(open, userCode, request, signOn))))
    }

    /// The request of this code, if a person may answer it; unknown, expired and answered ones are all `nil`.
    private func open(_ userCode: UserCode) async throws(OAuthError) -> OpenRequest? {
        guard let code = try await find(userCode), code.content.isOpen(code.record, at: now),
            let client = try await reader.client(code.content.client), client.content.isEnabled,
            client.content.allows(.deviceCode)
        else { return nil }
        let material = try await reader.accessMaterial(
            scope: code.content.scope.description,
            resources: code.content.resource.map { [$0.value] } ?? [],
            client: client.content
        )
        // What the client may ask for can have changed since it asked: what is shown is what is granted, or nothing.
        guard
            let access = try? AccessResolution.resolve(
                material,
                client: client.content,
                configuration: services.configuration
            ),
            access.scope == code.content.scope, access.audience == code.content.audience
        else { return nil }
        return OpenRequest(code: code, client: client, access: access)
    }

    private func find(_ userCode: UserCode) async throws(OAuthError) -> Stored<DeviceCodeRecord>? {
        let index = DeviceCodeRecord.index(userCode, keys: services.keys)
        guard let record = try await reader.find([.index(DeviceCodeRecord.kind, index)])[0] else { return nil }
        return try decoded { () throws(StoreError) in try Stored(record) }
    }

    // MARK: - The answer

    /// Takes an answer; `nil` if something that it rested on changed meanwhile.
    func take(_ request: EndpointRequest) async throws(OAuthError) -> EndpointResponse? {
        let signOn: SignOn
        switch try await visitor(request) {
        case .mustSignIn(let response): return response
        case .signedIn(let found): signOn = found
        }
        let name = request.parameters[DeviceField.request] ?? ""
        guard let userCode = typed(request).flatMap({ UserCode(typed: $0) }) else { throw .staleForm }
        // FIELD C10, K34: the token is of this browser, this session, this code and this very request. It is judged before the
        // code is looked up: this form is no second place to guess at codes.
        try checkFormToken(request, .deviceConsent, names: Self.names(userCode, name), signOn)
        let verdict: DeviceCodeRecord.Answer.Verdict
        switch request.parameters[InteractionField.decision] {
        case "allow": verdict = .allowed
        case "deny": verdict = .denied
        default: throw .unansweredForm
        }
        guard let open = try await open(userCode), open.name == name else {
            return try await answered(userCode, name, verdict, request, signOn)
        }
        guard try await record(verdict, on: open, by: signOn) else { return nil }
        return result(verdict, open.client.content)
    }

    /// The answer and the consent are one apply, guarded by everything that they rest on.
    private func record(
        _ verdict: DeviceCodeRecord.Answer.Verdict,
        on open: OpenRequest,
        by signOn: SignOn
    ) async throws(OAuthError) -> Bool {
        guard let family = FamilyID(services.random.text(16)) else { throw .internalFault("no grant could be named") }
        let client = open.client.content.id
        var code = open.code
        code.content.address = nil
        code.content.answer = DeviceCodeRecord.Answer(
            verdict: verdict,
            at: now,
            subject: signOn.subject,
            session: signOn.session.id,
            authentication: signOn.session.authentication,
            family: family
        )
        code.record.subject = signOn.subject.value
        if verdict == .allowed { code.record.family = family.value }
        let answered = code
        let consent = try await reader.stored(ConsentRecord.self, ConsentRecord.key(signOn.subject, client))
        let outcome = try await answering { () async throws(StoreError) in
            var changes = [open.client.unchanged] + signOn.unchanged
            changes.append(try answered.replaced())
            if verdict == .allowed {
                let division = ConsentRecord.division(of: open.access, configuration: services.configuration)
                changes.append(
                    try Consents.change(
                        consent,
                        adding: division,
                        subject: signOn.subject,
                        client: client,
                        now: now
                    )
                )
                changes += try await services.participations.changes(
                    for: open.client.content,
                    in: signOn.session,
                    now: now
                )
            }
            return try await services.store.apply(changes, now: now)
        }
        return outcome == .applied
    }

    /// The same answer of the same person once more (a button pressed twice) is shown what the first one was.
    private func answered(
        _ userCode: UserCode,
        _ name: String,
        _ verdict: DeviceCodeRecord.Answer.Verdict,
        _ request: EndpointRequest,
        _ signOn: SignOn
    ) async throws(OAuthError) -> EndpointResponse {
        guard let code = try await find(userCode), Base64URL.encode(code.record.key.identifier.bytes) == name,
            let answer = code.content.answer, answer.verdict == verdict, answer.subject == signOn.subject,
            let client = try await reader.client(code.content.client)
        else { return try again(request, signOn, .unknownCode) }
        return result(verdict, client.content)
    }

    private func result(
        _ verdict: DeviceCodeRecord.Answer.Verdict,
        _ client: RegisteredClient
    ) -> EndpointResponse {
        let screen = DeviceAnsweredScreen(
            applicationName: client.name,
            verdict: verdict == .allowed ? .allowed : .denied
        )
        return EndpointResponse(body: .screen(.deviceAnswered(screen)))
    }
}

// MARK: - Pages and forms

extension DeviceVerification {
    private func visitor(_ request: EndpointRequest) async throws(OAuthError) -> Visits.Visitor {
        let fields = typed(request).map { [(name: DeviceField.userCode, value: $0)] } ?? []
        return try await services.visits.visitor(at: DeviceVerificationEndpoint.path, fields: fields, request, now: now)
    }

    /// What came as a code; nothing if it is longer than any code can be written.
    private func typed(_ request: EndpointRequest) -> String? {
        request.parameters[DeviceField.userCode].flatMap { $0.utf8.count <= UserCode.longestInput ? $0 : nil }
    }

    private static func names(_ userCode: UserCode, _ request: String) -> String { "\(userCode.letters) \(request)" }

    private func binding(_ request: EndpointRequest) throws(OAuthError) -> String {
        guard let binding = request.browserBinding else { throw .internalFault("the browser was given no binding") }
        return binding
    }

    private func checkFormToken(
        _ request: EndpointRequest,
        _ purpose: Interactions.FormPurpose,
        names: String,
        _ signOn: SignOn
    ) throws(OAuthError) {
        try interactions.checkFormToken(
            request.parameters[InteractionField.formToken],
            purpose,
            interaction: names,
            browserBinding: try binding(request),
            session: signOn.session
        )
    }

    private func codeScreen(
        _ request: EndpointRequest,
        _ signOn: SignOn,
        problem: DeviceCodeScreen.Problem?
    ) throws(OAuthError) -> DeviceCodeScreen {
        let text = typed(request) ?? ""
        return DeviceCodeScreen(
            typed: UserCode(typed: text)?.shown ?? text,
            problem: problem,
            subject: signOn.subject,
            formToken: interactions.formToken(
                .deviceCode,
                interaction: "",
                browserBinding: try binding(request),
                session: signOn.session
            )
        )
    }

    /// The form again, with what went wrong.
    private func again(
        _ request: EndpointRequest,
        _ signOn: SignOn,
        _ problem: DeviceCodeScreen.Problem
    ) throws(OAuthError) -> EndpointResponse {
        let error: OAuthError
        var headers: [(name: String, value: String)] = []
        switch problem {
        case .unknownCode:
            error = .invalidRequest("the code is unknown, has expired or was used", detail: "no request to answer")
        case .throttled(let wait):
            error = .tooManyRequests(retryAfter: wait, detail: "user codes of this person or address")
            headers = [("Retry-After", "\(max(1, (wait + .milliseconds(999)).wholeSeconds))")]
        }
        return EndpointResponse(
            status: error.status,
            headers: headers,
            body: .screen(.deviceCode(try codeScreen(request, signOn, problem: problem))),
            failure: error
        )
    }

    private func consentScreen(
        _ open: OpenRequest,
        _ userCode: UserCode,
        _ request: EndpointRequest,
        _ signOn: SignOn
    ) throws(OAuthError) -> DeviceConsentScreen {
        let descriptions = open.access.api?.scopes ?? []
        let address = open.code.content.address ?? ""
        return DeviceConsentScreen(
            applicationName: open.client.content.name,
            userCode: userCode,
            request: open.name,
            subject: signOn.subject,
            scopes: open.access.scope.map { scope in
                (scope: scope, text: descriptions.first { $0.scope == scope }?.text)
            },
            address: address,
            origin: address == request.remoteAddress ? .sameAddress : .otherAddress,
            age: max(.zero, now - open.code.content.requestedAt),
            formToken: interactions.formToken(
                .deviceConsent,
                interaction: Self.names(userCode, open.name),
                browserBinding: try binding(request),
                session: signOn.session
            )
        )
    }
}
